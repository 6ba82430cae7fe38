//! Columns of dates and times, and what stays in `_rest`.

use super::*;

/// The payload's columns as text, as the `parquet` crate prints them. Columns without a value are left out.
#[track_caller]
fn check_columns(payload: &str, expected: &[&str]) {
    let columns = columns();
    let row = columns.row(&envelope("k", payload)).unwrap();
    let file = Bytes::from(parquet_file::write(&columns, &[&row]).unwrap());
    let file = SerializedFileReader::new(file).unwrap();
    let row = file.get_row_iter(None).unwrap().next().unwrap().unwrap();
    let is_shown = |name: &str| name == "_rest" || !name.starts_with('_');
    let found =
        row.get_column_iter().filter(|(name, field)| is_shown(name) && **field != Field::Null);
    let found: Vec<String> = found.map(|(name, field)| format!("{name} {field}")).collect();
    assert_eq!(found, expected, "{payload}");
}

#[test]
fn a_date_is_a_date_where_the_sink_says_so_and_text_elsewhere() {
    check_columns(
        r#"{"id":1,"day":"2013-01-31","birthday":"2013-01-31"}"#,
        &[r#"birthday "2013-01-31""#, "day 2013-01-31", "id 1"],
    );
    check_columns(r#"{"id":1,"day":null}"#, &["id 1"]);
    check_columns(r#"{"id":1,"day":"2013\u002d01-31"}"#, &["day 2013-01-31", "id 1"]);
}

/// Formats are annotations unless the contract asserts them.
#[test]
fn a_text_that_is_no_date_or_time_is_beside_its_column_which_is_null() {
    check_columns(
        r#"{"id":1,"day":"0000-00-00","at":"soon","made":""}"#,
        &["id 1", r#"_rest "{"at":"soon","day":"0000-00-00","made":""}""#],
    );
    check_columns(
        r#"{"id":1,"at":"9999-12-31T23:59:59-01:00"}"#,
        &["id 1", r#"_rest "{"at":"9999-12-31T23:59:59-01:00"}""#],
    );
}

#[test]
fn a_time_that_is_written_in_another_way_is_beside_its_column_as_it_came() {
    check_columns(
        r#"{"id":1,"at":"2013-01-01T11:00:00+01:00","made":"2013-01-01T10:00:00.123456Z"}"#,
        &[
            "at 2013-01-01 10:00:00.000 +00:00",
            "id 1",
            "made 2013-01-01 10:00:00.123456 +00:00",
            r#"_rest "{"at":"2013-01-01T11:00:00+01:00"}""#,
        ],
    );
    check_columns(
        r#"{"id":1,"at":"2016-12-31T23:59:60Z","made":"2013-01-01T10:00:00.123456789Z"}"#,
        &[
            "at 2016-12-31 23:59:59.999 +00:00",
            "id 1",
            "made 2013-01-01 10:00:00.123456 +00:00",
            r#"_rest "{"at":"2016-12-31T23:59:60Z","made":"2013-01-01T10:00:00.123456789Z"}""#,
        ],
    );
}

/// The columns of times that were always there are as they were: one of a required member cannot be null.
#[test]
fn a_required_time_is_refused_if_it_is_none_unless_the_sink_names_its_column() {
    let schema = r#"{"required": ["at"], "additionalProperties": true,
        "properties": {"id": {}, "at": {"type": "string", "format": "date-time"}}}"#;
    let event = envelope("k", r#"{"id":1,"at":"soon"}"#);
    let failure = columns_of(schema).row(&event).unwrap_err();
    assert_eq!((failure.code, failure.at.as_deref()), (Code::ContractViolation, Some("/at")));
    assert!(failure.reason.contains("RFC 3339 time"), "{failure}");

    let contract = contract(schema);
    let timestamps = BTreeMap::from([("at".to_owned(), TimestampUnit::Milliseconds)]);
    let contracts::Target::Lake(lake) = &contract.sinks[0].target else { panic!("no lake") };
    let columns = Columns::of(&contract, &LakeSink { timestamps, ..lake.clone() }).unwrap();
    let row = columns.row(&event).unwrap();
    assert_eq!(row[0], Cell::Null);
    assert!(row.contains(&Cell::Text(r#"{"at":"soon"}"#.to_owned())), "{row:?}");
}
