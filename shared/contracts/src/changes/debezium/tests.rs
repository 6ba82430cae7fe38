//! Messages as Debezium's documentation has them.

use event::{Code, Failure};

use super::super::tests::{check, check_ignored, check_refused, decode};
use super::super::{ChangeKind, ChangeMessage, Decoded, NoChange, Operation};

const CHANGES: &str = "{kind: debezium}";
const INTO: &str = "{kind: debezium, into: change}";

/// The `source` of <https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-events>.
const POSTGRESQL: &str = r#"{"version": "3.0.0.Final", "connector": "postgresql", "name": "PostgreSQL_server",
    "ts_ms": 1559033904863, "ts_us": 1559033904863123, "ts_ns": 1559033904863123000, "snapshot": true,
    "db": "postgres", "sequence": "[\"24023119\",\"24023128\"]", "schema": "public", "table": "customers",
    "txId": 555, "lsn": 24023128, "xmin": null}"#;

const AFTER: &str = r#"{
            "id": 1,
            "first_name": "Anne",
            "balance": 1.00
        }"#;

/// A message of the same page, without the schema around it.
fn envelope(op: &str, before: &str, after: &str) -> String {
    format!(
        r#"{{"before": {before}, "after": {after}, "source": {POSTGRESQL}, "op": "{op}", "ts_ms": 1559033904863,
            "ts_us": 1559033904863841, "ts_ns": 1559033904863841257}}"#
    )
}

/// The message as Kafka Connect's converter writes it with schemas.
fn with_schema(payload: &str) -> String {
    format!(
        r#"{{"schema": {{"type": "struct", "fields": [], "optional": false}}, "payload": {payload}}}"#
    )
}

