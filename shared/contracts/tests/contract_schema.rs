//! Holds `infra/contracts/contract.schema.json`, from which editors complete contracts, to what the reader of contracts
//! accepts.
//!
//! Contracts that use every field are changed in one place at a time: a member is added or removed, or a value is
//! replaced by one of another type. What the reader takes has to be valid by the schema. What the reader refuses for its
//! fields or types has to be invalid. What it refuses for other reasons, such as a pointer that finds nothing, may be
//! either.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use event::Code;
use serde_json::{Value, json};
use sluicegate_contracts::{CONTRACT_FILE, Contract, ContractError};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

fn schema() -> Value {
    let path = repository().join("infra/contracts/contract.schema.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn validator() -> jsonschema::Validator {
    jsonschema::options().build(&schema()).unwrap()
}

fn value_of(yaml: &str) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(yaml, options).unwrap()
}

/// All contracts below a folder.
fn contracts_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contracts_below(&path, found);
        } else if path.ends_with(CONTRACT_FILE) {
            found.push(path);
        }
    }
}

#[test]
fn every_contract_of_the_repository_is_valid_and_names_the_schema() {
    let mut paths = Vec::new();
    for folder in ["infra/contracts", "tests/contracts", "tests/datasets"] {
        contracts_below(&repository().join(folder), &mut paths);
    }
    assert!(paths.len() > 10, "{paths:?}");
    let validator = validator();
    for path in paths {
        let yaml = fs::read_to_string(&path).unwrap();
        let problem = validator.validate(&value_of(&yaml)).err().map(|error| error.to_string());
        assert_eq!(problem, None, "{}", path.display());
        // The contracts in tests/contracts are copies, byte for byte, of those that are shipped.
        if !path.starts_with(repository().join("tests/contracts")) {
            let first = yaml.lines().next().unwrap();
            let named = first.strip_prefix("# yaml-language-server: $schema=").unwrap_or_default();
            let named = path.parent().unwrap().join(named);
            assert!(
                named.ends_with("contract.schema.json") && named.is_file(),
                "{}",
                path.display()
            );
        }
    }
}

const HEAD: &str = "
dataset: orders
description: Orders
owner: shop
keys: {idempotency: [/id], business: [/id], event_time: /at, sequence: /n, generation: 2}
";

/// The schema that all of the contracts have. It allows any member.
const ORDERS: &str = r#"{"type": "object", "additionalProperties": true,
    "properties": {"amount": {"type": "number"}, "at": {"type": "string", "format": "date-time"},
    "day": {"type": "string", "format": "date"}}}"#;

