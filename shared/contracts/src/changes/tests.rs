//! Contracts of changes, and what is the same for all kinds of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::Contract;

/// A contract with these `changes`.
pub(super) fn contract_of(changes: &str) -> Result<Contract, ContractError> {
    let yaml = format!(
        "
dataset: customers
description: Customers
owner: shop
changes: {changes}
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id], business: [/id], event_time: /change/time}}
enrichers: [{{name: rates, http: {{url: 'http://a.test/{{/id}}'}}, into: rate}}]
sinks: [{{name: rows, kind: table}}]
"
    );
    let files = BTreeMap::from([("v1.schema.json".to_owned(), r#"{"type":"object"}"#.to_owned())]);
    Contract::parse(&yaml, &files).map_err(|error| error.located(&yaml, &files))
}

/// What a message is under a contract with these `changes`.
pub(super) fn decode(changes: &str, message: &str) -> Result<Decoded<Incoming>, Failure> {
    contract_of(changes).unwrap().decode(message.as_bytes())
}

/// Checks the operation, the sequence, and the payload byte for byte.
#[track_caller]
pub(super) fn check(
    changes: &str,
    message: &str,
    operation: Operation,
    sequence: Option<&str>,
    payload: &str,
) {
    match decode(changes, message) {
        Ok(Decoded::Event(event)) => {
            assert_eq!(event.payload.text.get(), payload, "{message}");
            let sequence = sequence.map(str::to_owned);
            assert_eq!(event.change, Some(Change { operation, sequence }), "{message}");
        }
        other => panic!("{other:?}: {message}"),
    }
}

#[track_caller]
pub(super) fn check_ignored(changes: &str, message: &str, expected: NoChange) {
    match decode(changes, message) {
        Ok(Decoded::Ignored(nothing)) => assert_eq!(nothing, expected, "{message}"),
        other => panic!("{other:?}: {message}"),
    }
}

#[track_caller]
pub(super) fn check_refused(changes: &str, message: &str, code: Code, reason: &str) {
    let failure = decode(changes, message).unwrap_err();
    assert_eq!(failure.code, code, "{failure}: {message}");
    assert_eq!(failure.kind, event::FailureKind::Permanent);
    assert!(failure.reason.contains(reason), "{failure}: {message}");
}

#[test]
fn a_mistake_is_told_with_its_place() {
    for (changes, expected) in [
        ("{kind: dynamodb}", "line 5, column 10: `changes.table`: the name of a DynamoDB table"),
        ("{kind: dynamodb, table: a/b}", "line 5, column 34: `changes.table`: `a/b` names no"),
        ("{kind: debezium, table: customers}", "`changes.table`: `customers`; expected a table as"),
        ("{kind: debezium, into: ''}", "line 5, column 33: `changes.into`: the name of a member"),
        ("{kind: debezium, into: rate}", "`changes.into`: an enricher sets this member too"),
        ("{kind: kinesis}", "line 5, column 17: `kinesis` is none of dynamodb, debezium"),
        ("{kind: debezium, topic: a.b}", "unknown field `topic`; there are kind, table, into"),
        ("{table: orders}", "kind"),
    ] {
        let error = contract_of(changes).unwrap_err().to_string();
        assert!(error.contains(expected), "{changes}: {error}");
    }
    assert_eq!(contract_of("{kind: debezium}").unwrap().changes.unwrap().table, None);
}

#[test]
fn without_changes_an_event_is_what_its_producer_sent() {
    let text = r#"{"op":"d", "before":{"id":1.0},"after":null,"source":{}}"#;
    let Ok(Decoded::Event(event)) = decode("null", text) else { panic!("no event") };
    assert_eq!((event.payload.text.get(), event.change), (text, None));
}

#[test]
fn a_row_of_a_csv_file_is_no_change() {
    let failure = contract_of("{kind: debezium}").unwrap().check_header(&["id".to_owned()]);
    assert_eq!(failure.unwrap_err().code, Code::DecodeFormat);
}

#[test]
fn a_sequence_sorts_as_text() {
    let attribute = |digits: &str| {
        let change = Change { operation: Operation::Update, sequence: Some(digits.to_owned()) };
        change.sequence_attribute().unwrap()
    };
    assert_eq!(attribute("111"), format!("{}111", "0".repeat(37)));
    assert!(attribute("99") < attribute("100"));
    let unknown = Change { operation: Operation::Update, sequence: None };
    assert_eq!(unknown.sequence_attribute(), None);
}

#[test]
fn what_is_known_of_the_change_is_added_to_the_row_and_the_other_bytes_stay() {
    let added = r#"{"operation":"delete","sequence":7,"time":"2013-01-01T10:00:00.000Z"}"#;
    for (row, expected) in [
        (r#"{"id" : 1.00 }"#, format!(r#"{{"id" : 1.00,"change":{added}}}"#)),
        ("{}", format!(r#"{{"change":{added}}}"#)),
        ("{ }", format!(r#"{{"change":{added}}}"#)),
        (r#"{"a":{}}"#, format!(r#"{{"a":{{}},"change":{added}}}"#)),
    ] {
        let message = format!(
            r#"{{"before":{row},"after":null,"source":{{"lsn":7,"ts_ms":1357034400000}},"op":"d"}}"#
        );
        let changes = "{kind: debezium, into: change}";
        check(changes, &message, Operation::Delete, Some("7"), &expected);
    }
    let message = r#"{"after":{"change":1},"source":{"lsn":7},"op":"c"}"#;
    let changes = "{kind: debezium, into: change}";
    check_refused(changes, message, Code::ContractViolation, "the row has this member");
    check(
        changes,
        r#"{"after":{},"source":{},"op":"c"}"#,
        Operation::Insert,
        None,
        r#"{"change":{"operation":"insert"}}"#,
    );
}

#[test]
fn a_message_is_of_the_table_that_it_names() {
    let of = |kind, table: &str| Some(ChangeMessage::OfTable { kind, table: table.to_owned() });
    let nothing = |nothing| Some(ChangeMessage::Nothing(nothing));
    let stream = "arn:aws:dynamodb:eu-west-1:1:table/orders/stream/2024-06-10T19:26:16.525";
    let record = format!(r#"{{"eventSource":"aws:dynamodb","eventSourceARN":"{stream}"}}"#);
    for (text, expected) in [
        (record.clone(), of(ChangeKind::DynamoDb, "orders")),
        (format!(r#"{{"Records":[{record}]}}"#), of(ChangeKind::DynamoDb, "orders")),
        (format!(r#"{{"Records":[{record},{record}]}}"#), None),
        (record.replace("aws:dynamodb\"", "aws:kinesis\""), None),
        (r#"{"eventSource":"aws:dynamodb"}"#.to_owned(), None),
        (r#"{"op":"c","source":{"name":"s","db":"d","table":"t"}}"#.to_owned(), of(ChangeKind::Debezium, "s.d.t")),
        (r#"{"schema":{},"payload":{"op":"c","source":{"name":"s","db":"d","schema":"p","table":"t"}}}"#.to_owned(), of(ChangeKind::Debezium, "s.p.t")),
        (r#"{"schema":null,"payload":null}"#.to_owned(), nothing(NoChange::Tombstone)),
        (r#"{"id":1,"__op":"c"}"#.to_owned(), None),
        (r#"{"id":1}"#.to_owned(), None),
        ("[]".to_owned(), None),
    ] {
        assert_eq!(ChangeMessage::of(&text), expected, "{text}");
    }
}

/// A JSON number, written in any way.
fn number() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,7})?([eE][+-]?[0-9]{1,2})?"
}

proptest! {
    /// The expectation is the text that the row was made of.
    #[test]
    fn digits_stay_as_they_came(numbers in prop::collection::vec(number(), 1..5)) {
        let (mut image, mut expected) = (Vec::new(), Vec::new());
        for (index, digits) in numbers.iter().enumerate() {
            image.push(format!(r#""a{index}":{{"N":"{digits}"}},"s{index}":{{"NS":["{digits}","1"]}}"#));
            expected.push(format!(r#""a{index}":{digits},"s{index}":[{digits},1]"#));
        }
        let message = format!(
            r#"{{"eventSource":"aws:dynamodb","eventName":"INSERT","dynamodb":{{"NewImage":{{{}}}}}}}"#,
            image.join(",")
        );
        let payload = format!("{{{}}}", expected.join(","));
        let cut = format!(r#"{{"before":null,"after":{payload},"source":{{}},"op":"u"}}"#);
        check("{kind: debezium}", &cut, Operation::Update, None, &payload);
        check("{kind: dynamodb, table: t}", &message, Operation::Insert, None, &payload);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,64}", json in any_json()) {
        for changes in ["{kind: dynamodb, table: t}", "{kind: debezium, into: change}"] {
            let contract = contract_of(changes).unwrap();
            let wrapped = format!(r#"{{"op":"c","source":{json},"before":{json},"after":{json}}}"#);
            let record = format!(r#"{{"eventSource":"aws:dynamodb","eventName":"REMOVE","dynamodb":{json}}}"#);
            for text in [text.clone(), json.to_string(), wrapped, record] {
                let _ = contract.decode(text.as_bytes());
                let _ = ChangeMessage::of(&text);
            }
        }
    }
}

/// Any JSON whose members have the names that are looked at.
fn any_json() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 16] = [
        "op",
        "source",
        "before",
        "after",
        "schema",
        "payload",
        "lsn",
        "file",
        "pos",
        "ts_ms",
        "ord",
        "change_lsn",
        "Keys",
        "N",
        "L",
        "M",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        "[0-9a-f:.-]{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let members =
            prop::collection::vec((prop::sample::select(&NAMES[..]), inner.clone()), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}
