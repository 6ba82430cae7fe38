//! What the crate adds to the engine: the clock, all writes, and the end of the server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use clock::Clock;
use serde_json::json;
use sluicegate_local_dynamodb::{Change, ChangeEvent, DynamoDb, DynamoDbError, Page, StreamRecord};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const TABLE: &str = "dedupe";
const START_MS: u64 = 1_800_000_000_000;

struct World {
    service: DynamoDb,
    clock: Clock,
    client: Client,
}

impl World {
    async fn start() -> Self {
        let clock = Clock::manual(START_MS);
        let service = DynamoDb::start(clock.clone()).await.unwrap();
        let table = json!({
            "TableName": TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        });
        service.create_table(&table, Some("expires_at")).unwrap();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("any", "thing", None, None, "test"))
            .endpoint_url(format!("http://{}", service.address()))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Self { service, clock, client: Client::from_conf(config) }
    }

    fn events(&self) -> Vec<(String, ChangeEvent)> {
        let changes = self.service.changes(TABLE).unwrap();
        let key = |change: &Change| change.key["pk"]["S"].as_str().unwrap().to_owned();
        changes.iter().map(|change| (key(change), change.event)).collect()
    }

    async fn put(&self, pk: &str, name: &str, value: AttributeValue) {
        let put = self.client.put_item().table_name(TABLE).item("pk", s(pk)).item(name, value);
        put.send().await.unwrap();
    }
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[tokio::test]
async fn a_sweep_removes_what_has_expired_by_the_emulation_s_clock() {
    let world = World::start().await;
    let at = |seconds: u64| AttributeValue::N((START_MS / 1_000 + seconds).to_string());
    world.put("short", "expires_at", at(60)).await;
    world.put("long", "expires_at", at(120)).await;
    world.put("text", "expires_at", s("0")).await;
    assert_eq!(world.service.sweep().await.unwrap(), 0);
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(world.service.sweep().await.unwrap(), 1);
    let left = world.service.scan_all(TABLE).unwrap();
    let mut left: Vec<_> = left.iter().map(|item| item["pk"]["S"].as_str().unwrap()).collect();
    left.sort_unstable();
    assert_eq!(left, ["long", "text"]);
    assert_eq!(world.events().last().unwrap(), &("short".to_owned(), ChangeEvent::Remove));
}

#[tokio::test]
async fn every_write_is_seen_however_many() {
    let world = World::start().await;
    for batch in 0..100 {
        let request = |n: i32| {
            let put = PutRequest::builder().item("pk", s(&format!("{batch}-{n}"))).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        };
        let requests = (0..25).map(request).collect();
        let write = world.client.batch_write_item().request_items(TABLE, requests);
        write.send().await.unwrap();
    }
    world.put("0-0", "again", s("")).await;
    world.put("0-0", "again", s("")).await;
    let delete = world.client.delete_item().table_name(TABLE).key("pk", s("0-1"));
    delete.send().await.unwrap();
    let (written, after) = {
        let mut events = world.events();
        let after = events.split_off(2_500);
        (events, after)
    };
    assert!(written.iter().all(|(_, event)| *event == ChangeEvent::Insert));
    let keys: std::collections::HashSet<_> = written.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 2_500);
    let (modified, removed) = (ChangeEvent::Modify, ChangeEvent::Remove);
    let expected = [("0-0", modified), ("0-0", modified), ("0-1", removed)]
        .map(|(key, e)| (key.to_owned(), e));
    assert_eq!(after, expected);
    assert_eq!(world.service.scan_all(TABLE).unwrap().len(), 2_499);
}

