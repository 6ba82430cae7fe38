//! Merges the row groups of many Parquet files into few large ones of one file.
//!
//! It copies column by column, and some thousand values at a time, so that at most a page of a column is decoded. The
//! result has the statistics and the compression of all files.

use bytes::Bytes;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::column::writer::{ColumnWriter, ColumnWriterImpl};
use parquet::data_type::{
    BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::TypePtr;

use crate::file_writer::FileWriter;

/// The most rows of a group that is merged from several. DuckDB recommends 100,000 to 1,000,000
/// (<https://duckdb.org/docs/stable/guides/performance/file_formats>).
const MAX_ROWS: usize = 250_000;
/// The most values that are decoded at a time.
const VALUES: usize = 8_192;

type File = SerializedFileReader<Bytes>;

/// A file's row group.
#[derive(Clone, Copy)]
struct Group {
    file: usize,
    place: usize,
    rows: usize,
}

/// The schema of a file.
///
/// # Errors
/// When it is not a Parquet file.
pub(super) fn schema(file: Bytes) -> Result<TypePtr, ParquetError> {
    Ok(File::new(file)?.metadata().file_metadata().schema_descr().root_schema_ptr())
}

/// The body of one file with all rows of these files, which must have one schema, and the number of rows of each.
///
/// # Errors
/// The position of a file that cannot be read, and why.
pub(super) fn merge(bodies: &[Bytes]) -> Result<(Vec<u8>, Vec<usize>), (usize, ParquetError)> {
    let mut files = Vec::with_capacity(bodies.len());
    let mut groups: Vec<Group> = Vec::new();
    let mut rows = Vec::with_capacity(bodies.len());
    for (at, body) in bodies.iter().enumerate() {
        let file = File::new(body.clone()).map_err(|error| (at, error))?;
        let of_file = groups_of(at, &file);
        rows.push(of_file.iter().map(|group| group.rows).sum());
        groups.extend(of_file);
        files.push(file);
    }
    let Some(first) = files.first() else {
        return Err((0, ParquetError::General("no file".to_owned())));
    };
    let schema = first.metadata().file_metadata().schema_descr().root_schema_ptr();
    let mut writer = FileWriter::new(schema, rows.iter().sum()).map_err(|error| (0, error))?;
    let mut rest = groups.as_slice();
    while !rest.is_empty() {
        let (next, after) = rest.split_at(fitting(rest));
        write_group(&mut writer, &files, next)?;
        rest = after;
    }
    let body = writer.finish().map_err(|error| (0, error))?;
    Ok((body, rows))
}

/// The row groups of the file at a position.
fn groups_of(file: usize, reader: &File) -> Vec<Group> {
    let mut groups = Vec::new();
    for (place, group) in reader.metadata().row_groups().iter().enumerate() {
        let rows = usize::try_from(group.num_rows()).unwrap_or_default();
        groups.push(Group { file, place, rows });
    }
    groups
}

/// How many of these groups fit into one; at least one.
fn fitting(groups: &[Group]) -> usize {
    let mut rows = 0;
    let fits = groups.iter().take_while(|group| {
        rows += group.rows;
        rows <= MAX_ROWS
    });
    fits.count().max(1)
}

fn write_group(
    writer: &mut FileWriter,
    files: &[File],
    groups: &[Group],
) -> Result<(), (usize, ParquetError)> {
    let mut at = groups.first().map_or(0, |group| group.file);
    let written = writer.row_group(|place, to| {
        groups.iter().try_for_each(|group| {
            at = group.file;
            let from = files[at].get_row_group(group.place)?.get_column_reader(place)?;
            copy(from, to, group.rows)
        })
    });
    written.map_err(|error| (at, error))
}

fn copy(from: ColumnReader, to: &mut ColumnWriter<'_>, rows: usize) -> Result<(), ParquetError> {
    use ColumnReader as From;
    use ColumnWriter as To;
    match (from, to) {
        (From::BoolColumnReader(from), To::BoolColumnWriter(to)) => {
            copy_values::<BoolType>(from, to, rows)
        }
        (From::Int32ColumnReader(from), To::Int32ColumnWriter(to)) => {
            copy_values::<Int32Type>(from, to, rows)
        }
        (From::Int64ColumnReader(from), To::Int64ColumnWriter(to)) => {
            copy_values::<Int64Type>(from, to, rows)
        }
        (From::DoubleColumnReader(from), To::DoubleColumnWriter(to)) => {
            copy_values::<DoubleType>(from, to, rows)
        }
        (From::ByteArrayColumnReader(from), To::ByteArrayColumnWriter(to)) => {
            copy_values::<ByteArrayType>(from, to, rows)
        }
        (From::FixedLenByteArrayColumnReader(from), To::FixedLenByteArrayColumnWriter(to)) => {
            copy_values::<FixedLenByteArrayType>(from, to, rows)
        }
        _ => Err(ParquetError::General("a column of a type that no lake writes".to_owned())),
    }
}

fn copy_values<T: DataType>(
    mut from: ColumnReaderImpl<T>,
    to: &mut ColumnWriterImpl<'_, T>,
    rows: usize,
) -> Result<(), ParquetError> {
    let is_nullable = to.get_descriptor().max_def_level() > 0;
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut left = rows;
    while left > 0 {
        values.clear();
        levels.clear();
        let wanted = left.min(VALUES);
        let (read, ..) = from.read_records(wanted, Some(&mut levels), None, &mut values)?;
        if read == 0 {
            return Err(ParquetError::EOF("a column ends early".to_owned()));
        }
        to.write_batch(&values, is_nullable.then_some(levels.as_slice()), None)?;
        left -= read;
    }
    Ok(())
}
