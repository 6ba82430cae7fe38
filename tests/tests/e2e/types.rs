//! The table of types in `docs/keys-numbers-and-times.md`: each row as a CSV field, through the pipeline as it runs. What
//! DuckDB makes of the columns is checked by `tests/clients/typed_columns.py`.

use std::collections::BTreeMap;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::printer::print_schema;
use serde_json::{Value, json};
use sluicegate_tests::{Settings, World, root};

/// A row of the table, without the schema and what DuckDB says.
struct Row {
    member: String,
    field: String,
    in_event: Value,
    dynamodb: String,
    parquet: String,
}

fn rows() -> Vec<Row> {
    let page = std::fs::read_to_string(root().join("docs/keys-numbers-and-times.md")).unwrap();
    let lines = page.lines().skip_while(|line| !line.starts_with("| member | JSON Schema |"));
    let lines = lines.skip(2).take_while(|line| line.starts_with('|'));
    lines.map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [member, _, field, in_event, dynamodb, parquet, _] = cells[..] else { panic!("{line}") };
    let code = |cell: &str| cell.strip_prefix('`')?.strip_suffix('`').map(str::to_owned);
    Row {
        member: code(member).unwrap(),
        field: code(field).unwrap_or_default(),
        in_event: serde_json::from_str(&code(in_event).unwrap()).unwrap(),
        dynamodb: dynamodb.to_owned(),
        parquet: parquet.to_owned(),
    }
}

/// A file of one event with the fields of all rows.
fn csv(rows: &[Row]) -> String {
    let names: Vec<&str> = rows.iter().map(|row| row.member.as_str()).collect();
    let quoted = |row: &Row| format!("\"{}\"", row.field.replace('"', "\"\""));
    let fields: Vec<String> = rows
        .iter()
        .map(|row| if row.field.is_empty() { String::new() } else { quoted(row) })
        .collect();
    format!("id,{}\nall,{}\n", names.join(","), fields.join(","))
}

/// The types of the columns of the lake's only object: the logical one if there is one.
fn column_types(world: &World) -> BTreeMap<String, String> {
    let objects = world.emulation().s3().list(world.output("LakeBucketName"), "").unwrap();
    let mut objects = objects.into_iter().filter(|object| object.key.ends_with(".parquet"));
    let file = SerializedFileReader::new(objects.next().unwrap().body).unwrap();
    assert_eq!(objects.next().map(|object| object.key), None, "another object");
    let mut printed = Vec::new();
    print_schema(&mut printed, file.metadata().file_metadata().schema());
    let printed = String::from_utf8(printed).unwrap();
    let mut types = BTreeMap::new();
    // A line is such as `OPTIONAL INT32 day (DATE);`.
    for line in printed.lines().filter_map(|line| line.trim().strip_suffix(';')) {
        let (column, logical) = match line.rsplit_once(" (") {
            Some((column, logical)) => (column, logical.strip_suffix(')')),
            None => (line, None),
        };
        let words: Vec<&str> = column.split(' ').collect();
        let name = words[words.len() - 1].to_owned();
        types.insert(name, logical.unwrap_or(words[1]).to_owned());
    }
    types
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_type_is_what_the_table_of_types_says() {
    let world = World::start_with(Settings { datasets: &["typed"], ..Settings::default() }).await;
    let rows = rows();
    assert!(rows.len() > 10, "{} rows of the table", rows.len());
    world.land("typed/all.csv", csv(&rows));
    world.settle().await;

    let records = world.emulation().dynamodb().scan_all(world.name("RecordsTable")).unwrap();
    let [record] = &records[..] else { panic!("{records:?}") };
    let payload = json!(record)["payload"]["M"].clone();
    let types = column_types(&world);
    for row in &rows {
        let found = payload[&row.member].as_object().unwrap_or_else(|| panic!("{payload}"));
        let (dynamodb, value) = found.iter().next().unwrap();
        assert_eq!(*dynamodb, row.dynamodb, "`{}` in DynamoDB", row.member);
        assert_eq!(plain(dynamodb, value), row.in_event, "`{}` in the event", row.member);
        assert_eq!(types[&row.member], row.parquet, "the column `{}`", row.member);
    }
    assert_eq!(payload.as_object().unwrap().len(), rows.len() + 1, "members with the id");
    assert_eq!(world.lake_texts("_rest"), Vec::<String>::new(), "columns hold all of it");
    world.assert_letters("InboxDlq", &[]);
    world.assert_letters("LakeDlq", &[]);
    world.end().await;
}

/// A value of DynamoDB as JSON.
fn plain(dynamodb: &str, value: &Value) -> Value {
    match (dynamodb, value) {
        ("NULL", _) => Value::Null,
        ("N", Value::String(digits)) => serde_json::from_str(digits).unwrap(),
        ("M", Value::Object(members)) => {
            members.iter().map(|(name, value)| (name.clone(), plain_member(value))).collect()
        }
        ("L", Value::Array(items)) => items.iter().map(plain_member).collect(),
        (_, value) => value.clone(),
    }
}

fn plain_member(typed: &Value) -> Value {
    let (dynamodb, value) = typed.as_object().unwrap().iter().next().unwrap();
    plain(dynamodb, value)
}
