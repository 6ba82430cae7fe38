//! Delivers the changes of a table to a function: a real process, which prints what it gets.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::dynamodb::Event;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use faults::Plan;
use http::Request;
use lambda::{LogLine, Origin};
use serde_json::{Value, json};
use server::STATUS;
use sluicegate_local_emulation::{Emulation, MappingSource, Options};

use super::front::send;
use super::injected_faults::config;
use super::{Root, START_MS, queue_name};

const LONG: Duration = Duration::from_secs(60);

const TEMPLATE: &str = r"
Transform: AWS::Serverless-2016-10-31
Resources:
  Dead: {Type: AWS::SQS::Queue}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: records
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
  Watch:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: probe}}
    Properties:
      FunctionName: watch
      Handler: bootstrap
      Runtime: provided.al2023
      CodeUri: .
      Timeout: 5
      Events:
        Changes:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Table.StreamArn
";

/// The property of the event that keeps it disabled until [`World::resume`].
pub(super) const PAUSED: &str = "Enabled: false";

pub(super) struct World {
    pub(super) emulation: Emulation,
    pub(super) client: Client,
    /// The records of each invocation that was started.
    batches: Arc<Mutex<Vec<Vec<Value>>>>,
    root: Root,
}

impl World {
    /// `properties` are further lines of the event's properties.
    async fn start(properties: &[&str], faults: &str) -> Self {
        Self::start_in(Root::new(&template("Changes", properties)), faults, false).await
    }

    /// Starts one that stores its state, for [`World::restart`].
    pub(super) async fn kept(properties: &[&str]) -> Self {
        Self::start_in(Root::new(&template("Changes", properties)), "", true).await
    }

    /// Ends the emulation, and starts one that continues from its state.
    pub(super) async fn restart(self, properties: &[&str]) -> Self {
        self.restart_as("Changes", properties).await
    }

    /// [`World::restart`] with another name for the event.
    pub(super) async fn restart_as(self, event: &str, properties: &[&str]) -> Self {
        self.emulation.close().await.unwrap();
        std::fs::write(self.root.path.join("template.yaml"), template(event, properties)).unwrap();
        Self::start_in(self.root, "", true).await
    }

    async fn start_in(root: Root, faults: &str, is_kept: bool) -> Self {
        let batches = Arc::new(Mutex::new(Vec::new()));
        let seen = batches.clone();
        let log = move |line: &LogLine<'_>| {
            if line.origin == Origin::Function && line.text.starts_with('[') {
                seen.lock().unwrap().push(serde_json::from_str(line.text).unwrap());
            }
        };
        let faults = Plan::parse(&format!("seed: 7\nfaults: [{faults}]")).unwrap();
        let state = is_kept.then(|| root.path.join("kept"));
        let options = Options { log: Arc::new(log), faults, state, ..root.options() };
        let emulation = Emulation::start(options).await.unwrap();
        let client = Client::new(&config(&emulation));
        Self { emulation, client, batches, root }
    }

    pub(super) async fn put(&self, pk: &str, more: &[(&str, AttributeValue)]) {
        let put = self.client.put_item().table_name("records").item("pk", text(pk));
        let put = more.iter().fold(put, |put, (name, value)| put.item(*name, value.clone()));
        put.send().await.unwrap();
    }

    /// Enables a mapping that is [`PAUSED`]. It then finds everything that was written so far at
    /// once.
    async fn resume(&self) {
        self.emulation.mappings()[0].mapping.resume();
        self.settle().await;
    }

    pub(super) async fn settle(&self) {
        self.emulation.settle(LONG).await.unwrap();
    }

    /// The keys of the records of each invocation.
    pub(super) fn keys(&self) -> Vec<String> {
        let key = |record: &Value| {
            record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap_or_default().to_owned()
        };
        let batches = self.batches.lock().unwrap();
        batches.iter().map(|batch| batch.iter().map(key).collect::<Vec<_>>().join(" ")).collect()
    }

    fn records(&self) -> Vec<Value> {
        self.batches.lock().unwrap().concat()
    }

    /// A file that makes the function fail once for an item.
    pub(super) fn once(&self, name: &str) -> AttributeValue {
        text(&self.root.path.join(name).to_string_lossy())
    }
}

