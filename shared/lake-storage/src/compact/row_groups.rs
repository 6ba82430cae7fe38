//! The row groups of many Parquet files as few large ones of one file.
//!
//! Column by column, and some thousand values at a time: decoded is never more than a page of each
//! column. What is written has the statistics and the compression that all files have.

use bytes::Bytes;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::column::writer::{ColumnWriter, ColumnWriterImpl};
use parquet::data_type::{
    BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::TypePtr;

use crate::file_writer::FileWriter;

/// Rows of a group: between 100,000 and 1,000,000 is what DuckDB advises
/// (<https://duckdb.org/docs/stable/guides/performance/file_formats>).
const MAX_ROWS: usize = 250_000;
/// Values that are decoded at a time.
const VALUES: usize = 8_192;

type File = SerializedFileReader<Bytes>;

/// A file's row group.
#[derive(Clone, Copy)]
struct Group {
    file: usize,
    place: usize,
    rows: usize,
}

/// What the rows of a file are made of.
///
/// # Errors
/// When it is no Parquet file.
pub(super) fn schema(file: Bytes) -> Result<TypePtr, ParquetError> {
    Ok(File::new(file)?.metadata().file_metadata().schema_descr().root_schema_ptr())
}

/// All rows of these files, which have one schema, as one; and how many each has.
///
/// # Errors
/// With the place of a file that cannot be read.
pub(super) fn merge(files: &[Bytes]) -> Result<(Vec<u8>, Vec<usize>), (usize, ParquetError)> {
    let open = |(at, file): (usize, &Bytes)| File::new(file.clone()).map_err(|error| (at, error));
    let files: Vec<File> = files.iter().enumerate().map(open).collect::<Result<_, _>>()?;
    let groups: Vec<Group> = files.iter().enumerate().flat_map(groups).collect();
    let of_file = |at| groups.iter().filter(move |group| group.file == at);
    let rows: Vec<usize> =
        (0..files.len()).map(|at| of_file(at).map(|group| group.rows).sum()).collect();
    let Some(first) = files.first() else {
        return Err((0, ParquetError::General("no file".to_owned())));
    };
    let schema = first.metadata().file_metadata().schema_descr().root_schema_ptr();
    let writer = FileWriter::new(schema, rows.iter().sum());
    let mut writer = writer.map_err(|error| (0, error))?;
    let mut rest = groups.as_slice();
    while !rest.is_empty() {
        let (next, after) = rest.split_at(fitting(rest));
        write_group(&mut writer, &files, next)?;
        rest = after;
    }
    let body = writer.finish().map_err(|error| (0, error))?;
    Ok((body, rows))
}

fn groups((file, reader): (usize, &File)) -> impl Iterator<Item = Group> {
    let groups = reader.metadata().row_groups().iter().enumerate();
    groups.map(move |(place, group)| Group {
        file,
        place,
        rows: usize::try_from(group.num_rows()).unwrap_or_default(),
    })
}

/// How many of these one group takes; at least one.
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
