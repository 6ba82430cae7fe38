//! Random rows, written by the `parquet` crate in random row groups, pages and encodings, are read as they were.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;
use sluicegate_parquet_rows::{RowReader, Step};

const SCHEMA: &str = "
message rows {
    required int64 id;
    optional binary name (STRING);
    optional group numbers (LIST) { repeated group list { optional int32 element; } }
}
";

#[derive(Clone, Debug)]
struct Row {
    id: i64,
    name: Option<String>,
    numbers: Option<Vec<Option<i32>>>,
}

impl Row {
    fn json(&self) -> String {
        let name = serde_json::to_string(&self.name).unwrap();
        let numbers = serde_json::to_string(&self.numbers).unwrap();
        format!("{{\"id\":{},\"name\":{name},\"numbers\":{numbers}}}", self.id)
    }
}

/// How a file is written.
#[derive(Clone, Debug)]
struct Writing {
    rows_in_group: usize,
    page_bytes: usize,
    has_dictionary: bool,
    is_delta: bool,
    is_second_version: bool,
    is_packed: bool,
}

fn write(rows: &[Row], writing: &Writing) -> Vec<u8> {
    let mut properties = WriterProperties::builder()
        .set_data_page_size_limit(writing.page_bytes)
        .set_write_batch_size(7)
        .set_dictionary_enabled(writing.has_dictionary);
    if writing.is_second_version {
        properties = properties.set_writer_version(WriterVersion::PARQUET_2_0);
    }
    if writing.is_packed {
        properties = properties.set_compression(Compression::ZSTD(Default::default()));
    }
    if writing.is_delta {
        properties = properties
            .set_column_encoding("id".into(), Encoding::DELTA_BINARY_PACKED)
            .set_column_encoding("name".into(), Encoding::DELTA_BYTE_ARRAY);
    }
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut file = Vec::new();
    let properties = Arc::new(properties.build());
    let mut writer = SerializedFileWriter::new(&mut file, schema, properties).unwrap();
    for rows in rows.chunks(writing.rows_in_group) {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        column.typed::<Int64Type>().write_batch(&ids, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let names: Vec<ByteArray> =
            rows.iter().filter_map(|row| row.name.as_deref().map(ByteArray::from)).collect();
        let defs: Vec<i16> = rows.iter().map(|row| i16::from(row.name.is_some())).collect();
        column.typed::<ByteArrayType>().write_batch(&names, Some(&defs), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let (mut numbers, mut defs, mut reps) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            match &row.numbers {
                None => defs.push(0),
                Some(items) if items.is_empty() => defs.push(1),
                Some(items) => {
                    defs.extend(items.iter().map(|item| if item.is_some() { 3 } else { 2 }));
                    reps.extend([0]);
                    reps.extend(vec![1; items.len() - 1]);
                    numbers.extend(items.iter().flatten());
                    continue;
                }
            }
            reps.push(0);
        }
        column.typed::<Int32Type>().write_batch(&numbers, Some(&defs), Some(&reps)).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    file
}

/// The rows of a file from a row on, in lines.
fn read(file: &[u8], from: u64) -> Result<String, String> {
    let mut reader = RowReader::new(file.len() as u64, from, 1024 * 1024);
    let mut lines = String::new();
    loop {
        match reader.advance().map_err(|error| error.to_string())? {
            Step::Read(part) => {
                let begin = usize::try_from(part.offset).unwrap();
                let bytes = &file[begin..][..usize::try_from(part.length).unwrap()];
                reader.supply(bytes.to_vec().into()).map_err(|error| error.to_string())?;
            }
            Step::Row(row) => {
                let text = row.map_err(|refusal| refusal.to_string())?;
                writeln!(lines, "{}", std::str::from_utf8(text).unwrap()).unwrap();
            }
            Step::End => return Ok(lines),
        }
    }
}

fn row() -> impl Strategy<Value = Row> {
    let numbers = proptest::collection::vec(proptest::option::of(any::<i32>()), 0..6);
    let name = prop_oneof!["[a-c]{0,3}", ".{0,20}"];
    (any::<i64>(), proptest::option::of(name), proptest::option::of(numbers))
        .prop_map(|(id, name, numbers)| Row { id, name, numbers })
}

fn writing() -> impl Strategy<Value = Writing> {
    (1..60_usize, 1..400_usize, any::<[bool; 4]>()).prop_map(|(rows_in_group, page_bytes, is)| {
        let [has_dictionary, is_delta, is_second_version, is_packed] = is;
        Writing {
            rows_in_group,
            page_bytes,
            has_dictionary,
            is_delta,
            is_second_version,
            is_packed,
        }
    })
}

proptest! {
    #[test]
    fn rows_are_read_as_they_were_written(
        rows in proptest::collection::vec(row(), 1..150),
        writing in writing(),
        cut in any::<prop::sample::Index>(),
    ) {
        let file = write(&rows, &writing);
        let lines: Vec<String> = rows.iter().map(|row| row.json() + "\n").collect();
        prop_assert_eq!(read(&file, 0), Ok(lines.concat()));
        let from = cut.index(rows.len());
        prop_assert_eq!(read(&file, from as u64), Ok(lines[from..].concat()));
    }
}
