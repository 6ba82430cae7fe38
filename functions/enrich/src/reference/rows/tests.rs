//! Files of reference data that are read, and files that are refused.

use contracts::{Catalog, Source};
use serde_json::json;

use super::*;

/// The reference data of a contract whose enricher says this of it.
fn reference(written: &str) -> ReferenceData {
    let contract = format!(
        "{{dataset: d, description: d, owner: o, schema: {{version: 1, file: s.json}}, \
         keys: {{idempotency: [/a], business: [/a], event_time: /t}}, \
         enrichers: [{{name: e, into: e, reference: {written}}}], sinks: [{{name: r, kind: table}}]}}"
    );
    let mut catalog = Catalog::default();
    let schemas = [("s.json".to_owned(), "{}".to_owned())].into();
    catalog.add("d", &contract, &schemas).unwrap();
    let Source::Reference(reference) = catalog.get("d").unwrap().enrichers[0].source.clone() else {
        panic!("no reference data")
    };
    reference
}

const CSV: &str = "{object: airports.csv, key: {faa: /origin}}";
const NDJSON: &str = "{object: airports.ndjson, key: {faa: /origin}}";

fn find(rows: &Rows, reference: &ReferenceData, origin: serde_json::Value) -> Option<String> {
    let key = reference.key.key(&json!({ "origin": origin })).unwrap();
    rows.find(&key).map(|row| row.get().to_owned())
}

#[test]
fn a_row_is_found_by_its_key_and_keeps_its_texts() {
    let reference = reference(CSV);
    let file = "\u{feff}faa,name,note\r\n\"EWR\",\"Newark, \"\"Liberty\"\"\",\r\nJFK,\"two\nlines\",007\r\n";
    let rows = Rows::parse(file.as_bytes(), &reference, None).unwrap();
    assert_eq!(rows.len(), 2);
    let newark = r#"{"faa":"EWR","name":"Newark, \"Liberty\"","note":""}"#;
    assert_eq!(find(&rows, &reference, json!("EWR")).unwrap(), newark);
    let kennedy = r#"{"faa":"JFK","name":"two\nlines","note":"007"}"#;
    assert_eq!(find(&rows, &reference, json!("JFK")).unwrap(), kennedy);
    assert_eq!(find(&rows, &reference, json!("ISP")), None);
}

#[test]
fn a_schema_says_which_columns_are_numbers_and_a_number_is_found_by_its_digits() {
    let reference = reference("{object: routes.csv, key: {flight: /origin}}");
    let schema = r#"{"properties": {"flight": {"type": "integer"}, "miles": {"type": "number"}}}"#;
    let schema = Schema::parse(schema).unwrap();
    let rows = Rows::parse(b"flight,miles\n1545,1400.50\n", &reference, Some(&schema)).unwrap();
    let row = r#"{"flight":1545,"miles":1400.50}"#;
    for number in [json!(1545), serde_json::from_str("1545.0").unwrap(), json!("1545")] {
        assert_eq!(find(&rows, &reference, number).unwrap(), row);
    }
    let plain = Rows::parse(b"flight,miles\n1545,1\n", &reference, None).unwrap();
    assert!(find(&plain, &reference, json!(1545)).is_some());
}

#[test]
fn an_empty_field_is_null_where_the_schema_takes_null_and_no_text() {
    let reference = reference(CSV);
    let schema = r#"{"properties": {"alt": {"type": ["integer", "null"]}, "name": {"type": ["string", "null"]}}}"#;
    let schema = Schema::parse(schema).unwrap();
    let rows = Rows::parse(b"faa,name,alt\nEWR,,\n", &reference, Some(&schema)).unwrap();
    let row = r#"{"alt":null,"faa":"EWR","name":""}"#;
    assert_eq!(find(&rows, &reference, json!("EWR")).unwrap(), row);
}

/// A file within its limit, whose rows would take more memory than a function has.
#[test]
fn a_file_whose_rows_take_too_much_memory_is_refused() {
    let mut wide = "faa".to_owned();
    for column in 0..200 {
        wide.push_str(&format!(",a_column_with_a_long_name_{column}"));
    }
    for row in 0..20_000 {
        wide.push_str(&format!("\n{row}{}", ",1".repeat(200)));
    }
    assert!(wide.len() < 16 * 1024 * 1024);
    let error = Rows::parse(wide.as_bytes(), &reference(CSV), None).unwrap_err();
    assert!(matches!(error, RowsError::TooMuch { .. }), "{error}");
    let mut many = "faa".to_owned();
    for row in 0..500_000 {
        many.push_str(&format!("\n{row}"));
    }
    let error = Rows::parse(many.as_bytes(), &reference(CSV), None).unwrap_err();
    assert!(matches!(error, RowsError::TooMuch { .. }), "{error}");
}

#[test]
fn documents_are_lines() {
    let reference = reference(NDJSON);
    let file = b"{\"faa\": \"EWR\", \"at\": {\"lat\": 40.690}}\n\n{\"faa\":\"JFK\"}";
    let rows = Rows::parse(file, &reference, None).unwrap();
    let row = "{\"faa\": \"EWR\", \"at\": {\"lat\": 40.690}}";
    assert_eq!((find(&rows, &reference, json!("EWR")).as_deref(), rows.len()), (Some(row), 2));
}

#[track_caller]
fn check_refused(written: &str, schema: Option<&str>, file: &str, expected: &str) {
    let schema = schema.map(|schema| Schema::parse(schema).unwrap());
    let error = Rows::parse(file.as_bytes(), &reference(written), schema.as_ref()).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_file_is_taken_whole_or_refused_with_its_line() {
    check_refused(CSV, None, "", "it has no header");
    check_refused(
        CSV,
        None,
        "code,name\nEWR,a\n",
        "it has no column `faa`, which the enricher's key needs",
    );
    check_refused(CSV, None, "faa,name,name\nEWR,a,b\n", "it has two columns `name`");
    check_refused(CSV, None, "faa,name\nEWR,a\nJFK\n", "line 3: 1 fields, and the header has 2");
    check_refused(
        CSV,
        None,
        "faa,name\nEWR,a\nEWR,b\n",
        "line 3: an earlier line has the same key",
    );
    let keyless = "line 2: `faa`, which is in the enricher's key, has neither a text nor a number";
    check_refused(CSV, None, "faa,name\n,a\n", keyless);
    let schema = r#"{"properties": {"alt": {"type": "integer"}}}"#;
    let high = "line 3: `/alt`: expected integer, found other text";
    check_refused(CSV, Some(schema), "faa,alt\nEWR,18\nJFK,high\n", high);
    check_refused(
        NDJSON,
        None,
        "{\"faa\":\"EWR\"}\n[1]\n",
        "line 2: expected a JSON object, found an array",
    );
    let huge = "line 1: `/lat`: a number of more than 38 significant digits";
    let file = "{\"faa\":\"EWR\",\"lat\":1e400}\n";
    let error = Rows::parse(file.as_bytes(), &reference(NDJSON), None).unwrap_err();
    assert!(error.to_string().starts_with(huge), "{error}");
    let required = r#"{"required": ["name"]}"#;
    let missing = "line 1: `/name`: required, and missing";
    check_refused(NDJSON, Some(required), "{\"faa\":\"EWR\"}\n", missing);
}
