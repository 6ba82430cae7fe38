//! Emulations that continue from the state of one that was stopped or killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use dynamodb::ChangeEvent;
use serde_json::{Value, json};
use sluicegate_local_emulation::{Emulation, Options, StartError};
use sqs::{Depth, NewMessage};

use super::injected_faults::config;
use super::{Root, START_MS, TEMPLATE, message, queue_name};

const LONG: Duration = Duration::from_secs(60);

impl Root {
    fn kept(&self) -> PathBuf {
        self.path.join("kept")
    }

    async fn try_start(&self, folder: &Path) -> Result<Emulation, StartError> {
        let state = Some(folder.to_path_buf());
        Emulation::start(Options { state, ..self.options() }).await
    }

    /// Starts an emulation that stores its state, with its own clock.
    async fn start(&self) -> Emulation {
        self.try_start(&self.kept()).await.unwrap()
    }

    /// A copy of what a process would leave if it were killed now.
    fn killed(&self) -> PathBuf {
        let copy = self.path.join(uuid::Uuid::new_v4().to_string());
        copy_folder(&self.kept(), &copy);
        copy
    }

    fn manifest(&self) -> Value {
        let text = fs::read(self.kept().join("state.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

async fn put_item(world: &Emulation, key: &str) {
    let client = aws_sdk_dynamodb::Client::new(&config(world));
    let put = client.put_item().table_name("records");
    put.item("pk", AttributeValue::S(key.to_owned())).send().await.unwrap();
}

fn keys(world: &Emulation) -> Vec<String> {
    let items = world.dynamodb().scan_all("records").unwrap();
    let mut keys: Vec<_> =
        items.iter().map(|item| item["pk"]["S"].as_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

fn depth(world: &Emulation, logical_id: &str) -> Depth {
    world.sqs().depth(&queue_name(world, logical_id)).unwrap()
}

fn handed_to(world: &Emulation, function: &str) -> u64 {
    let mut mappings = world.mappings().iter();
    mappings.find(|each| each.function == function).unwrap().mapping.counters().records
}

#[tokio::test]
async fn everything_is_there_again_and_once() {
    let root = Root::new(TEMPLATE);
    let world = root.start().await;
    assert_eq!(world.state_folder(), Some(root.kept().canonicalize().unwrap().as_path()));
    let dead = queue_name(&world, "Dead");
    world.sqs().send(&dead, message("flies")).unwrap();
    let received = world.sqs().receive(&dead, 1, Duration::ZERO).await.unwrap();
    let handle = received[0].receipt_handle.clone();
    world.sqs().send(&dead, message("waits")).unwrap();
    let late = NewMessage { delay: Some(Duration::from_secs(40)), ..message("is late") };
    world.sqs().send(&dead, late).unwrap();
    world.s3().put("landing", "a/b", Bytes::from_static(b"body"), "text/plain").unwrap();
    world.settle(LONG).await.unwrap();
    assert_eq!(handed_to(&world, "echo"), 1);
    let object = world.s3().get("landing", "a/b").unwrap();
    put_item(&world, "one").await;
    world.close().await.unwrap();

    // The state is restored, written, and restored again.
    root.start().await.close().await.unwrap();
    let world = root.start().await;
    assert_eq!(depth(&world, "Dead"), Depth { visible: 1, in_flight: 1, delayed: 1 });
    assert_eq!(world.s3().get("landing", "a/b").unwrap(), object);
    world.settle(LONG).await.unwrap();
    assert_eq!(handed_to(&world, "echo"), 0, "the object was announced long ago");
    assert_eq!(keys(&world), ["one"]);

    world.sqs().delete(&dead, &handle).unwrap();
    world.pass(Duration::from_secs(40));
    let received = world.sqs().receive(&dead, 10, Duration::ZERO).await.unwrap();
    let mut bodies: Vec<_> = received.iter().map(|each| each.body.as_str()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["is late", "waits"]);

    put_item(&world, "two").await;
    let changes = world.dynamodb().changes("records").unwrap();
    let told: Vec<_> =
        changes.iter().map(|change| (&change.key["pk"]["S"], change.event)).collect();
    let insert = ChangeEvent::Insert;
    assert_eq!(told, [(&json!("one"), insert), (&json!("two"), insert)]);
    world.close().await.unwrap();
}

#[tokio::test]
async fn what_waited_is_handed_to_its_function() {
    let root = Root::new(
        &TEMPLATE
            .replace("Queue: !GetAtt Inbox.Arn}}", "Queue: !GetAtt Inbox.Arn, Enabled: false}}"),
    );
    let world = root.start().await;
    world.sqs().send(&queue_name(&world, "Inbox"), message("{}")).unwrap();
    world.close().await.unwrap();
    fs::write(root.path.join("template.yaml"), TEMPLATE).unwrap();
    let world = root.start().await;
    world.settle(LONG).await.unwrap();
    assert_eq!((handed_to(&world, "echo"), depth(&world, "Inbox")), (1, Depth::default()));
    world.shutdown().await;
}

/// After a regular end in the middle of work, nobody waits for the visibility timeout of the
/// messages of a killed function.
#[tokio::test]
async fn what_was_polled_and_not_finished_is_visible_again() {
    let hangs = "FunctionName: echo\n      Environment: {Variables: {PROBE_START: hang}}";
    let root = Root::new(&TEMPLATE.replace("FunctionName: echo", hangs));
    let world = root.start().await;
    let inbox = queue_name(&world, "Inbox");
    for body in ["one", "two", "three"] {
        world.sqs().send(&inbox, message(body)).unwrap();
    }
    while depth(&world, "Inbox").in_flight < 3 {
        tokio::task::yield_now().await;
    }
    world.close().await.unwrap();

    let takes = "{Queue: !GetAtt Inbox.Arn}";
    let paused = TEMPLATE.replace(takes, "{Queue: !GetAtt Inbox.Arn, Enabled: false}");
    assert_ne!(paused, TEMPLATE);
    fs::write(root.path.join("template.yaml"), paused).unwrap();
    let world = root.start().await;
    assert_eq!(depth(&world, "Inbox"), Depth { visible: 3, in_flight: 0, delayed: 0 });
    for message in world.sqs().peek(&inbox) {
        assert_eq!(message.attributes["ApproximateReceiveCount"], "1", "{}", message.body);
    }
    world.close().await.unwrap();
}

#[tokio::test]
async fn the_clock_stays_ahead_as_far_as_it_was() {
    let root = Root::new(TEMPLATE);
    let world = root.start().await;
    world.pass(Duration::from_secs(3_600));
    world.close().await.unwrap();
    let options = Options { state: Some(root.kept()), ..root.options() };
    let clock = options.clock.clone();
    let world = Emulation::start(options).await.unwrap();
    assert_eq!(clock.now_ms(), START_MS + 3_600_000);
    world.shutdown().await;
}

#[tokio::test]
async fn what_the_template_names_no_more_is_kept_and_told() {
    let root = Root::new(TEMPLATE);
    let world = root.start().await;
    let (none, dead) = (Default::default(), queue_name(&world, "Dead"));
    world.sqs().create_queue("made-by-hand", &none, &none).unwrap();
    world.sqs().send(&dead, message("m")).unwrap();
    world.close().await.unwrap();

    let without = TEMPLATE
        .replace("  Dead: {Type: AWS::SQS::Queue}\n", "  Other: {Type: AWS::SQS::Queue}\n")
        .replace("Dead.Arn", "Other.Arn")
        .replace("TableName: records", "TableName: other");
    fs::write(root.path.join("template.yaml"), without).unwrap();
    for _ in 0..2 {
        let world = root.start().await;
        assert_eq!(world.leftovers(), [format!("queue {dead}"), "table records".to_owned()]);
        assert_eq!(world.sqs().depth(&dead).unwrap().visible, 1);
        assert!(world.sqs().depth("made-by-hand").is_some());
        world.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_taken_up_is_refused_with_what_to_do() {
    let root = Root::new(TEMPLATE);
    let world = root.start().await;
    let refusal = root.try_start(&root.kept()).await.err().unwrap().to_string();
    assert!(refusal.contains("kept: another emulation keeps its state there"), "{refusal}");
    put_item(&world, "one").await;
    world.close().await.unwrap();

    let other = TEMPLATE
        .replace("AttributeName: pk, AttributeType: S", "AttributeName: id, AttributeType: S")
        .replace("AttributeName: pk, KeyType: HASH", "AttributeName: id, KeyType: HASH");
    fs::write(root.path.join("template.yaml"), other).unwrap();
    let refusal = root.try_start(&root.kept()).await.err().unwrap().to_string();
    assert!(refusal.contains("kept: table records is kept there with other keys"), "{refusal}");
    assert!(refusal.contains("give another folder, or delete this one"), "{refusal}");

    // The state was not changed.
    fs::write(root.path.join("template.yaml"), TEMPLATE).unwrap();
    let world = root.start().await;
    assert_eq!(keys(&world), ["one"]);
    world.shutdown().await;
}

/// Advances the time of tokio past the next time at which the state is written.
async fn let_it_be_written() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
}

async fn wait_for_generation(root: &Root, number: u64) {
    // It waits for the removal of the generation before, so that a copy finds all files it lists.
    let entries = || fs::read_dir(root.kept()).unwrap().count();
    while root.manifest()["generation"] != number || entries() > 3 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_killed_process_loses_what_happened_since_the_state_was_written() {
    let root = Root::new(TEMPLATE);
    let world = root.start().await;
    let dead = queue_name(&world, "Dead");
    world.sqs().send(&dead, message("first")).unwrap();
    put_item(&world, "one").await;
    world.s3().put("landing", "first", Bytes::from_static(b"1"), "text/plain").unwrap();
    world.settle(LONG).await.unwrap();
    let_it_be_written().await;
    wait_for_generation(&root, 1).await;
    let first = root.killed();

    // Without a change, nothing is written. After that, one service changes at a time.
    let_it_be_written().await;
    put_item(&world, "two").await;
    let_it_be_written().await;
    wait_for_generation(&root, 2).await;
    world.s3().put("landing", "second", Bytes::from_static(b"2"), "text/plain").unwrap();
    world.settle(LONG).await.unwrap();
    let_it_be_written().await;
    wait_for_generation(&root, 3).await;
    let third = root.killed();
    let received = world.sqs().receive(&dead, 1, Duration::ZERO).await.unwrap();
    world.sqs().delete(&dead, &received[0].receipt_handle).unwrap();
    world.close().await.unwrap();

    for (folder, items, objects, messages) in [
        (first, &["one"][..], &["first"][..], 1),
        (third, &["one", "two"], &["first", "second"], 1),
        (root.kept(), &["one", "two"], &["first", "second"], 0),
    ] {
        let world = root.try_start(&folder).await.unwrap();
        assert_eq!(keys(&world), items);
        let listed = world.s3().list("landing", "").unwrap();
        assert_eq!(listed.iter().map(|each| each.key.as_str()).collect::<Vec<_>>(), objects);
        assert_eq!(depth(&world, "Dead").visible, messages);
        world.shutdown().await;
    }
}
