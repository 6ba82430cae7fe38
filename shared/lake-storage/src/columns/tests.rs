//! Names, types and values of columns, read back from a file with the reader of the `parquet` crate.

mod dates;
mod properties;

use bytes::Bytes;
use event::Timestamp;
use parquet::basic::{Compression, ConvertedType};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;
use parquet::record::{Field, RowAccessor};
use serde_json::{Map, Value, json};

use super::*;
use crate::parquet_file;
use crate::testing::envelope;

const SCHEMA: &str = r#"{"type": "object", "required": ["id"], "properties": {
    "id": {"type": "integer"},
    "delay": {"type": ["integer", "null"]},
    "kwh": {"type": "number"},
    "ok": {"type": "boolean"},
    "name": {"type": ["string", "null"]},
    "at": {"type": "string", "format": "date-time"},
    "made": {"type": "string", "format": "date-time"},
    "day": {"type": ["string", "null"], "format": "date"},
    "birthday": {"type": "string", "format": "date"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "price": {"type": ["number", "null"]},
    "either": {"type": ["integer", "string"]}
}}"#;

fn contract(schema: &str) -> Contract {
    let yaml = "
dataset: readings
description: What meters say
owner: metering
schema: {version: 1, file: s.json}
keys: {idempotency: [/id], business: [/id], event_time: /at}
enrichers: [{name: weather, http: {url: \"{WEATHER_URL}/x\"}, into: weather}]
sinks: [{name: lake, kind: lake COLUMNS}]
";
    let schemas = BTreeMap::from([("s.json".to_owned(), schema.to_owned())]);
    let columns = match schema {
        SCHEMA => ", decimals: {price: 9}, dates: [day], timestamps: {made: microseconds}",
        _ => "",
    };
    Contract::parse(&yaml.replace(" COLUMNS", columns), &schemas).unwrap()
}

fn columns_of(schema: &str) -> Columns {
    let contract = contract(schema);
    let contracts::Target::Lake(lake) = &contract.sinks[0].target else { panic!("no lake") };
    Columns::of(&contract, lake).unwrap()
}

fn columns() -> Columns {
    columns_of(SCHEMA)
}

fn read(columns: &Columns, payloads: &[Value]) -> SerializedFileReader<Bytes> {
    let rows: Vec<Vec<Cell>> = payloads
        .iter()
        .enumerate()
        .map(|(n, payload)| columns.row(&envelope(&format!("k{n}"), &payload.to_string())).unwrap())
        .collect();
    let rows: Vec<&[Cell]> = rows.iter().map(Vec::as_slice).collect();
    let file = Bytes::from(parquet_file::write(columns, &rows).unwrap());
    let keys = parquet_file::keys(file.clone()).unwrap();
    let expected: Vec<String> = (0..payloads.len()).map(|n| format!("k{n}")).collect();
    assert_eq!(keys.iter().map(|key| key.as_str()).collect::<Vec<_>>(), expected);
    SerializedFileReader::new(file).unwrap()
}

/// The payload that a row's columns stand for. Columns without a value are left out.
fn payload(row: &parquet::record::Row) -> Value {
    let mut members = Map::new();
    for (name, field) in row.get_column_iter() {
        let value = match field {
            Field::Null => continue,
            Field::Bool(value) => json!(value),
            Field::Long(value) => json!(value),
            Field::Double(value) => json!(value),
            Field::Decimal(decimal) => decimal_text(decimal).parse().map(Value::Number).unwrap(),
            Field::Date(_) => json!(field.to_string()),
            Field::TimestampMillis(_) | Field::TimestampMicros(_) => json!(time_text(field)),
            Field::Str(text) if ["tags", "either", "weather", "_rest"].contains(&name.as_str()) => {
                serde_json::from_str(text).unwrap()
            }
            Field::Str(text) => json!(text),
            other => panic!("{name}: {other}"),
        };
        if name == "_rest" {
            members.extend(value.as_object().unwrap().clone());
        } else if !name.starts_with('_') {
            members.insert(name.clone(), value);
        }
    }
    Value::Object(members)
}

/// The number as text, made from the digits of its integer. The column has nine decimals.
fn decimal_text(decimal: &parquet::data_type::Decimal) -> String {
    let bytes: [u8; 16] = decimal.data().try_into().unwrap();
    let value = i128::from_be_bytes(bytes);
    let digits = format!("{:010}", value.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - 9);
    format!("{}{whole}.{fraction}", if value < 0 { "-" } else { "" })
}

/// The text that a time stands for, made of what the `parquet` crate prints: `2013-01-01 10:00:00.250 +00:00`.
fn time_text(field: &Field) -> String {
    let printed = field.to_string();
    let text = printed.strip_suffix(" +00:00").unwrap().replacen(' ', "T", 1);
    let (seconds, fraction) = text.split_once('.').unwrap();
    match fraction.strip_suffix("000").unwrap_or(fraction) {
        "" | "000" => format!("{seconds}Z"),
        fraction => format!("{seconds}.{fraction}Z"),
    }
}

#[track_caller]
fn check_exact(text: &str, expected: &str) {
    let columns = columns();
    let row = columns.row(&envelope("k", text)).unwrap();
    let file = Bytes::from(parquet_file::write(&columns, &[&row]).unwrap());
    let file = SerializedFileReader::new(file).unwrap();
    let row = file.get_row_iter(None).unwrap().next().unwrap().unwrap();
    assert_eq!(payload(&row).to_string(), expected);
}

/// `_rest` merged over the columns is the exact payload, whatever the columns can hold.
#[test]
fn what_a_column_holds_only_nearly_is_beside_it_as_it_came() {
    check_exact(r#"{"id":1,"kwh":12345678901234567.89}"#, r#"{"id":1,"kwh":12345678901234567.89}"#);
    check_exact(r#"{"id":1,"kwh":9007199254740993}"#, r#"{"id":1,"kwh":9007199254740993}"#);
    let text = r#"{"at":"2026-11-28T00:00:00.123008Z","id":1}"#;
    check_exact(text, text);
    let columns = columns();
    let is_whole = |text: &str| {
        let row = columns.row(&envelope("k", text)).unwrap();
        row[columns.iter().position(|column| column.name == "_rest").unwrap()] == Cell::Null
    };
    assert!(is_whole(r#"{"id":1,"kwh":0.1,"at":"2026-11-28T00:00:00.123Z"}"#));
    assert!(!is_whole(r#"{"id":1,"kwh":0.10000000000000001}"#), "readers find 0.1");
    // The shortest text of this double has 17 digits.
    assert!(is_whole(r#"{"id":1,"kwh":0.30000000000000004}"#));
}

#[test]
fn a_decimal_column_keeps_38_digits() {
    let text = r#"{"id":1,"price":12345678901234567890123456789.123456789}"#;
    check_exact(text, text);
    check_exact(r#"{"id":1,"price":-0.5}"#, r#"{"id":1,"price":-0.500000000}"#);
    check_exact(r#"{"id":1,"price":null}"#, r#"{"id":1}"#);
}

#[test]
fn a_column_has_the_type_that_the_schema_says() {
    let columns = columns();
    let printed: Vec<String> = columns
        .schema
        .get_fields()
        .iter()
        .map(|field| {
            let info = field.get_basic_info();
            let logical = match info.converted_type() {
                ConvertedType::NONE => String::new(),
                converted => format!(" {converted}"),
            };
            let (physical, repetition) = (field.get_physical_type(), info.repetition());
            format!("{} {repetition} {physical}{logical}", field.name())
        })
        .collect();
    assert_eq!(
        printed,
        [
            "at OPTIONAL INT64 TIMESTAMP_MILLIS",
            "birthday OPTIONAL BYTE_ARRAY UTF8",
            "day OPTIONAL INT32 DATE",
            "delay OPTIONAL INT64",
            "either OPTIONAL BYTE_ARRAY JSON",
            "id REQUIRED INT64",
            "kwh OPTIONAL DOUBLE",
            "made OPTIONAL INT64 TIMESTAMP_MICROS",
            "name OPTIONAL BYTE_ARRAY UTF8",
            "ok OPTIONAL BOOLEAN",
            "price OPTIONAL FIXED_LEN_BYTE_ARRAY DECIMAL",
            "tags OPTIONAL BYTE_ARRAY JSON",
            "weather OPTIONAL BYTE_ARRAY JSON",
            "_rest OPTIONAL BYTE_ARRAY JSON",
            "_event_id REQUIRED BYTE_ARRAY UTF8",
            "_event_time REQUIRED INT64 TIMESTAMP_MILLIS",
            "_ingest_time REQUIRED INT64 TIMESTAMP_MILLIS",
            "_idempotency_key REQUIRED BYTE_ARRAY UTF8",
            "_fingerprint REQUIRED BYTE_ARRAY UTF8",
            "_subject OPTIONAL BYTE_ARRAY UTF8",
            "_degraded OPTIONAL BYTE_ARRAY UTF8",
        ]
    );
}

#[test]
fn a_row_group_is_compressed_and_has_statistics() {
    let columns = columns();
    let file = read(&columns, &[json!({"id": 5, "delay": null}), json!({"id": -7, "delay": 3})]);
    assert_eq!(file.num_row_groups(), 1);
    let group = file.metadata().row_group(0);
    for column in group.columns() {
        assert!(matches!(column.compression(), Compression::ZSTD(_)), "{column:?}");
        assert!(column.statistics().is_some(), "{column:?}");
    }
    let column = |name: &str| {
        group.columns().iter().find(|column| column.column_descr().name() == name).unwrap()
    };
    let Some(Statistics::Int64(ids)) = column("id").statistics() else { panic!("no statistics") };
    assert_eq!((ids.min_opt(), ids.max_opt()), (Some(&-7), Some(&5)));
    assert_eq!(column("delay").statistics().unwrap().null_count_opt(), Some(1));
}

#[test]
fn only_what_repeats_in_many_rows_has_a_dictionary() {
    let columns = columns();
    let payload = |id: usize| json!({"id": id, "name": "O'Hare", "at": "2026-01-01T00:00:00Z"});
    let with_dictionary = |rows: usize| -> Vec<String> {
        let file = read(&columns, &(0..rows).map(payload).collect::<Vec<_>>());
        let all = file.metadata().row_group(0).columns();
        let all = all.iter().filter(|column| column.dictionary_page_offset().is_some());
        all.map(|column| column.column_path().string()).collect()
    };
    assert_eq!(with_dictionary(499), Vec::<String>::new());
    let of_many = with_dictionary(500);
    assert!(of_many.contains(&"name".to_owned()), "{of_many:?}");
    assert!(!of_many.contains(&"_event_id".to_owned()), "{of_many:?}");
}

#[test]
fn what_the_envelope_says_is_beside_the_payload() {
    let columns = columns();
    let file =
        read(&columns, &[json!({"id": 1, "weather": {"t": 1.0}, "other": [null], "z": "é"})]);
    let row = file.get_row_iter(None).unwrap().next().unwrap().unwrap();
    let at = |name: &str| columns.iter().position(|column| column.name == name).unwrap();
    assert_eq!(row.get_string(at("_event_id")).unwrap(), "e1:1");
    assert_eq!(row.get_string(at("_subject")).unwrap(), "UA-1545");
    assert_eq!(row.get_string(at("_fingerprint")).unwrap(), "cd");
    let time = row.get_timestamp_millis(at("_event_time")).unwrap();
    assert_eq!(Timestamp::from_unix_ms(time).to_string(), "2013-01-01T10:00:00.000Z");
    assert_eq!(row.get_string(at("_rest")).unwrap(), r#"{"other":[null],"z":"é"}"#);
    assert_eq!(row.get_string(at("weather")).unwrap(), r#"{"t":1.0}"#, "as it came");
}

#[test]
fn a_file_without_rows_is_a_file_with_the_same_columns() {
    let columns = columns();
    let file = read(&columns, &[]);
    assert_eq!((file.num_row_groups(), file.metadata().file_metadata().num_rows()), (0, 0));
    let (of_none, of_one) = (file.metadata(), read(&columns, &[json!({"id": 1})]));
    let schema = |metadata: &parquet::file::metadata::ParquetMetaData| {
        metadata.file_metadata().schema().clone()
    };
    assert_eq!(schema(of_none), schema(of_one.metadata()));
}

#[test]
fn what_is_no_file_has_no_keys() {
    assert!(parquet_file::keys(Bytes::from_static(b"PAR1")).is_err());
    assert!(parquet_file::keys(Bytes::new()).is_err());
}

#[track_caller]
fn check_names(members: &[&str], expected: &[&str]) {
    let properties: Map<String, Value> =
        members.iter().map(|&name| (name.to_owned(), json!({"type": "integer"}))).collect();
    let columns =
        columns_of(&json!({"additionalProperties": true, "properties": properties}).to_string());
    let name = |member: &&str| {
        let is_it = |column: &&Column| matches!(&column.source, Source::Member(source) if source == *member);
        columns.iter().find(is_it).unwrap().name.clone()
    };
    assert_eq!(members.iter().map(name).collect::<Vec<_>>(), expected);
}

#[test]
fn a_members_column_has_its_name_unless_that_is_taken() {
    check_names(&["event_id", "subject"], &["event_id", "subject"]);
    check_names(&["_event_id", "_Subject", "_rest"], &["_event_id_", "_Subject_", "_rest_"]);
    check_names(&["date", "date_", "Date"], &["date___", "date_", "Date__"]);
    check_names(&["ID", "id", "iD"], &["ID", "id__", "iD_"]);
    check_names(&["", "a/b", "a.b"], &["_", "a/b", "a.b"]);
}

#[track_caller]
fn check_refused(payload: &Value, at: &str, expected: &str) {
    let failure = columns().row(&envelope("k", &payload.to_string())).unwrap_err();
    assert_eq!((failure.code, failure.at.as_deref()), (Code::ContractViolation, Some(at)));
    assert!(failure.reason.contains(expected), "{failure}");
}

#[test]
fn what_does_not_fit_its_column_is_named() {
    check_refused(&json!({"id": u64::MAX}), "/id", "64 bits");
    check_refused(&json!({"id": 9.3e18}), "/id", "64 bits");
    check_refused(&json!({"id": 1.5}), "/id", "64 bits");
    check_refused(&json!({"id": null}), "/id", "not null");
    check_refused(&json!({}), "/id", "not null");
    check_refused(&json!({"id": 1, "at": 1}), "/at", "string");
    check_refused(&json!({"id": 1, "day": 1}), "/day", "string");
    check_refused(&json!({"id": 1, "kwh": "inf"}), "/kwh", "double");
    check_refused(&json!({"id": 1, "price": 0.000_000_000_1}), "/price", "38 digits");
    check_refused(&json!({"id": 1, "price": 1e30}), "/price", "38 digits");
    check_refused(&json!({"id": 1, "price": "1"}), "/price", "38 digits");
    check_refused(&json!({"id": 1, "ok": 1}), "/ok", "boolean");
    check_refused(&json!({"id": 1, "name": 1}), "/name", "string");
    let failure = columns().row(&envelope("k", "[1]")).unwrap_err();
    assert_eq!(failure.code, Code::DecodeEnvelope);
}

#[track_caller]
fn check_integer(text: &str, expected: Option<i64>) {
    assert_eq!(integer(text), expected, "{text}");
}

#[test]
fn an_integer_is_whole_however_it_is_written() {
    check_integer("-9223372036854775808", Some(i64::MIN));
    check_integer("9223372036854775807", Some(i64::MAX));
    check_integer("9223372036854775808", None);
    check_integer("-9223372036854775809", None);
    check_integer("1.0", Some(1));
    check_integer("1e2", Some(100));
    check_integer("-0", Some(0));
    check_integer("1e400", None);
    check_integer("0.5", None);
}
