//! Messages as AWS's documentation shows them, in each nesting that AWS makes.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A record of S3: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>.
fn record(event_name: &str, key: &str, size: u64) -> Value {
    json!({"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1",
        "eventTime": "2026-01-01T00:00:00.000Z", "eventName": event_name,
        "userIdentity": {"principalId": "A"}, "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "1", "x-amz-id-2": "2"},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": "c",
            "bucket": {"name": "landing", "ownerIdentity": {"principalId": "A"}, "arn": "arn:aws:s3:::landing"},
            "object": {"key": key, "size": size, "eTag": "ab", "sequencer": "1"}}})
}

fn notification(event_name: &str, key: &str) -> String {
    json!({ "Records": [record(event_name, key, 3)] }).to_string()
}

/// An event of S3: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>.
fn event_bridge(kind: &str, key: &str) -> String {
    json!({"version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": kind,
        "source": "aws.s3", "account": "111122223333", "time": "2021-11-12T00:00:00Z",
        "region": "ca-central-1", "resources": ["arn:aws:s3:::landing"],
        "detail": {"version": "0", "bucket": {"name": "landing"},
            "object": {"key": key, "size": 5, "etag": "ab", "sequencer": "617f08299329d189"},
            "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012",
            "source-ip-address": "1.2.3.4", "reason": "PutObject"}})
    .to_string()
}

/// A notification of SNS: <https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html>.
fn sns(message: &str, attributes: &[(&str, &str)]) -> String {
    let mut members = sns_members(message, attributes);
    members["SigningCertURL"] = json!("https://sns.example/cert.pem");
    members.to_string()
}

fn sns_members(message: &str, attributes: &[(&str, &str)]) -> Value {
    let attributes: serde_json::Map<String, Value> = attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!({"Type": "String", "Value": value})))
        .collect();
    json!({"Type": "Notification", "MessageId": "63a3f6b6-d533-4a47-aef9-fcf5cf758c76",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic", "Subject": "A subject",
        "Message": message, "Timestamp": "2012-03-29T05:12:16.901Z", "SignatureVersion": "1",
        "Signature": "EXAMPLEnTrFPa3=", "UnsubscribeURL": "https://sns.example/unsubscribe",
        "MessageAttributes": attributes})
}

/// An invocation by SNS: <https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html>.
fn invoked_by_sns(message: &str, attributes: &[(&str, &str)]) -> String {
    let record = json!({"EventVersion": "1.0", "EventSource": "aws:sns",
        "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:sns-lambda:21be56ed",
        "Sns": sns_members(message, attributes)});
    json!({ "Records": [record] }).to_string()
}

