//! Writes rows as a Parquet file, and reads the keys of such a file.
//!
//! A file has one row group, since it holds at most the events of one invocation. Each column is compressed with ZSTD,
//! and has the minimum, the maximum and the number of nulls of its row group, by which engines skip the group
//! (<https://parquet.apache.org/docs/file-format/metadata/>). Columns whose values are different in each row have no
//! dictionary, and in a file of few rows no column has one.

use bytes::Bytes;
use contracts::ValueKind;
use event::IdempotencyKey;
use parquet::column::reader::ColumnReader;
use parquet::column::writer::{
    ColumnWriter, ColumnWriterImpl, get_typed_column_writer_mut as typed,
};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray,
    FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::columns::{Cell, Column, Columns, KEY_COLUMN};
use crate::file_writer::FileWriter;

/// The file of these rows, each of which has a cell for each column. Without rows, the file has no row group.
pub(crate) fn write(columns: &Columns, rows: &[&[Cell]]) -> Result<Vec<u8>, ParquetError> {
    let mut file = FileWriter::new(columns.schema(), rows.len())?;
    if !rows.is_empty() {
        let all: Vec<&Column> = columns.iter().collect();
        file.row_group(|at, to| {
            write_column(to, all[at], rows.iter().filter_map(|row| row.get(at)))
        })?;
    }
    file.finish()
}

/// The keys of a file's rows.
///
/// # Errors
/// When the file is not one that [`write`] makes.
pub(crate) fn keys(file: Bytes) -> Result<Vec<IdempotencyKey>, ParquetError> {
    let reader = SerializedFileReader::new(file)?;
    let metadata = reader.metadata().file_metadata();
    let columns = metadata.schema_descr().columns();
    let at = columns
        .iter()
        .position(|column| column.name() == KEY_COLUMN)
        .ok_or_else(|| ParquetError::General(format!("no column {KEY_COLUMN}")))?;
    let mut keys = Vec::new();
    for place in 0..reader.num_row_groups() {
        let group = reader.get_row_group(place)?;
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
        let ColumnReader::ByteArrayColumnReader(mut column) = group.get_column_reader(at)? else {
            return Err(ParquetError::General(format!("{KEY_COLUMN} is no text")));
        };
        let mut values: Vec<ByteArray> = Vec::with_capacity(rows);
        while values.len() < rows {
            let (read, ..) = column.read_records(rows - values.len(), None, None, &mut values)?;
            if read == 0 {
                return Err(ParquetError::EOF(format!("{KEY_COLUMN} ends early")));
            }
        }
        for value in &values {
            keys.push(IdempotencyKey::from(value.as_utf8()?.to_owned()));
        }
    }
    Ok(keys)
}

fn write_column<'a>(
    writer: &mut ColumnWriter<'_>,
    column: &Column,
    cells: impl Iterator<Item = &'a Cell>,
) -> Result<(), ParquetError> {
    let is_nullable = column.is_nullable;
    match column.kind {
        ValueKind::Boolean => write_cells(typed::<BoolType>(writer), is_nullable, cells, |cell| {
            if let Cell::Boolean(value) = cell { Some(*value) } else { None }
        }),
        ValueKind::Integer | ValueKind::Time { .. } => {
            write_cells(typed::<Int64Type>(writer), is_nullable, cells, |cell| {
                if let Cell::Integer(value) = cell { Some(*value) } else { None }
            })
        }
        ValueKind::Date => write_cells(typed::<Int32Type>(writer), is_nullable, cells, |cell| {
            if let Cell::Days(days) = cell { Some(*days) } else { None }
        }),
        ValueKind::Number => write_cells(typed::<DoubleType>(writer), is_nullable, cells, |cell| {
            if let Cell::Number(value) = cell { Some(*value) } else { None }
        }),
        ValueKind::Decimal { .. } => {
            write_cells(typed::<FixedLenByteArrayType>(writer), is_nullable, cells, |cell| {
                // Two's complement, the most significant byte first:
                // <https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#decimal>.
                if let Cell::Decimal(value) = cell {
                    Some(FixedLenByteArray::from(value.to_be_bytes().to_vec()))
                } else {
                    None
                }
            })
        }
        ValueKind::Text | ValueKind::Json => {
            write_cells(typed::<ByteArrayType>(writer), is_nullable, cells, |cell| {
                if let Cell::Text(text) = cell {
                    Some(ByteArray::from(text.as_str()))
                } else {
                    None
                }
            })
        }
    }
}

/// Writes the values that are not null, and for each row whether it has a value.
fn write_cells<'a, T: DataType>(
    writer: &mut ColumnWriterImpl<'_, T>,
    is_nullable: bool,
    cells: impl Iterator<Item = &'a Cell>,
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for cell in cells {
        let value = value(cell);
        levels.push(i16::from(value.is_some()));
        values.extend(value);
    }
    writer.write_batch(&values, is_nullable.then_some(levels.as_slice()), None)?;
    Ok(())
}
