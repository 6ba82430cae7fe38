//! Files of pyarrow, read in parts, against what pyarrow's script says that their rows are.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;

use sluicegate_parquet_rows::{ParquetError, Refusal, RowReader, Step};

/// A larger row than any file here has.
const LONGEST_ROW: usize = 1024 * 1024;

fn file(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    std::fs::read(folder.join(name)).unwrap()
}

/// The rows of a file from a row on.
fn rows(file: &[u8], from: u64) -> Result<Vec<Result<String, Refusal>>, ParquetError> {
    let mut reader = RowReader::new(file.len() as u64, from, LONGEST_ROW);
    let mut rows = Vec::new();
    loop {
        match reader.advance()? {
            Step::Read(part) => {
                let begin = usize::try_from(part.offset).unwrap();
                let end = begin + usize::try_from(part.length).unwrap();
                reader.supply(file[begin..end].to_vec().into())?;
            }
            Step::Row(row) => {
                rows.push(row.map(|text| String::from_utf8(text.to_vec()).unwrap()));
            }
            Step::End => return Ok(rows),
        }
    }
}

#[track_caller]
fn check(name: &str, expected: &str) {
    let read = rows(&file(name), 0).unwrap();
    let expected = String::from_utf8(file(expected)).unwrap();
    let lines: Vec<&str> = expected.lines().collect();
    assert_eq!(read.len(), lines.len(), "{name}");
    for (row, line) in read.iter().zip(lines) {
        assert_eq!(row.as_deref().unwrap(), line, "{name}");
    }
}

#[test]
fn each_type_keeps_its_digits_and_texts() {
    check("types.parquet", "types.ndjson");
    check("int96.parquet", "int96.ndjson");
}

#[test]
fn lists_maps_and_structs_are_put_together() {
    check("nested.parquet", "nested.ndjson");
}

#[test]
fn each_codec_and_page_version_gives_the_same_rows() {
    for codec in ["snappy", "gzip", "zstd", "lz4"] {
        for version in ["1", "2"] {
            check(&format!("many-{codec}-{version}.parquet"), "many.ndjson");
        }
    }
}

#[test]
fn each_encoding_gives_the_same_rows() {
    check("encodings.parquet", "many.ndjson");
}

#[test]
fn reading_can_begin_at_any_row() {
    let file = file("many-zstd-1.parquet");
    let all = rows(&file, 0).unwrap();
    for from in [1, 199, 200, 201, 500, 599, 600] {
        assert_eq!(rows(&file, from).unwrap(), all[usize::try_from(from).unwrap()..], "{from}");
    }
    assert!(rows(&file, 601).is_err());
}

#[test]
fn a_number_that_json_has_not_refuses_its_row_alone() {
    let read = rows(&file("nan.parquet"), 0).unwrap();
    assert_eq!(read[0].as_deref(), Ok("{\"id\":1,\"x\":0.5}"));
    for (row, name) in [(&read[1], "NaN"), (&read[2], "inf")] {
        let refusal = row.as_ref().unwrap_err();
        assert_eq!(refusal.at, "/x");
        assert!(refusal.reason.contains(name), "{refusal}");
    }
}

#[test]
fn a_file_without_rows_has_none_and_one_that_is_not_read_says_why() {
    assert_eq!(rows(&file("empty.parquet"), 0), Ok(Vec::new()));
    let reason = rows(&file("brotli.parquet"), 0).unwrap_err().to_string();
    assert!(reason.contains("column `a`: it is packed with Brotli"), "{reason}");
}

#[test]
fn a_row_that_is_longer_than_it_may_be_is_refused_alone() {
    let file = file("many-zstd-1.parquet");
    let mut reader = RowReader::new(file.len() as u64, 0, 150);
    let (mut good, mut refused) = (0, 0);
    loop {
        match reader.advance().unwrap() {
            Step::Read(part) => {
                let begin = usize::try_from(part.offset).unwrap();
                let end = begin + usize::try_from(part.length).unwrap();
                reader.supply(file[begin..end].to_vec().into()).unwrap();
            }
            Step::Row(Ok(text)) => {
                assert!(text.len() <= 150);
                good += 1;
            }
            Step::Row(Err(_)) => refused += 1,
            Step::End => break,
        }
    }
    assert_eq!(good + refused, 600);
    assert!(good > 100 && refused > 50, "{good} and {refused}");
}
