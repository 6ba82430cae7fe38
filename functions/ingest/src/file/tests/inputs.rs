//! Files such as people have reported to the makers of other tools. Each test names the specification that says what is
//! right.

use contracts::Contract;

use super::*;

/// The contract of all these files.
fn contract() -> Contract {
    let schema = include_str!("../../../../../tests/datasets/probe/v1.schema.json").to_owned();
    let schemas = [("v1.schema.json".to_owned(), schema)].into();
    Contract::parse(include_str!("../../../../../tests/datasets/probe/contract.yaml"), &schemas)
        .unwrap()
}

async fn read_input(name: &str, bytes: &[u8]) -> Read {
    read_under(&contract(), MemoryQueue::default(), name, vec![bytes.to_vec()]).await
}

/// Each event's id and payload, in order.
fn payloads(read: &Read) -> Vec<(&str, serde_json::Value)> {
    let payload = |event: &'_ Envelope| serde_json::from_str(event.data.get()).unwrap();
    read.events.iter().map(|event| (event.id.as_str(), payload(event))).collect()
}

fn row(id: u32, size: &str) -> serde_json::Value {
    serde_json::json!({"id": id, "size": size, "at": "2026-11-28T00:00:00Z"})
}

/// RFC 4180, section 2: a quote opens a field only at its beginning.
#[tokio::test]
async fn a_stray_quote_is_text() {
    let read = read_input(
        "stray-quote.csv",
        include_bytes!("../../../../../tests/inputs/stray-quote.csv"),
    )
    .await;
    read.check(3, 0);
    let expected =
        [("e1:2", row(101, "5\" pipe")), ("e1:3", row(102, "6\" pipe")), ("e1:4", row(103, "x"))];
    assert_eq!(payloads(&read), expected);
}

/// Old systems write such files, and so do several systems that append to one file.
#[tokio::test]
async fn carriage_returns_end_records_alone_and_among_others() {
    for (name, bytes, first) in [
        (
            "old.csv",
            include_bytes!("../../../../../tests/inputs/carriage-returns.csv").as_slice(),
            111,
        ),
        ("mixed.csv", include_bytes!("../../../../../tests/inputs/mixed-line-ends.csv"), 121),
    ] {
        let read = read_input(name, bytes).await;
        read.check(3, 0);
        let expected = [
            ("e1:2", row(first, "a")),
            ("e1:3", row(first + 1, "b")),
            ("e1:4", row(first + 2, "c")),
        ];
        assert_eq!(payloads(&read), expected, "{name}");
    }
}

/// A file without events is no failure.
#[tokio::test]
async fn a_header_alone_is_no_event_and_no_dead_letter() {
    read_input("header-only.csv", include_bytes!("../../../../../tests/inputs/header-only.csv"))
        .await
        .check(0, 0);
}

/// The first letters of this CSV header are those of another format.
#[tokio::test]
async fn a_header_that_begins_like_parquet_is_a_header() {
    let bytes = include_bytes!("../../../../../tests/inputs/header-like-magic.csv");
    let read = read_input("header-like-magic.csv", bytes).await;
    read.check(1, 0);
    assert_eq!(payloads(&read)[0].1["PAR1"], "0");
}

/// A DynamoDB attribute has a name:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.
#[tokio::test]
async fn a_column_without_a_name_is_one_refusal_that_names_the_header() {
    let bytes = include_bytes!("../../../../../tests/inputs/empty-column-name.csv");
    let read = read_input("empty-column-name.csv", bytes).await;
    let failure = read.result.unwrap_err();
    assert_eq!(failure.code, Code::DecodeFormat);
    assert!(failure.reason.contains("column 1 of the header has no name"), "{failure}");
    assert!(read.events.is_empty() && read.letters.is_empty());
}

/// U+FFFF is legal in JSON, but SQS allows it in no message.
#[tokio::test]
async fn a_character_that_sqs_refuses_is_written_as_its_escape() {
    let bytes = include_bytes!("../../../../../tests/inputs/noncharacter.ndjson");
    let read = read_input("noncharacter.ndjson", bytes).await;
    read.check(50, 0);
    let sent = read.queue.sent_to(ENRICH);
    assert!(sent[20].body.contains("\\uffff"), "{}", sent[20].body);
    let line = std::str::from_utf8(bytes).unwrap().lines().nth(20).unwrap();
    let expected: serde_json::Value = serde_json::from_str(line).unwrap();
    assert!(expected.to_string().contains('\u{ffff}'));
    assert_eq!(payloads(&read)[20].1, expected);
}

/// gzip(1) ignores trailing zeros.
#[tokio::test]
async fn zeros_after_gzip_are_no_failure() {
    let bytes = include_bytes!("../../../../../tests/inputs/zero-padded.ndjson.gz");
    read_input("zero-padded.ndjson.gz", bytes).await.check(1, 0);
}

/// The attributes of an event have the key, and those of a dead letter have the key and the columns.
#[tokio::test]
async fn no_character_of_a_key_or_a_column_fails_a_file() {
    let csv = "id,at,e\u{ffff}\u{1}\u{7}\n1,2026-11-28T00:00:00Z,a\u{fffe}\nx\u{ffff},2026-11-28T00:00:00Z,a\n2,1\n";
    let read = read_input("\u{1}\u{ffff} é.csv", csv.as_bytes()).await;
    read.check(1, 2);
    let source = "arn:aws:s3:::landing/flights/%01%EF%BF%BF%20%C3%A9.csv";
    assert_eq!(read.events[0].source, source);
    assert_eq!(payloads(&read)[0].1["e\u{ffff}\u{1}\u{7}"], "a\u{fffe}");
    let (letter, message) = &read.letters[0];
    assert_eq!(letter.at.as_deref(), Some("line 3, /id"));
    assert_eq!(message.attributes["source"].value, source);
    assert_eq!(letter.encoding, Encoding::Base64);
}

/// Among rows of three columns, a line of white space is blank. In a file of one column it is that column's value.
#[tokio::test]
async fn white_space_is_a_row_only_where_there_is_one_column() {
    let schema = r#"{"type":"object","required":["at"],"properties":{"at":{"type":"string"}}}"#;
    let yaml =
        include_str!("../../../../../tests/datasets/probe/contract.yaml").replace("[/id]", "[/at]");
    let yaml = yaml.split("  - name: totals").next().unwrap();
    let schemas = [("v1.schema.json".to_owned(), schema.to_owned())].into();
    let contract = Contract::parse(yaml, &schemas).unwrap();
    let csv = b"at\n2026-11-28T00:00:00Z\n\n  \n2026-11-28T00:00:01Z\n".to_vec();
    let read = read_under(&contract, MemoryQueue::default(), "a.csv", vec![csv]).await;
    read.check(2, 1);
    assert_eq!(read.letters[0].0.at.as_deref(), Some("line 4, /at"));
    read_input("a.csv", b"id,at\n  \n1,2026-11-28T00:00:00Z\n").await.check(1, 0);
}