#[tokio::test]
async fn a_filled_table_holds_its_items_as_if_each_had_been_put() {
    let world = World::start().await;
    let items = (0..1_200).map(|n| json!({ "pk": { "S": format!("k{n}") } })).collect();
    world.service.fill(TABLE, items).unwrap();
    let put = world.client.put_item().table_name(TABLE).item("pk", s("k1199"));
    let again = put.condition_expression("attribute_not_exists(pk)").send().await.unwrap_err();
    assert!(again.into_service_error().is_conditional_check_failed_exception());
    assert_eq!(world.service.scan_all(TABLE).unwrap().len(), 1_200);
    assert_eq!(world.events(), []);

    let keyless = vec![json!({ "pk": { "S": "good" } }), json!({ "other": { "S": "bad" } })];
    let refused = world.service.fill(TABLE, keyless);
    assert!(matches!(refused, Err(DynamoDbError::Refused { .. })), "{refused:?}");
    assert_eq!(world.service.scan_all(TABLE).unwrap().len(), 1_200);
}

#[tokio::test]
async fn a_stream_is_read_on_from_where_one_is() {
    let world = World::start().await;
    let table = json!({
        "TableName": "watched",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
    });
    world.service.create_table(&table, None).unwrap();
    let stream = world.service.stream("watched", "eu-west-1");
    let put = async |pk: &str, name: &str| {
        let put = world.client.put_item().table_name("watched").item("pk", s(pk));
        put.item("name", s(name)).send().await.unwrap();
    };
    let told = |page: &Page| {
        let name = |record: &StreamRecord| {
            let image = &record.body["dynamodb"]["NewImage"];
            format!("{}{}", image["pk"]["S"], image["name"]["S"]).replace('"', "")
        };
        (page.records.iter().map(name).collect::<Vec<_>>().join(" "), page.is_last)
    };
    let begin = stream.oldest().unwrap();
    let empty = stream.read(&begin, 10).await.unwrap();
    assert_eq!(told(&empty), (String::new(), true));
    put("a", "1").await;
    let latest = stream.latest().unwrap();
    put("b", "1").await;
    // This write changes nothing.
    put("b", "1").await;
    put("b", "2").await;
    let first = stream.read(&empty.next, 3).await.unwrap();
    assert_eq!(told(&first), ("a1 b1".to_owned(), false));
    let second = stream.read(&first.next, 3).await.unwrap();
    assert_eq!(told(&second), ("b2".to_owned(), true));
    assert_eq!(stream.read(&begin, 10).await.unwrap().next, second.next);
    let since = stream.read(&latest, 10).await.unwrap();
    assert_eq!(told(&since), ("b1 b2".to_owned(), true));
    assert_eq!(since.records[0].created_ms, START_MS);
    assert_eq!(since.records[0].body["awsRegion"], "eu-west-1");
    assert!(since.records[0].sequence_number < since.records[1].sequence_number);
    let missing = world.service.stream("missing", "eu-west-1").oldest();
    assert!(matches!(missing, Err(DynamoDbError::Refused { .. })), "{missing:?}");
}

#[tokio::test]
async fn a_table_that_cannot_be_is_refused_with_aws_s_code() {
    let world = World::start().await;
    let code = |result: Result<(), DynamoDbError>| match result {
        Err(DynamoDbError::Refused { code, message }) => {
            assert!(!message.contains("VALIDATION:"), "{message}");
            code
        }
        other => panic!("{other:?}"),
    };
    let table = json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
    });
    assert_eq!(code(world.service.create_table(&table, None)), "ResourceInUseException");
    let bare = json!({ "TableName": "bare" });
    assert_eq!(code(world.service.create_table(&bare, None)), "ValidationException");
    let missing = world.service.changes("missing").map(drop);
    assert_eq!(code(missing), "ResourceNotFoundException");
    assert_eq!(world.service.table_names().unwrap(), [TABLE]);
}

#[tokio::test]
async fn dropping_the_last_of_the_service_ends_its_connections() {
    let service = DynamoDb::start(Clock::manual(START_MS)).await.unwrap();
    drop(service.clone());
    let mut open = TcpStream::connect(service.address()).await.unwrap();
    open.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    assert_ne!(open.read(&mut [0; 64 * 1024]).await.unwrap(), 0);
    // Another process may listen on the port after that.
    drop(service);
    open.read_to_end(&mut Vec::new()).await.unwrap();
}