/// A record of a failed invocation:
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>.
fn failed(payload: &str) -> String {
    let record = json!({"version": "1.0", "timestamp": "2019-11-14T18:16:05.568Z",
        "requestContext": {"requestId": "e4b46cbf", "functionArn": "arn:aws:lambda:f:$LATEST",
            "condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": "PAYLOAD",
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"}, "responsePayload": {}});
    record.to_string().replace("\"PAYLOAD\"", payload)
}

fn object(key: &str) -> Announced {
    Announced {
        partition: "aws-cn".to_owned(),
        bucket: "landing".to_owned(),
        key: key.to_owned(),
        etag: "ab".to_owned(),
        version: None,
    }
}

fn announcement(objects: &[Announced], ignored: &[Ignored]) -> Meaning {
    let (objects, ignored) = (objects.to_vec(), ignored.to_vec());
    Meaning::Announcement(Announcement { objects, ignored })
}

fn event(dataset: &str, payload: &str, trace: Option<&str>) -> Meaning {
    Meaning::Event(SentEvent {
        dataset: dataset.to_owned(),
        payload: payload.to_owned(),
        trace: trace.map(str::to_owned),
    })
}

/// A record of a DynamoDB stream, as EventBridge Pipes sends it:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html>.
fn stream_record() -> String {
    json!({"eventID": "1", "eventVersion": "1.0", "dynamodb": {"Keys": {"Id": {"N": "101"}},
            "NewImage": {"Message": {"S": "New item!"}, "Id": {"N": "101"}}, "SequenceNumber": "111"},
        "awsRegion": "us-west-2", "eventName": "INSERT", "eventSource": "aws:dynamodb",
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:1:table/orders/stream/2024-06-10T19:26:16.525"})
    .to_string()
}

fn change(kind: ChangeKind, table: &str, message: &str) -> Meaning {
    Meaning::Change(SentChange {
        kind,
        table: table.to_owned(),
        message: message.to_owned(),
        trace: None,
    })
}

#[test]
fn a_change_is_of_the_table_that_it_names_in_each_nesting() {
    let debezium = r#"{"before":null,"after":{"id": 1.00},"op":"c","source":{"name":"s","schema":"p","table":"t"}}"#;
    for (message, kind, table) in [
        (stream_record(), ChangeKind::DynamoDb, "orders"),
        (debezium.to_owned(), ChangeKind::Debezium, "s.p.t"),
    ] {
        let expected = change(kind, table, &message);
        check(&message, &expected);
        check(&sns(&message, &[]), &expected);
        check(&failed(&message), &expected);
        // The attribute counts, and the contract of its dataset says how the message is read.
        check(&sns(&message, &[("dataset", "d")]), &event("d", &message, None));
    }
    let tombstone = r#"{"schema":null,"payload":null}"#;
    check(tombstone, &announcement(&[], &[Ignored::Tombstone]));
    check(r#"{"ts_ms":1486500577125}"#, &announcement(&[], &[Ignored::Other]));
    let row = r#"{"id":1,"__op":"c"}"#;
    check_refused(row, Code::UnknownDataset, "no change of a row");
}

#[track_caller]
fn check(body: &str, expected: &Meaning) {
    assert_eq!(read(body, "aws-cn").as_ref(), Ok(expected), "{body}");
}

#[track_caller]
fn check_refused(body: &str, code: Code, reason: &str) {
    let failure = read(body, "aws").unwrap_err();
    assert_eq!(failure.code, code, "{body}: {failure}");
    assert!(failure.reason.contains(reason), "{body}: {failure}");
    assert_eq!(failure.kind, event::FailureKind::Permanent);
}

#[test]
fn an_announcement_is_read_in_each_nesting_that_aws_makes() {
    let (s3, bridged) = (
        notification("ObjectCreated:Put", "orders/a+b%2Bc.ndjson"),
        event_bridge("Object Created", "orders/a b+c.ndjson"),
    );
    let expected = announcement(&[object("orders/a b+c.ndjson")], &[]);
    for body in [&s3, &bridged] {
        check(body, &expected);
        check(&sns(body, &[]), &expected);
        check(&invoked_by_sns(body, &[]), &expected);
        check(&sns(&sns(body, &[]), &[]), &expected);
        check(&failed(body), &expected);
        check(&failed(&invoked_by_sns(body, &[])), &expected);
    }
}

/// In a notification of S3 a plus is a space and a percent sign an escape. In an event of EventBridge both are themselves.
#[test]
fn a_key_is_decoded_where_it_is_encoded_and_nowhere_else() {
    for (encoded, plain) in
        [("o/a+b", "o/a b"), ("o/a%2Bb", "o/a+b"), ("o/100%25", "o/100%"), ("o/%C3%A9", "o/é")]
    {
        let written = notification("ObjectCreated:CompleteMultipartUpload", encoded);
        check(&written, &announcement(&[object(plain)], &[]));
        check(&event_bridge("Object Created", encoded), &announcement(&[object(encoded)], &[]));
        check(&event_bridge("Object Created", plain), &announcement(&[object(plain)], &[]));
    }
    check_refused(&notification("ObjectCreated:Put", "o/%ff"), Code::DecodeFormat, "not UTF-8");
}

#[test]
fn the_version_that_is_announced_is_the_one_to_read() {
    let mut versioned = record("ObjectCreated:Copy", "o/a.csv", 3);
    versioned["s3"]["object"]["versionId"] = json!("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e");
    let expected = Announced {
        version: Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e".to_owned()),
        ..object("o/a.csv")
    };
    check(
        &json!({ "Records": [versioned] }).to_string(),
        &announcement(std::slice::from_ref(&expected), &[]),
    );
    let bridged = event_bridge("Object Created", "o/a.csv");
    let bridged = bridged
        .replace("\"size\":5", "\"size\":5,\"version-id\":\"IYV3p45BT0ac8hjHg1houSdS1a.Mro8e\"");
    check(&bridged, &announcement(&[expected], &[]));
}

/// The names are those of
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html> and
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html>.
#[test]
fn only_created_objects_are_read_and_the_rest_is_told_by_its_kind() {
    for (name, expected) in [
        ("ObjectRemoved:Delete", Ignored::Removed),
        ("ObjectRemoved:DeleteMarkerCreated", Ignored::Removed),
        ("ObjectRestore:Post", Ignored::Restored),
        ("ObjectRestore:Completed", Ignored::Restored),
        ("ObjectTagging:Put", Ignored::Tagged),
        ("LifecycleExpiration:Delete", Ignored::Lifecycle),
        ("LifecycleTransition", Ignored::Lifecycle),
        ("IntelligentTiering", Ignored::Lifecycle),
        ("s3:ObjectAcl:Put", Ignored::Other),
        ("Replication:OperationReplicatedAfterThreshold", Ignored::Other),
        ("ReducedRedundancyLostObject", Ignored::Other),
        ("ObjectCreatedElsewhere:Put", Ignored::Other),
    ] {
        check(&notification(name, "o/a.csv"), &announcement(&[], &[expected]));
    }
    for (kind, expected) in [
        ("Object Deleted", Ignored::Removed),
        ("Object Restore Completed", Ignored::Restored),
        ("Object Tags Deleted", Ignored::Tagged),
        ("Object Storage Class Changed", Ignored::Lifecycle),
        ("Object Access Tier Changed", Ignored::Lifecycle),
        ("Object ACL Updated", Ignored::Other),
    ] {
        check(&event_bridge(kind, "o/a.csv"), &announcement(&[], &[expected]));
    }
    let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2014-10-13T15:57:02.089Z","Bucket":"landing","RequestId":"5582815E1AEA5ADF","HostId":"8cLeGAmw"}"#;
    check(test, &announcement(&[], &[Ignored::Test]));
    check(&sns(test, &[]), &announcement(&[], &[Ignored::Test]));
    let folder = json!({"Records": [record("ObjectCreated:Put", "o/", 0),
        record("ObjectCreated:Put", "o/_SUCCESS", 0), record("ObjectCreated:Put", "o/a.csv", 1)]});
    let ignored = [Ignored::Folder, Ignored::SuccessMarker];
    check(&folder.to_string(), &announcement(&[object("o/a.csv")], &ignored));
}

#[test]
fn an_event_is_found_with_its_dataset_and_its_digits() {
    let payload = r#"{"id": 1.00,  "at":"\u00e9"}"#;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let named = [("dataset", "orders"), ("traceparent", trace), ("other", "x")];
    check(&sns(payload, &named), &event("orders", payload, Some(trace)));
    check(&invoked_by_sns(payload, &named[..1]), &event("orders", payload, None));
    let custom = format!(
        r#"{{"version":"0","id":"6a7e8feb","detail-type":"orders","source":"com.example.shop","account":"111122223333","time":"2017-12-22T18:43:48Z","region":"us-west-1","resources":[],"detail":{payload}}}"#
    );
    check(&custom, &event("orders", payload, None));
    check(&sns(&custom, &[("traceparent", trace)]), &event("orders", payload, Some(trace)));
    check(&failed(&custom), &event("orders", payload, None));
    // The attribute says that the message is the event. It is not looked into.
    check(&sns(&custom, &named[..1]), &event("orders", &custom, None));
}

#[test]
fn a_message_of_no_known_shape_is_refused_and_says_so() {
    for unknown in [
        "",
        "{}",
        "[]",
        "null",
        "{\"Records\":",
        r#"{"Records":[]}"#,
        r#"{"Records":{"topic-0":[]}}"#,
        r#"{"Event":"x"}"#,
        r#"{"Records":[{"eventSource":"aws:dynamodb","dynamodb":{}}]}"#,
        r#"{"Records":[{"eventSource":"aws:s3"},{"eventSource":"aws:kinesis"}]}"#,
        r#"{"detail-type":"orders"}"#,
        r#"{"requestContext":{"elb":{}},"httpMethod":"POST","body":"{}"}"#,
        r#"{"requestPayload":{"a":1}}"#,
    ] {
        check_refused(unknown, Code::UnknownDataset, "no notification of S3");
        check_refused(&sns(unknown, &[]), Code::UnknownDataset, "no notification of S3");
    }
}

#[test]
fn a_known_shape_that_lacks_something_is_refused_and_says_what() {
    let without_object =
        r#"{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put"}]}"#;
    check_refused(without_object, Code::DecodeFormat, "names no object");
    let without_name = r#"{"Records":[{"eventSource":"aws:s3"}]}"#;
    check_refused(without_name, Code::DecodeFormat, "lacks a member");
    let bridged = r#"{"detail-type":"Object Created","source":"aws.s3","detail":{}}"#;
    check_refused(bridged, Code::DecodeFormat, "names no object");
    let empty = r#"{"Type":"Notification","MessageId":"1","TopicArn":"t"}"#;
    check_refused(empty, Code::DecodeFormat, "without a message");
    let confirm = r#"{"Type":"SubscriptionConfirmation","MessageId":"1","TopicArn":"t","Token":"s3cret","Message":"m","SubscribeURL":"u"}"#;
    check_refused(confirm, Code::DecodeFormat, "waits to be confirmed");
    let two = json!({"Records": [
        {"EventSource": "aws:sns", "Sns": {"Message": "a"}}, {"EventSource": "aws:sns", "Sns": {"Message": "b"}}]});
    check_refused(&two.to_string(), Code::DecodeFormat, "several notifications");
    check_refused(&failed("null"), Code::DecodeFormat, "without its payload");
    let mut deep = notification("ObjectCreated:Put", "o/a.csv");
    for _ in 0..6 {
        deep = sns(&deep, &[]);
    }
    check_refused(&deep, Code::DecodeFormat, "more than 6 times");
}

proptest! {
    /// Whatever is in a message, it is read or refused, and nothing of it is in the reason.
    #[test]
    fn hostile_messages_are_refused_without_quoting_them(
        text in r#"[\[\]{}":,a-c0-9\\ ]{0,60}"#,
        member in "(Records|detail|detail-type|Message|Type|requestPayload|requestContext)",
    ) {
        for body in [text.clone(), format!("{{\"{member}\":{text}}}"), sns(&text, &[])] {
            if let Err(failure) = read(&body, "aws") {
                prop_assert!(text.len() < 12 || !failure.reason.contains(&text));
            }
        }
    }
}