/// Contracts that use every field together.
fn contracts() -> Vec<String> {
    let one = "schema: {version: 1, file: a.json, formats: annotations, compatibility: FULL}";
    [
        format!(
            "{HEAD}
contact: '#shop'
domain: sales
tags: [billing, eu]
sources: [files, streams: , inbox: {{senders: ['{{CHECKOUT}}']}}, http: {{senders: ['arn:aws:iam::123456789012:role/a']}}]
changes: {{kind: debezium, table: shop.inventory.orders, into: change}}
objectives: {{freshness_s: 300, delivered_percent: 99.9, latency_p99_s: 60, duplicate_percent: 0.5}}
backlog: {{limit: 100, retry_after_s: 60}}
files: {{format: csv}}
csv: {{missing: [NA], delimiter: tab, encoding: windows-1252}}
retention: {{idempotency_days: 30}}
personal_data: [/name]
tenant: /shop
region: /country
time:
  lateness: {{allowed_s: 86400, beyond: divert}}
  skew: {{allowed_s: 0, beyond: reject}}
redrive: {{limit: 7}}
schema:
  formats: asserted
  compatibility: NONE
  versions:
    - {{version: 1, file: a.json, state: deprecated, until: 2027-01-31}}
    - version: 2
      file: b.json
      migrate:
        - rename: {{at: /a, to: b}}
        - move: {{from: /a, to: /b}}
        - default: {{at: /a, value: 1}}
        - drop: {{at: /a}}
        - convert: {{at: /a, to: number}}
        - map: {{at: /a, values: {{A: 1}}, otherwise: keep}}
        - map: {{at: /a, values: {{A: 1}}, otherwise: {{value: 7}}}}
    - {{version: 3, file: c.json, state: canary, share: 0.5, migrate: []}}
sinks: [{{name: lake, kind: lake, format: ndjson, compression: gzip, replaces: old}}]
triage:
  - when: {{group: 1-0123456789abcdef, code: [dedupe.conflict], stage: sink}}
    then: redrive
    wait: 10m
    most: 100
    fix: [{{op: remove, path: /a}}]
  - {{when: {{group: [1-0123456789abcdef], code: dedupe.conflict, stage: [sink, audit]}}, then: notify}}
"
        )
        .replace("sinks: [", "sinks: [{name: own, kind: custom, by: audit, options: {a: 1}, replaces: old}, "),
        format!(
            "{HEAD}{one}
sinks:
  - {{name: rows, kind: table, ttl_days: 30, key: [/id], attributes: {{a: /a}}, mode: insert, replaces: old}}
  - {{name: state, kind: table, mode: upsert, order_by: /n, tombstone: {{at: /op, values: [d, 1, true]}}, ttl_days: 1}}
  - {{name: merged, kind: table, mode: merge, attributes: {{a: /a}}, order_by: event_time}}
  - {{name: latest, kind: table, mode: upsert, order_by: sequence}}
  - {{name: gone, kind: table, mode: delete, rows_of: state}}
  - {{name: sums, kind: table, mode: accumulate, key: [/id], window: day, count: n, sums: {{amount: /amount}}}}
  - {{name: lake, kind: lake, format: parquet, compression: zstd, decimals: {{amount: 2}},
     dates: [day], timestamps: {{at: microseconds}}}}
  - name: out
    kind: http
    method: PUT
    url: 'https://a.example/{{/id}}'
    headers: {{x-a: b}}
    body: envelope
    timeout_ms: 500
    dependency: other
    replaces: old
"
        ),
        format!(
            "{HEAD}{one}
enrichers:
  - name: asked
    http: {{method: POST, url: 'https://a.example/{{/id}}', headers: {{x-a: b}}, timeout_ms: 500}}
    into: a
    keep: /b
    schema: answer.json
    cache: {{ttl_s: 60, absent_ttl_s: 0, stale_s: 10, entries: 10}}
    missing: fail
    unavailable: degrade
    dependency: other
  - {{name: item, table: {{name: t, key: {{pk: /id}}, consistent: true, timeout_ms: 500}}, into: b}}
  - name: row
    reference: {{object: a.csv, format: csv, key: {{id: /id}}, refresh_s: 1, stale_s: 0, timeout_ms: 500}}
    into: c
  - {{name: own, custom: {{lookup: l, key: {{id: 'a#{{/id}}'}}, timeout_ms: 500}}, into: d}}
sinks: [{{name: rows, kind: table}}]
"
        )
        .replace("event_time: /at", "event_time: {at: /at, format: '%d.%m.%Y', zone: Europe/Berlin}"),
    ]
    .to_vec()
}

/// Reads a contract whose text is JSON, which is YAML too.
fn read(contract: &Value) -> Result<Contract, Box<ContractError>> {
    let names = ["a.json", "b.json", "c.json", "answer.json"];
    let files = names.map(|name| (name.to_owned(), ORDERS.to_owned()));
    Contract::parse(&contract.to_string(), &BTreeMap::from(files)).map_err(Box::new)
}

