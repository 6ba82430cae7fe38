use super::*;
use crate::{Missing, SinkKind, Target};

const YAML: &str = "
dataset: orders
description: What customers bought
owner: sales
schema: {version: 1, file: v1.schema.json}
keys:
  idempotency: [/id]
  business: [/customer]
  event_time: /at
enrichers:
  - name: rates
    http: {url: '{RATES_URL}/{/currency}'}
    into: rate
sinks:
  - {name: records, kind: table}
";

fn parse(yaml: &str) -> Result<Contract, ContractError> {
    let schema = r#"{"type":"object"}"#.to_owned();
    Contract::parse(yaml, &BTreeMap::from([("v1.schema.json".to_owned(), schema)]))
}

#[track_caller]
fn check(from: &str, to: &str, expected: &str) {
    assert!(YAML.contains(from), "the test's own text has no `{from}`");
    let error = parse(&YAML.replace(from, to)).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_contract_is_read_with_its_defaults() {
    let contract = parse(YAML).unwrap();
    assert_eq!(contract.dataschema(), "orders/1");
    assert_eq!(contract.retention_days, 30);
    let crate::Source::Http(http) = &contract.enrichers[0].source else { panic!("no service") };
    assert_eq!(http.timeout_ms, 2_000);
    assert_eq!(contract.enrichers[0].missing, Missing::Degrade);
    assert_eq!(contract.personal_data, Vec::<String>::new());
    assert_eq!((contract.tenant, contract.region, contract.redrive_limit), (None, None, 5));
    assert_eq!((contract.time, contract.keys.sequence), (crate::TimeRules::default(), None));
    assert_eq!(contract.triage, []);
    let least =
        parse(&YAML.replace("owner: sales", "owner: sales\nretention: {idempotency_days: 15}"));
    assert_eq!(least.unwrap().retention_days, 15);
}

#[test]
fn a_contract_says_how_its_files_are_written() {
    use crate::{FileFormat, TextEncoding};

    let parse_with = |more: &str| parse(&format!("{YAML}{more}")).unwrap();
    let plain = parse_with("csv: {missing: [NA]}");
    assert_eq!((plain.file_format, plain.csv.delimiter), (None, b','));
    assert_eq!(plain.csv.encoding, TextEncoding::Utf8);
    let declared =
        parse_with("files: {format: csv}\ncsv: {delimiter: ';', encoding: windows-1252}\n");
    assert_eq!(declared.file_format, Some(FileFormat::Csv));
    assert_eq!(declared.csv.delimiter, b';');
    assert_eq!(declared.csv.encoding, TextEncoding::Windows1252);
    assert_eq!(parse_with("csv: {delimiter: tab}").csv.delimiter, b'\t');
    for (mistake, expected) in [
        ("csv: {delimiter: ''}", "csv.delimiter"),
        ("csv: {delimiter: ';;'}", "csv.delimiter"),
        ("csv: {delimiter: '\"'}", "csv.delimiter"),
        ("csv: {delimiter: x}", "csv.delimiter"),
        ("csv: {delimiter: \"\\n\"}", "csv.delimiter"),
        ("csv: {delimiter: é}", "csv.delimiter"),
        ("csv: {encoding: ebcdic}", "utf-16le"),
        ("files: {format: xml}", "ndjson"),
    ] {
        let error = parse(&format!("{YAML}{mistake}")).unwrap_err().to_string();
        assert!(error.contains(expected), "{mistake}: {error}");
    }
}

#[test]
fn mistakes_are_named() {
    check("dataset: orders", "dataset: My Orders", "dataset");
    check("[/id]", "[id]", "not a JSON Pointer");
    check("[/id]", "[]", "at least one");
    check("v1.schema.json", "v2.schema.json", "v2.schema.json");
    check("kind: table", "kind: tabel", "tabel");
    check("kind: table", "kind: table, mode: inzert", "inzert");
    check("kind: table", "kind: table, moed: insert", "moed");
    check("kind: table}", "kind: table}\n  - {name: records, kind: lake}", "two of one name");
    check("kind: table", "kind: http", "url");
    check("kind: table", "kind: http, url: '{host}'", "sink `records`: `host` is neither");
    check("kind: table", "kind: custom", "by");
    check("into: rate", "inot: rate", "inot");
    check("event_time: /at", "event_time: /at\n  sequence: n", "`n` is not a JSON Pointer");
    check("RATES_URL", "rates", "rates");
    check("owner: sales", "owner: sales\nretention: {idempotency_days: 14}", "14");
}

#[track_caller]
fn check_with(more: &str, expected: &str) {
    let error = parse(&format!("{YAML}{more}\n")).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn what_is_said_of_letters_is_read() {
    let more = "
personal_data: [/passenger/name, '/legs/*/seat']
tenant: /airline
region: /country
redrive: {limit: 100}
";
    let contract = parse(&format!("{YAML}{more}")).unwrap();
    assert_eq!(contract.region.as_deref(), Some("/country"));
    assert_eq!(contract.personal_data, ["/passenger/name", "/legs/*/seat"]);
    assert_eq!((contract.tenant.as_deref(), contract.redrive_limit), (Some("/airline"), 100));
    assert!(contract.is_personal("/legs/0/seat/row") && !contract.is_personal("/airline"));
}

#[test]
fn mistakes_in_what_is_said_of_letters_are_named() {
    check_with("personal_data: [name]", "`personal_data`: `name` is not a JSON Pointer");
    check_with("personal_data: ['']", "`personal_data`: `` is not a JSON Pointer");
    check_with("personal_data: [/a~2]", "`personal_data`: `/a~2` is not a JSON Pointer");
    check_with("personal_data: [/a, /a]", "`personal_data`: `/a` twice");
    check_with("tenant: airline", "`tenant`: `airline` is not a JSON Pointer");
    check_with("tenant: ''", "`tenant`: `` is not a JSON Pointer");
    check_with("tenant: /a/b\npersonal_data: [/a]", "`/a/b` is personal data, and a tenant is");
    check_with("region: eu", "`region`: `eu` is not a JSON Pointer");
    check_with("region: /a\npersonal_data: [/a/b]", "`/a` is personal data, and a region is");
    check_with("redrive: {limit: 0}", "`redrive.limit`: from 1 to 100");
    check_with("redrive: {limit: 101}", "`redrive.limit`: from 1 to 100");
    check_with("redrive: {limits: 5}", "limits");
    check_with("redrive: {}", "limit");
    check_with("personal: [/a]", "personal");
}

#[test]
fn a_mistake_in_the_yaml_has_its_line() {
    let error = parse(&YAML.replace("owner: sales", "owner: [sales")).unwrap_err().to_string();
    assert!(error.contains("line"), "{error}");
}

#[test]
fn a_table_orders_by_the_sequence_of_the_contract() {
    let yaml = YAML
        .replace("event_time: /at", "event_time: /at\n  sequence: /revision")
        .replace("kind: table", "kind: table, mode: upsert, order_by: sequence");
    let contract = parse(&yaml).unwrap();
    let Target::Table(table) = &contract.sinks[0].target else { panic!("{contract:?}") };
    let order = crate::Order::Pointer("/revision".to_owned());
    assert_eq!(table.mode, crate::TableMode::Upsert { order, tombstone: None });
}

#[test]
fn a_sink_of_ones_own_names_its_function_and_says_what_it_wants() {
    let own = "kind: custom, by: alerts, options: {above: 30}";
    let contract = parse(&YAML.replace("kind: table", own)).unwrap();
    assert_eq!(contract.sinks[0].kind(), SinkKind::Custom("alerts".to_owned()));
    let Target::Custom(custom) = &contract.sinks[0].target else { panic!("{contract:?}") };
    assert_eq!(custom.options["above"], 30);
}

#[test]
fn a_kind_of_sink_is_read_from_its_text() {
    for text in ["table", "lake", "http", "custom:alerts"] {
        assert_eq!(SinkKind::try_from(text.to_owned()).unwrap().to_string(), text);
    }
    for text in ["tabel", "custom", "custom:"] {
        assert!(SinkKind::try_from(text.to_owned()).unwrap_err().contains("none of table"));
    }
}
