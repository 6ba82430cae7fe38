//! Records as AWS's documentation has them.

use event::{Code, Payload};

use super::super::tests::{check, check_refused, contract_of, decode};
use super::super::{ChangeMessage, Decoded, Operation};

const CHANGES: &str = "{kind: dynamodb, table: my-table}";
const STREAM: &str =
    "arn:aws:dynamodb:us-east-2:123456789012:table/my-table/stream/2024-06-10T19:26:16.525";

/// A record of the example event of <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>, with what
/// `dynamodb` has.
fn record(event_name: &str, dynamodb: &str) -> String {
    format!(
        r#"{{"eventID": "1", "eventVersion": "1.0", "dynamodb": {{{dynamodb}}}, "awsRegion": "us-west-2",
            "eventName": "{event_name}", "eventSourceARN": "{STREAM}", "eventSource": "aws:dynamodb"}}"#
    )
}

const KEYS: &str = r#""Keys": { "Id": { "N": "101" } }"#;
const NEW: &str = r#""NewImage": { "Message": { "S": "New item!" }, "Id": { "N": "101" } }"#;
const REST: &str = r#""StreamViewType": "NEW_AND_OLD_IMAGES", "SizeBytes": 26"#;

#[test]
fn the_row_is_the_one_after_the_change_or_before_it_was_deleted() {
    let insert = record("INSERT", &format!(r#"{KEYS}, {NEW}, "SequenceNumber": "111", {REST}"#));
    let payload = r#"{"Message":"New item!","Id":101}"#;
    check(CHANGES, &insert, Operation::Insert, Some("111"), payload);
    check(
        CHANGES,
        &format!(r#"{{"Records":[{insert}]}}"#),
        Operation::Insert,
        Some("111"),
        payload,
    );
    let update = record(
        "MODIFY",
        &format!(
            r#""OldImage": {{ "Message": {{ "S": "New item!" }}, "Id": {{ "N": "101" }} }}, "SequenceNumber": "222",
               {KEYS}, {REST}, "NewImage": {{ "Message": {{ "S": "This item has changed" }}, "Id": {{ "N": "101" }} }}"#
        ),
    );
    let changed = r#"{"Message":"This item has changed","Id":101}"#;
    check(CHANGES, &update, Operation::Update, Some("222"), changed);
    let old = NEW.replace("NewImage", "OldImage");
    let remove = record("REMOVE", &format!(r#"{KEYS}, "SequenceNumber": "333", {old}"#));
    check(CHANGES, &remove, Operation::Delete, Some("333"), payload);
    let keys_only = record("REMOVE", &format!(r#"{KEYS}, "SequenceNumber": "333""#));
    check(CHANGES, &keys_only, Operation::Delete, Some("333"), r#"{"Id":101}"#);
}

/// The types are those of
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_AttributeValue.html>.
#[test]
fn each_type_becomes_the_json_that_it_means() {
    for (attribute, expected) in [
        (r#"{"S": "H\u00e9\"llo"}"#, r#""Hé\"llo""#),
        (r#"{"N": "123.450"}"#, "123.450"),
        (r#"{"N": "-1E+125"}"#, "-1E+125"),
        (
            r#"{"N": "12345678901234567890123456789012345678"}"#,
            "12345678901234567890123456789012345678",
        ),
        (r#"{"B": "AAEqQQ=="}"#, r#""AAEqQQ==""#),
        (r#"{"BOOL": true}"#, "true"),
        (r#"{"NULL": true}"#, "null"),
        (r#"{"SS": ["Giraffe", "Zebra"]}"#, r#"["Giraffe","Zebra"]"#),
        (r#"{"SS": []}"#, "[]"),
        (r#"{"NS": ["42.2", "-19", "7.50"]}"#, "[42.2,-19,7.50]"),
        (r#"{"BS": ["U3Vubnk=", "UmFpbnk="]}"#, r#"["U3Vubnk=","UmFpbnk="]"#),
        (r#"{"L": [{"S": "Cookies"}, {"N": "3.14159"}]}"#, r#"["Cookies",3.14159]"#),
        (r#"{"M": {"Name": {"S": "Joe"}, "Age": {"N": "35"}}}"#, r#"{"Name":"Joe","Age":35}"#),
    ] {
        let message = record("INSERT", &format!(r#""NewImage": {{"a": {attribute}}}"#));
        check(CHANGES, &message, Operation::Insert, None, &format!(r#"{{"a":{expected}}}"#));
    }
}

#[test]
fn what_is_no_change_of_a_row_is_refused_and_says_why() {
    let refused =
        |message: &str, reason| check_refused(CHANGES, message, Code::DecodeFormat, reason);
    refused("", "no record of a DynamoDB stream");
    refused("null", "no record of a DynamoDB stream");
    refused(r#"{"id":1}"#, "no record of a DynamoDB stream");
    refused(&record("TRUNCATE", NEW), "none of INSERT, MODIFY and REMOVE");
    refused(&record("MODIFY", KEYS), "NEW_AND_OLD_IMAGES");
    refused(&record("REMOVE", NEW), "no image of the row");
    refused(&record("INSERT", r#""NewImage": {"a": {"X": "1"}}"#), "not what was expected");
    refused(&record("INSERT", &format!(r#"{NEW}, "SequenceNumber": "1f""#)), "`SequenceNumber`");
    for digits in ["", "1.", ".5", "+1", "0x10", "NaN", "1 ", "1,\"b\":2"] {
        let digits = serde_json::Value::from(digits);
        let message =
            record("INSERT", &format!(r#""NewImage": {{"a": {{"L": [{{"NS": [{digits}]}}]}}}}"#));
        let failure = decode(CHANGES, &message).unwrap_err();
        assert_eq!((failure.code, failure.at.as_deref()), (Code::DecodeFormat, Some("/a/0/0")));
    }
    let other = record("INSERT", NEW).replace("my-table", "other");
    check_refused(CHANGES, &other, Code::SourceRefused, "another table than `my-table`");
}

#[test]
fn the_time_of_a_change_is_exact() {
    for (seconds, expected) in [
        ("1480642020", "2016-12-02T01:27:00.000Z"),
        ("1693997155.0", "2023-09-06T10:45:55.000Z"),
        ("1480642020.125", "2016-12-02T01:27:00.125Z"),
    ] {
        let message = record(
            "INSERT",
            &format!(
                r#"{NEW}, "ApproximateCreationDateTime": {seconds}, "SequenceNumber": "0042""#
            ),
        );
        let payload = format!(
            r#"{{"Message":"New item!","Id":101,"change":{{"operation":"insert","sequence":42,"time":"{expected}"}}}}"#
        );
        let changes = "{kind: dynamodb, table: my-table, into: change}";
        check(changes, &message, Operation::Insert, Some("42"), &payload);
    }
}

#[test]
fn what_a_hostile_record_has_is_refused_early() {
    let image = |attribute: &str| record("INSERT", &format!(r#""NewImage": {{{attribute}}}"#));
    let twice = image(r#""a": {"N": "1"}, "a": {"N": "2"}"#);
    check_refused(CHANGES, &twice, Code::DecodeJson, "two members `a`");
    let reserved = image(r#""a": {"M": {"$serde_json::private::Number": {"S": "1"}}}"#);
    check_refused(CHANGES, &reserved, Code::DecodeJson, "reserved");
    for (levels, code) in [(70, Code::DecodeFormat), (100_000, Code::DecodeFormat)] {
        let deep =
            format!("{}{{\"N\": \"1\"}}{}", r#"{"L": ["#.repeat(levels), "]}".repeat(levels));
        let failure = decode(CHANGES, &image(&format!(r#""a": {deep}"#))).unwrap_err();
        assert_eq!(failure.code, code, "{levels}");
    }
    let large = image(&format!(r#""a": {{"S": "{}"}}"#, "x".repeat(event::MAX_PAYLOAD_BYTES)));
    check_refused(CHANGES, &large, Code::SizeExceeded, "bytes");
    let secret = image(r#""a": {"S": {"s3cret": 1}}"#);
    assert!(!decode(CHANGES, &secret).unwrap_err().reason.contains("s3cret"));
}

/// DynamoDB nests at most 32 levels deep.
#[test]
fn the_deepest_item_of_dynamodb_is_read() {
    let deep = format!("{}{{\"N\": \"1\"}}{}", r#"{"M": {"a": "#.repeat(32), "}}".repeat(32));
    let message = record("INSERT", &format!(r#""NewImage": {{"a": {deep}}}"#));
    let expected = format!("{}1{}", r#"{"a":"#.repeat(33), "}".repeat(33));
    check(CHANGES, &message, Operation::Insert, None, &expected);
}

/// The records of `aws_lambda_events` are real ones.
#[test]
fn a_record_with_every_type_is_read() {
    let image = r#""NewImage": {"val": {"S": "data"}, "asdf1": {"B": "AAEqQQ=="}, "b2": {"B": "test"},
        "asdf2": {"BS": ["AAEqQQ==", "QSoBAA==", "AAEqQQ=="]}, "Boolean": {"BOOL": true},
        "List": {"L": [{"S": "Cookies"}, {"S": "Coffee"}, {"N": "3.14159"}]}, "FloatNumber": {"N": "123.45"},
        "Null": {"NULL": true}, "EmptyStringSet": {"SS": []}}"#;
    let number = r#""SequenceNumber": "1405400000000002063282832""#;
    let message = record("INSERT", &format!("{image}, {number}"));
    let Ok(Decoded::Event(event)) = decode(CHANGES, &message) else { panic!("no event") };
    let expected = r#"{"val":"data","asdf1":"AAEqQQ==","b2":"test","asdf2":["AAEqQQ==","QSoBAA==","AAEqQQ=="],
        "Boolean":true,"List":["Cookies","Coffee",3.14159],"FloatNumber":123.45,"Null":null,"EmptyStringSet":[]}"#;
    assert_eq!(event.payload.value, Payload::parse(expected.as_bytes()).unwrap().value);
    let attribute = event.change.unwrap().sequence_attribute().unwrap();
    assert_eq!(attribute, "0000000000000001405400000000002063282832");
    assert!(
        matches!(ChangeMessage::of(&message), Some(ChangeMessage::OfTable { table, .. }) if table == "my-table")
    );
    assert!(contract_of(CHANGES).is_ok());
}