/// The JSON Pointers to all values within a value.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// All copies of a contract with one change, each with what was changed.
fn changed(contract: &Value) -> Vec<(String, Value)> {
    let others = [
        json!(true),
        json!(7),
        json!(-1),
        json!(1.5),
        json!("x"),
        json!(""),
        json!([]),
        json!({}),
        json!([7]),
        json!({"x": 7}),
        json!(["x"]),
        json!(5_000_000_000_u64),
    ];
    let (mut all, mut found) = (Vec::new(), Vec::new());
    places(contract, "", &mut found);
    for at in found {
        for other in &others {
            let mut copy = contract.clone();
            *copy.pointer_mut(&at).unwrap() = other.clone();
            all.push((format!("{at} = {other}"), copy));
        }
        if let Value::Object(members) = contract.pointer(&at).unwrap() {
            let mut copy = contract.clone();
            copy.pointer_mut(&at).unwrap()["unknown-member"] = json!("x");
            all.push((format!("{at} has another member"), copy));
            for name in members.keys() {
                let mut copy = contract.clone();
                copy.pointer_mut(&at).unwrap().as_object_mut().unwrap().remove(name);
                all.push((format!("{at}/{name} is removed"), copy));
            }
        }
    }
    all
}

#[test]
fn the_schema_and_the_reader_judge_fields_and_types_alike() {
    let validator = validator();
    let (mut wrong, mut refused, mut taken) = (Vec::new(), 0, 0);
    for yaml in contracts() {
        let contract = value_of(&yaml);
        read(&contract).unwrap_or_else(|error| panic!("{error}: {yaml}"));
        let problem = validator.validate(&contract).err().map(|error| error.to_string());
        assert_eq!(problem, None, "{yaml}");
        for (what, copy) in changed(&contract) {
            let is_valid = validator.is_valid(&copy);
            match read(&copy) {
                Ok(_) => {
                    taken += 1;
                    if !is_valid {
                        wrong.push(format!("the reader alone takes: {what}"));
                    }
                }
                Err(error) if matches!(*error, ContractError::Malformed { .. }) => {
                    refused += 1;
                    if is_valid {
                        wrong.push(format!("the schema alone takes: {what}: {error}"));
                    }
                }
                Err(_) => {}
            }
        }
    }
    assert!(refused > 1_000 && taken > 100, "{refused} were refused, and {taken} taken");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The fields that an object of the reader has, from what it says of an unknown one. `None` for a map of any names.
fn fields_at(contract: &Value, at: &str) -> Option<BTreeSet<String>> {
    let mut copy = contract.clone();
    copy.pointer_mut(at)?["unknown-member"] = json!("x");
    let error = read(&copy).err()?.to_string();
    let (_, listed) = error.split_once("unknown field `unknown-member`; there are ")?;
    Some(listed.split(", ").map(str::to_owned).collect())
}

/// Without this, the test above would not try a field that the reader gets later.
#[test]
fn the_contracts_of_this_test_use_every_field_of_the_reader() {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for yaml in contracts() {
        let contract = value_of(&yaml);
        let mut found = Vec::new();
        places(&contract, "", &mut found);
        for at in found {
            let Value::Object(members) = contract.pointer(&at).unwrap() else { continue };
            let Some(fields) = fields_at(&contract, &at) else { continue };
            // Items of a list are of one kind.
            let place: String = at
                .split('/')
                .map(|token| {
                    if token.parse::<usize>().is_ok() {
                        "/*".to_owned()
                    } else {
                        format!("/{token}")
                    }
                })
                .collect();
            known.entry(place.clone()).or_default().extend(fields);
            used.entry(place).or_default().extend(members.keys().cloned());
        }
    }
    assert!(known.len() > 15, "{known:?}");
    for (place, fields) in known {
        let missing: Vec<_> = fields.difference(&used[&place]).collect();
        assert!(
            missing.is_empty(),
            "add to the contracts of this test, and to the schema: {place}: {missing:?}"
        );
    }
}

#[test]
fn the_codes_of_failures_are_those_that_there_are() {
    let schema = schema();
    let listed: Vec<&str> = schema["definitions"]["code"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap())
        .collect();
    let all: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed, all);
}