/// The template with an event of this name, at `TRIM_HORIZON` unless its properties say otherwise.
fn template(event: &str, properties: &[&str]) -> String {
    let says = properties.iter().any(|line| line.starts_with("StartingPosition"));
    let default = ["StartingPosition: TRIM_HORIZON"].into_iter().filter(|_| !says);
    let lines =
        properties.iter().copied().chain(default).map(|line| format!("            {line}\n"));
    TEMPLATE.replace("Changes:", &format!("{event}:")) + &lines.collect::<String>()
}

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

#[tokio::test]
async fn insertions_changes_and_removals_come_in_their_order_with_their_images() {
    let world = World::start(&[], "").await;
    world.put("a", &[("n", number(1))]).await;
    world.put("a", &[("n", number(2))]).await;
    // This write changes nothing.
    world.put("a", &[("n", number(2))]).await;
    let delete = world.client.delete_item().table_name("records").key("pk", text("a"));
    delete.send().await.unwrap();
    world.emulation.settle(LONG).await.unwrap();
    let records = world.records();
    let told = records.iter().map(|each| {
        let image = |name: &str| &each["dynamodb"][name]["n"]["N"];
        json!([each["eventName"], image("OldImage"), image("NewImage")])
    });
    let expected =
        [json!(["INSERT", null, "1"]), json!(["MODIFY", "1", "2"]), json!(["REMOVE", "2", null])];
    assert_eq!(told.collect::<Vec<_>>(), expected);

    let event: Event = serde_json::from_value(json!({ "Records": records })).unwrap();
    let numbers: Vec<_> =
        event.records.iter().map(|each| each.change.sequence_number.clone().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers[0] != numbers[1], "{numbers:?}");
    let ids: BTreeSet<_> = event.records.iter().map(|each| &each.event_id).collect();
    assert_eq!(ids.len(), 3);
    let first = &records[0];
    for (name, value) in [
        ("eventSourceARN", world.emulation.stack().tables[0].stream_arn.as_deref().unwrap()),
        ("eventSource", "aws:dynamodb"),
        ("eventVersion", "1.1"),
        ("awsRegion", "eu-west-1"),
    ] {
        assert_eq!(first[name], value, "{name}");
    }
    assert_eq!(first["userIdentity"], Value::Null);
    let change = &first["dynamodb"];
    assert_eq!(change["ApproximateCreationDateTime"], START_MS / 1_000);
    assert_eq!(change["StreamViewType"], "NEW_AND_OLD_IMAGES");
    assert_eq!(change["Keys"], json!({ "pk": { "S": "a" } }));
    assert!(change["SizeBytes"].as_u64().unwrap() > 0);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn a_batch_that_fails_is_tried_again_before_anything_after_it() {
    let world = World::start(&[PAUSED, "BatchSize: 2"], "").await;
    let once = world.once("failed");
    world.put("a", &[]).await;
    world.put("b", &[("do", text("fail")), ("file", once)]).await;
    world.put("c", &[]).await;
    world.resume().await;
    assert_eq!(world.keys(), ["a b", "a b", "c"]);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn a_reported_failure_comes_again_with_what_was_written_after_it() {
    let properties = [PAUSED, "FunctionResponseTypes: [ReportBatchItemFailures]"];
    let world = World::start(&properties, "").await;
    let once = world.once("reported");
    world.put("a", &[]).await;
    world.put("b", &[("do", text("report")), ("file", once)]).await;
    world.put("c", &[]).await;
    world.resume().await;
    assert_eq!(world.keys(), ["a b c", "b c"]);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn a_poison_record_is_isolated_and_told_of_in_a_letter() {
    let properties = [
        PAUSED,
        "BisectBatchOnFunctionError: true",
        "MaximumRetryAttempts: 1",
        "DestinationConfig: {OnFailure: {Destination: !GetAtt Dead.Arn}}",
    ];
    let world = World::start(&properties, "").await;
    for pk in ["a", "b", "c", "d"] {
        let poison = [("do", text("fail"))];
        world.put(pk, if pk == "c" { &poison } else { &[] }).await;
    }
    world.resume().await;
    assert_eq!(world.keys(), ["a b c d", "a b", "c d", "c", "c", "d"]);
    let dead = queue_name(&world.emulation, "Dead");
    let letters = world.emulation.sqs().receive(&dead, 10, Duration::ZERO).await.unwrap();
    assert_eq!(letters.len(), 1);
    let letter: Value = serde_json::from_str(&letters[0].body).unwrap();
    let context = &letter["requestContext"];
    assert_eq!(context["condition"], "RetryAttemptsExhausted");
    assert_eq!(context["functionArn"], world.emulation.stack().functions[0].arn);
    assert_eq!(letter["responseContext"]["functionError"], "Unhandled");
    let told = &letter["DDBStreamBatchInfo"];
    let records = world.records();
    let poison = records.iter().find(|each| each["dynamodb"]["Keys"]["pk"]["S"] == "c").unwrap();
    assert_eq!(told["startSequenceNumber"], poison["dynamodb"]["SequenceNumber"]);
    assert_eq!(told["endSequenceNumber"], told["startSequenceNumber"]);
    assert_eq!(told["batchSize"], 1);
    assert_eq!(told["streamArn"], poison["eventSourceARN"]);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn a_filter_is_on_all_that_a_record_says() {
    let pattern = r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"kind":{"S":["x"]}}}}"#;
    let filter = format!("FilterCriteria: {{Filters: [{{Pattern: '{pattern}'}}]}}");
    let world = World::start(&[&filter], "").await;
    for (pk, kind) in [("a", "x"), ("b", "y"), ("a", "y"), ("a", "x"), ("c", "x")] {
        world.put(pk, &[("kind", text(kind))]).await;
    }
    world.emulation.settle(LONG).await.unwrap();
    assert_eq!(world.keys().join(" "), "a c");
    assert_eq!(world.emulation.mappings()[0].mapping.counters().filtered, 3);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn what_expires_is_removed_by_dynamodb_itself() {
    let world = World::start(&[], "").await;
    world.put("a", &[("expires", number(START_MS / 1_000 + 60))]).await;
    world.emulation.settle(LONG).await.unwrap();
    world.emulation.pass(Duration::from_secs(120));
    world.emulation.dynamodb().sweep().await.unwrap();
    world.emulation.settle(LONG).await.unwrap();
    let records = world.records();
    let names: Vec<_> = records.iter().map(|each| &each["eventName"]).collect();
    assert_eq!(names, ["INSERT", "REMOVE"]);
    let by = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
    assert_eq!(records[1]["userIdentity"], by);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn functions_that_are_killed_neither_lose_a_record_nor_change_the_order() {
    let kills = ["start", "taken", "answer"]
        .map(|at| format!("{{fault: kill, on: watch, at: {at}, chance: 0.3, times: 4}}"))
        .join(", ");
    let world = World::start(&["BatchSize: 3"], &kills).await;
    let keys: Vec<String> = (10..50).map(|number| number.to_string()).collect();
    for key in &keys {
        world.put(key, &[]).await;
    }
    world.emulation.settle(LONG).await.unwrap();
    assert!(world.emulation.adversary().tally().values().sum::<u64>() > 0, "nobody was killed");
    let counters = world.emulation.mappings()[0].mapping.counters();
    assert!(counters.failed_invocations > 0, "{counters:?}");
    assert_eq!((counters.discarded, counters.in_flight), (0, 0));
    // A record may be delivered again, but never before an earlier record was delivered.
    let mut first_seen: Vec<String> = Vec::new();
    for key in world.keys().iter().flat_map(|batch| batch.split(' ')) {
        if !first_seen.iter().any(|seen| seen == key) {
            first_seen.push(key.to_owned());
        }
    }
    assert_eq!(first_seen, keys);
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn the_status_tells_of_a_stream_by_its_table() {
    let world = World::start(&[], "").await;
    let mapping = &world.emulation.mappings()[0];
    assert_eq!(mapping.source, MappingSource::Stream("records".to_owned()));
    world.put("a", &[]).await;
    world.emulation.settle(LONG).await.unwrap();
    let asked = Request::get(format!("{}{STATUS}", world.emulation.endpoint()));
    let (_, status) = send(asked.body(String::new()).unwrap()).await;
    let told = &status["mappings"][0];
    assert_eq!((&told["table"], &told["queue"]), (&json!("records"), &Value::Null));
    assert_eq!((&told["records"], &told["activity"]), (&json!(1), &json!("idle")));
    world.emulation.shutdown().await;
}

#[tokio::test]
async fn a_mapping_rests_when_its_table_is_gone() {
    let world = World::start(&[], "").await;
    world.put("a", &[]).await;
    world.emulation.settle(LONG).await.unwrap();
    world.client.delete_table().table_name("records").send().await.unwrap();
    world.emulation.settle(LONG).await.unwrap();
    assert_eq!(world.keys(), ["a"]);
    world.emulation.shutdown().await;
}
