use contracts::Compatibility;
use runtime::ContractFolder;

use super::*;

const HEAD: &str = "
dataset: orders
description: What customers bought
owner: sales
keys: {idempotency: [/id], business: [/id], event_time: /at}
sinks: [{name: rows, kind: table}, {name: lake, kind: lake}]
";

const SCHEMA: &str = "
schema:
  compatibility: BACKWARD
  versions:
    - {version: 1, file: v1.schema.json, state: deprecated, until: 2027-01-31}
    - {version: 2, file: v2.schema.json}
";

const FIRST: &str = r#"{"type":"object","required":["id","at"],"properties":{"id":{"type":"string"},"at":{"type":"string"}}}"#;
const SECOND: &str = r#"{"type":"object","required":["id","at","city"],"properties":{"id":{"type":"string"},"at":{"type":"string"},"city":{"type":"string"}}}"#;

fn folder(yaml: &str, second: &str) -> Folder {
    let files = [("v1.schema.json", FIRST), ("v2.schema.json", second)];
    let texts = ContractFolder {
        dataset: "orders".to_owned(),
        yaml: yaml.to_owned(),
        files: files.map(|(name, text)| (name.to_owned(), text.to_owned())).into(),
    };
    Folder { texts, samples: Vec::new() }
}

fn contract(folder: &Folder) -> Contract {
    folder.contract().unwrap()
}

fn problems(schema: &str, second: &str) -> Vec<String> {
    let folder = folder(&format!("{HEAD}{schema}"), second);
    check_versions(&folder, &contract(&folder)).iter().map(Problem::text).collect()
}

#[test]
fn a_version_that_cannot_read_the_one_before_is_refused_with_why_and_what_to_do() {
    let found = problems(SCHEMA, SECOND);
    let start = "infra/contracts/orders/v2.schema.json: version 2 is not BACKWARD to version 1: A reader of the new \
                 version fails on some old events: the reader requires `/city`, and the writer may leave it out.";
    assert!(found[0].starts_with(start) && found[0].contains("For example: {"), "{found:?}");
    assert!(found[0].contains("\n  next: "), "{found:?}");
}

#[test]
fn a_compatible_version_a_migration_and_the_mode_none_are_taken() {
    let optional = SECOND.replace(",\"city\"]", "]");
    assert_eq!(problems(&SCHEMA.replace("BACKWARD", "FORWARD"), SECOND), Vec::<String>::new());
    assert!(!problems(&SCHEMA.replace("BACKWARD", "FULL"), SECOND).is_empty());
    assert_eq!(problems(&SCHEMA.replace("BACKWARD", "NONE"), SECOND), Vec::<String>::new());
    let migrated = SCHEMA.replace(
        "file: v2.schema.json}",
        "file: v2.schema.json, migrate: [{default: {at: /city, value: unknown}}]}",
    );
    assert_eq!(problems(&migrated, SECOND), Vec::<String>::new());
    // The old schema is open, so that old events may have any value under the new name.
    let found = problems(SCHEMA, &optional);
    assert!(found.len() == 1 && found[0].contains("/city"), "{found:?}");
}

#[track_caller]
fn check_change(from: &str, to: &str, expected: &str) {
    let yaml = format!("{HEAD}{SCHEMA}");
    assert!(yaml.contains(from), "the test's own text has no `{from}`");
    let (old, new) = (folder(&yaml, FIRST), folder(&yaml.replace(from, to), FIRST));
    let found: Vec<String> =
        check_against(&new, &contract(&old), &contract(&new)).iter().map(Problem::text).collect();
    match expected {
        "" => assert_eq!(found, Vec::<String>::new()),
        expected => assert!(found.len() == 1 && found[0].contains(expected), "{found:?}"),
    }
}

#[test]
fn keys_and_names_of_sinks_change_only_where_the_contract_says_so() {
    check_change(
        "[/id], business",
        "[/id, /at], business",
        "say that new ones begin: `keys.generation: 2`",
    );
    check_change("[/id], business: [/id]", "[/id, /at], generation: 2, business: [/id]", "");
    check_change("{name: rows,", "{name: orders,", "`replaces: rows` in the sink `orders`");
    check_change("{name: rows,", "{name: orders, replaces: rows,", "");
    check_change(
        "{name: rows, kind: table}",
        "{name: rows, kind: table}, {name: more, kind: table}",
        "",
    );
    check_change(", {name: lake, kind: lake}", "", "");
}

#[test]
fn what_was_deployed_under_a_number_stays() {
    let yaml = format!("{HEAD}{SCHEMA}");
    let (old, new) = (folder(&yaml, FIRST), folder(&yaml, SECOND));
    let found = check_against(&new, &contract(&old), &contract(&new));
    assert!(found.len() == 1 && found[0].what.contains("version 2 was changed"), "{found:?}");
    let described =
        FIRST.replace("{\"type\":\"object\"", "{\"description\":\"x\",\"type\":\"object\"");
    let annotated = folder(&yaml, &described);
    assert!(check_against(&annotated, &contract(&old), &contract(&annotated)).is_empty());
    let only_first = "schema: {version: 1, file: v1.schema.json}";
    let gone = folder(&format!("{HEAD}{only_first}"), FIRST);
    let found = check_against(&gone, &contract(&old), &contract(&gone));
    assert!(
        found.len() == 1 && found[0].what.contains("version 2 was active and is gone"),
        "{found:?}"
    );
}

#[test]
fn modes_are_called_the_same_in_contracts_and_in_comparisons() {
    for mode in [
        Compatibility::Backward,
        Compatibility::BackwardTransitive,
        Compatibility::Forward,
        Compatibility::ForwardTransitive,
        Compatibility::Full,
        Compatibility::FullTransitive,
        Compatibility::None,
    ] {
        assert_eq!(mode.name().parse::<Mode>().unwrap().name(), mode.name());
    }
}