#[test]
fn the_row_is_cut_out_as_it_is() {
    let keys = r#"{"id": 1}"#;
    for (op, before, after, operation, row) in [
        ("c", "null", AFTER, Operation::Insert, AFTER),
        ("u", keys, AFTER, Operation::Update, AFTER),
        ("r", "null", AFTER, Operation::Snapshot, AFTER),
        ("d", keys, "null", Operation::Delete, keys),
    ] {
        let plain = envelope(op, before, after);
        for message in [with_schema(&plain), plain] {
            check(CHANGES, &message, operation, Some("24023128"), row);
            let of = ChangeMessage::of(&message);
            let table = "PostgreSQL_server.public.customers".to_owned();
            assert_eq!(of, Some(ChangeMessage::OfTable { kind: ChangeKind::Debezium, table }));
        }
    }
    let added = r#"{"id": 1,"change":{"operation":"delete","sequence":24023128,"time":"2019-05-28T08:58:24.863123Z"}}"#;
    check(INTO, &envelope("d", r#"{"id": 1}"#, "null"), Operation::Delete, Some("24023128"), added);
}

/// The sources of the pages of each connector below <https://debezium.io/documentation/reference/stable/connectors/>.
#[test]
fn each_database_has_an_order_and_a_table() {
    for (source, sequence, table) in [
        (
            r#"{"connector": "mysql", "name": "mysql-server-1", "ts_ms": 1465491411000, "snapshot": false, "db": "inventory",
                "sequence": null, "table": "customers", "server_id": 223344, "gtid": null, "file": "mysql-bin.000003",
                "pos": 484, "row": 0, "thread": 7, "query": "UPDATE customers"}"#,
            Some("30000000004840000000"),
            "mysql-server-1.inventory.customers",
        ),
        (
            r#"{"connector": "sqlserver", "name": "server1", "ts_ms": 1559729468470, "db": "testDB", "schema": "dbo",
                "table": "customers", "change_lsn": "00000027:00000758:0003", "commit_lsn": "00000027:00000758:0005",
                "event_serial_no": "1"}"#,
            // 0x27000007580003 is 10977524214923267. The event's number has four digits.
            Some("109775242149232670001"),
            "server1.testDB.dbo.customers",
        ),
        (
            r#"{"connector": "oracle", "name": "server1", "ts_ms": 1520085154000, "db": "ORCLPDB1", "schema": "DEBEZIUM",
                "table": "CUSTOMERS", "scn": "2122185", "commit_scn": "2122185", "rs_id": "001234.00012345.0124"}"#,
            Some("2122185"),
            "server1.DEBEZIUM.CUSTOMERS",
        ),
        (
            r#"{"connector": "mongodb", "name": "fulfillment", "ts_ms": 1558965508000, "snapshot": false,
                "db": "inventory", "rs": "rs0", "collection": "customers", "ord": 31}"#,
            Some("15589655080000000000031"),
            "fulfillment.inventory.customers",
        ),
        (
            r#"{"connector": "other", "name": "n", "db": "d", "table": "t", "ts_ms": 1}"#,
            None,
            "n.d.t",
        ),
    ] {
        let message = format!(r#"{{"after": {{"id": 1}}, "source": {source}, "op": "c"}}"#);
        check(CHANGES, &message, Operation::Insert, sequence, r#"{"id": 1}"#);
        let changes = format!("{{kind: debezium, table: {table}}}");
        check(&changes, &message, Operation::Insert, sequence, r#"{"id": 1}"#);
        let other = "{kind: debezium, table: other.table}";
        check_refused(other, &message, Code::SourceRefused, "another table than `other.table`");
    }
}

/// The order of MySQL is that of its files, then of their bytes, then of the rows of one event.
#[test]
fn a_later_change_has_a_greater_sequence() {
    let places = [
        (999_999, 4_294_967_295_u64, 0),
        (1_000_000, 4, 0),
        (1_000_000, 4, 1),
        (1_000_000, 4, 11),
        (1_000_000, 90, 2),
        (1_000_000, 900, 0),
        (1_000_001, 5, 0),
    ];
    let mut last = String::new();
    for (file, position, row) in places {
        let source = format!(r#"{{"file":"bin.{file}","pos":{position},"row":{row}}}"#);
        let message = format!(r#"{{"after":{{}},"source":{source},"op":"u"}}"#);
        let Ok(Decoded::Event(event)) = decode(CHANGES, &message) else { panic!("{message}") };
        let sequence = event.change.unwrap().sequence_attribute().unwrap();
        assert!(last < sequence, "{last} {sequence}");
        last = sequence;
    }
}

/// <https://debezium.io/documentation/reference/stable/connectors/mongodb.html#mongodb-create-events>
#[test]
fn the_document_of_mongodb_is_taken_out_of_its_text() {
    let message = r#"{"after": "{\"_id\" : {\"$numberLong\" : \"1004\"},\"first_name\" : \"Anne\"}",
        "source": {"connector": "mongodb"}, "op": "c", "ts_ms": 1558965515240}"#;
    let row = r#"{"_id" : {"$numberLong" : "1004"},"first_name" : "Anne"}"#;
    check(CHANGES, message, Operation::Insert, None, row);
}

/// <https://debezium.io/documentation/reference/stable/transformations/event-flattening.html>
#[test]
fn a_row_alone_says_by_its_members_what_was_done() {
    let row = r#"{"id": 2, "cola": 1.50, "__op": "u", "__table": "t", "__lsn": "123456789", "__source_ts_ms" : "1559033904863", "__ts_ms": 9}"#;
    check(CHANGES, row, Operation::Update, Some("123456789"), row);
    check(CHANGES, &with_schema(row), Operation::Update, Some("123456789"), row);
    let added = r#""change":{"operation":"update","sequence":123456789,"time":"2019-05-28T08:58:24.863Z"}}"#;
    let expected = format!("{},{added}", row.strip_suffix('}').unwrap());
    check(INTO, row, Operation::Update, Some("123456789"), &expected);
    for deleted in
        [r#"{"pk": 2, "cola": null, "__deleted": "true"}"#, r#"{"pk": 2, "__deleted": true}"#]
    {
        check(CHANGES, deleted, Operation::Delete, None, deleted);
    }
    let refused = |row: &str, reason| check_refused(CHANGES, row, Code::DecodeFormat, reason);
    refused(r#"{"pk": 2, "__deleted": "false"}"#, "let ExtractNewRecordState add the field `op`");
    refused(r#"{"pk": 2, "__op": "x"}"#, "`__op` is none of c, r, u and d");
}

#[test]
fn a_message_that_tells_of_no_row_is_ignored() {
    for tombstone in ["", "null", " null\n", r#"{"schema": null, "payload": null}"#] {
        check_ignored(CHANGES, tombstone, NoChange::Tombstone);
    }
    // <https://debezium.io/documentation/reference/stable/connectors/mysql.html#mysql-schema-change-topic>
    let schema_change = r#"{"source": {"connector": "mysql", "name": "mysql", "ts_ms": 1651535750218, "db": "inventory",
        "table": "customers", "file": "mysql-bin.000003", "pos": 570}, "databaseName": "inventory", "schemaName": null,
        "ddl": "ALTER TABLE customers ADD middle_name varchar(255) AFTER first_name", "tableChanges": []}"#;
    let transaction = r#"{"status": "BEGIN", "id": "571:53195829", "ts_ms": 1486500577125, "event_count": null,
        "data_collections": null}"#;
    let message = envelope("m", "null", "null");
    for (message, expected) in [
        (schema_change, NoChange::SchemaChange),
        (transaction, NoChange::Other),
        (r#"{"ts_ms": 1486500577125}"#, NoChange::Other),
        (&message, NoChange::Other),
    ] {
        check_ignored(CHANGES, message, expected);
        check_ignored(CHANGES, &with_schema(message), expected);
    }
    assert_eq!(
        ChangeMessage::of(schema_change),
        Some(ChangeMessage::Nothing(NoChange::SchemaChange))
    );
}

#[test]
fn what_cannot_be_passed_on_is_refused_and_says_why() {
    let at = |message: &str| -> Failure { decode(CHANGES, message).unwrap_err() };
    let refused =
        |message: &str, reason| check_refused(CHANGES, message, Code::DecodeFormat, reason);
    let truncated = envelope("t", "null", "null");
    refused(&truncated, "a table was truncated");
    assert_eq!(at(&truncated).at.as_deref(), Some("/op"));
    refused(&envelope("x", "null", AFTER), "`op` is none of c, r, u, d, t and m");
    refused(&envelope("C", "null", AFTER), "`op` is none of");
    refused(&envelope("d", "null", "null"), "REPLICA IDENTITY");
    refused(&envelope("u", AFTER, "null"), "without the row after it");
    refused("[]", "not a JSON object");
    refused("{", "not a JSON object");
    refused(
        &envelope("c", "null", AFTER).replacen("\"op\"", "\"op\":\"d\",\"op\"", 1),
        "not a JSON object",
    );
    refused(r#"{"id": 1}"#, "neither Debezium's envelope nor a row with `__op`");
    check_refused(CHANGES, &envelope("c", "null", "[1]"), Code::DecodeJson, "found an array");
    check_refused(CHANGES, &envelope("c", "null", r#""x""#), Code::DecodeJson, "malformed JSON");
    let twice = envelope("c", "null", r#"{"a":1,"a":2}"#);
    check_refused(CHANGES, &twice, Code::DecodeJson, "two members `a`");
    let deep = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    check_refused(CHANGES, &envelope("c", "null", &deep), Code::DepthExceeded, "64 levels");
    let deep = envelope("c", "null", AFTER).replace("\"txId\": 555", &format!("\"txId\": {deep}"));
    check(CHANGES, &deep, Operation::Insert, Some("24023128"), AFTER);
}
