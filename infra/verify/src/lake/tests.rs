//! What a row says of a payload, read from files that the Parquet crate's writer made.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

const SCHEMA: &str = "message rows {
    optional int32 day (DATE);
    optional int64 at (TIMESTAMP(MILLIS, true));
    optional int64 made (TIMESTAMP(MICROS, true));
    optional binary _rest (JSON);
}";

/// The columns of a row; `None` is null.
#[derive(Clone, Copy, Default)]
struct Columns {
    day: Option<i32>,
    at: Option<i64>,
    made: Option<i64>,
    rest: Option<&'static str>,
}

fn row(columns: Columns) -> LakeRow {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
    let mut group = file.next_row_group().unwrap();
    let level = |is_there: bool| [i16::from(is_there)];
    let mut to = group.next_column().unwrap().unwrap();
    let (values, levels) = (Vec::from_iter(columns.day), level(columns.day.is_some()));
    to.typed::<Int32Type>().write_batch(&values, Some(&levels), None).unwrap();
    to.close().unwrap();
    for time in [columns.at, columns.made] {
        let mut to = group.next_column().unwrap().unwrap();
        let (values, levels) = (Vec::from_iter(time), level(time.is_some()));
        to.typed::<Int64Type>().write_batch(&values, Some(&levels), None).unwrap();
        to.close().unwrap();
    }
    let mut to = group.next_column().unwrap().unwrap();
    let (values, levels) = (columns.rest.map(ByteArray::from), level(columns.rest.is_some()));
    to.typed::<ByteArrayType>().write_batch(&Vec::from_iter(values), Some(&levels), None).unwrap();
    to.close().unwrap();
    group.close().unwrap();
    let file = file.into_inner().unwrap();
    rows("lake/d/date=2013-01-01/a.parquet", file.into()).unwrap().remove(0)
}

#[track_caller]
fn check(columns: Columns, payload: &str, expected: Result<(), &str>) {
    let dataset = "
dataset: d
schema: {version: 1, file: v1.schema.json}
keys: {idempotency: [/id], business: [/id], event_time: /at}
sinks: [{name: lake, kind: lake}]
";
    let dataset = Dataset::read(dataset, |_| Some("{}".to_owned())).unwrap();
    let found = row(columns).check(&Json::parse(payload).unwrap(), &dataset);
    match expected {
        Ok(()) => assert_eq!(found, Ok(()), "{payload}"),
        Err(part) => assert!(found.as_ref().unwrap_err().contains(part), "{found:?}"),
    }
}

#[test]
fn a_column_of_dates_says_one_text() {
    let day = Columns { day: Some(15_736), ..Columns::default() };
    check(day, r#"{"day": "2013-01-31"}"#, Ok(()));
    check(day, r#"{"day": "2013-01-30"}"#, Err("`day` is 2013-01-31"));
    check(day, "{}", Err("column `day`"));
    check(Columns::default(), r#"{"day": "2013-01-31"}"#, Err("`day` is nothing"));
    let rest = Columns { rest: Some(r#"{"day":"0000-00-00"}"#), ..Columns::default() };
    check(rest, r#"{"day": "0000-00-00"}"#, Ok(()));
    check(rest, r#"{"day": "2013-01-31"}"#, Err("`day`"));
}

#[test]
fn a_column_of_times_says_one_text_and_any_other_is_beside_it() {
    let at = |at, rest| Columns { at: Some(at), rest, ..Columns::default() };
    check(at(1_357_034_400_000, None), r#"{"at": "2013-01-01T10:00:00Z"}"#, Ok(()));
    check(at(1_357_034_400_250, None), r#"{"at": "2013-01-01T10:00:00.250Z"}"#, Ok(()));
    for other in ["10:00:00.000Z", "11:00:00+01:00", "10:00:00z", "10:00:00.0001Z", "10:00:01Z"] {
        let payload = format!(r#"{{"at": "2013-01-01T{other}"}}"#);
        check(at(1_357_034_400_000, None), &payload, Err("`at` is 2013-01-01T10:00:00Z"));
    }
    let offset = r#"{"at":"2013-01-01T11:00:00.0009+01:00"}"#;
    check(at(1_357_034_400_000, Some(offset)), offset, Ok(()));
    check(at(1_357_034_400_001, Some(offset)), offset, Err("`at`"));
    let leap = r#"{"at":"2016-12-31T23:59:60Z"}"#;
    check(at(1_483_228_799_999, Some(leap)), leap, Ok(()));
    check(at(1_483_228_800_000, Some(leap)), leap, Err("`at`"));
}

#[test]
fn a_column_of_microseconds_has_six_digits_where_three_are_not_enough() {
    let made = |made, rest| Columns { made: Some(made), rest, ..Columns::default() };
    check(made(1_357_034_400_000_000, None), r#"{"made": "2013-01-01T10:00:00Z"}"#, Ok(()));
    check(made(1_357_034_400_250_000, None), r#"{"made": "2013-01-01T10:00:00.250Z"}"#, Ok(()));
    check(made(1_357_034_400_000_010, None), r#"{"made": "2013-01-01T10:00:00.000010Z"}"#, Ok(()));
    check(
        made(1_357_034_400_000_010, None),
        r#"{"made": "2013-01-01T10:00:00.00001Z"}"#,
        Err("`made`"),
    );
    let finer = r#"{"made":"2013-01-01T10:00:00.123456789Z"}"#;
    check(made(1_357_034_400_123_456, Some(finer)), finer, Ok(()));
    check(made(1_357_034_400_123_457, Some(finer)), finer, Err("`made`"));
}
