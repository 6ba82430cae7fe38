//! While all events of a queue would wait for a service, the queue is not polled; nothing is lost by it, and
//! nobody else's doing is undone.

use emulation::lambda::mapping::State;
use emulation::sqs::NewMessage;
use http::Method;
use serde_json::{Value, json};
use sluicegate_tests::{Edit, Settings, World, ask, flights};
use testkit::sample;

const ENRICH: &str = "EnrichFunctionEnrich";
const DELIVER: &str = "DeliverFunctionDeliver";
/// None of these is filled by waiting.
const DEAD_LETTERS: [&str; 4] = ["InboxDlq", "EnrichDlq", "SinkDlq", "DeliverDlq"];

async fn act(world: &World, verb: &str, body: Value) {
    let path = format!("/v1/breakers/weather/{verb}");
    let (status, answer) = world.operators(Method::POST, &path, &body).await;
    assert_eq!(status, 200, "{answer}");
}

async fn force_open(world: &World, seconds: u64) {
    act(world, "force-open", json!({ "why": "maintenance", "for_s": seconds })).await;
}

async fn release(world: &World) {
    act(world, "release", json!({ "why": "it is back" })).await;
}

async fn told_of_polling(world: &World) -> Value {
    let (status, shown) = world.operators(Method::GET, "/v1/breakers/weather", &Value::Null).await;
    assert_eq!(status, 200, "{shown}");
    shown["polling"].clone()
}

fn state(world: &World, mapping: &str) -> State {
    world.mapping(mapping).mapping.state()
}

/// Records that a mapping has handed over.
fn handed_over(world: &World, mapping: &str) -> u64 {
    world.mapping(mapping).mapping.counters().records
}

fn visible(world: &World, queue: &str) -> usize {
    world.emulation().sqs().depth(world.name(queue)).unwrap().visible
}

fn assert_no_dead_letters(world: &World) {
    for queue in DEAD_LETTERS {
        world.assert_letters(queue, &[]);
    }
}

/// What anybody may ask of Lambda who may change the mapping.
async fn set_enabled(world: &World, mapping: &str, enabled: bool) {
    let stack = world.emulation().stack();
    let mapping = stack.mappings.iter().find(|each| each.logical_id == mapping).unwrap();
    let (endpoint, uuid) = (world.emulation().endpoint(), &mapping.uuid);
    let url = format!("{endpoint}/2015-03-31/event-source-mappings/{uuid}");
    let body = json!({ "Enabled": enabled }).to_string();
    let (status, _, answer) = ask(Method::PUT, &url, &[], body).await;
    assert_eq!(status, 202, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_every_event_would_wait_its_queue_is_not_polled_until_a_probe_is_due() {
    let world = World::start().await;
    let sample = flights(0, 40);
    force_open(&world, 7_200).await;
    world.send_flights(&sample[..30]);
    world.wait_until("30 parked", |world| world.logs.sum("enrich", "events.parked") == 30).await;
    world.pass_minutes(1).await;
    assert_eq!(state(&world, ENRICH), State::Disabling);
    world.pass_minutes(2).await;
    assert_eq!(state(&world, ENRICH), State::Disabled);
    assert_eq!(state(&world, DELIVER), State::Enabled, "nothing waits there");

    let before = handed_over(&world, ENRICH);
    world.send_flights(&sample[30..]);
    world.wait_until("10 to enrich", |world| visible(world, "EnrichQueue") == 10).await;
    world.pass_minutes(5).await;
    assert_eq!(handed_over(&world, ENRICH), before, "no event is received in vain");
    let told = told_of_polling(&world).await;
    assert_eq!((&told[0]["stage"], &told[0]["state"]), (&json!("enrich"), &json!("disabled")));
    assert_eq!(told[0]["waits_for"], json!(["weather"]));
    assert!(told[0]["paused_at"].is_string() && told[0]["resumes_at"].is_string(), "{told}");

    // It polls again a tick and the time that Lambda takes after it was released.
    release(&world).await;
    world.pass_minutes(1).await;
    assert_eq!(state(&world, ENRICH), State::Enabling);
    world.settle().await;
    assert_eq!(state(&world, ENRICH), State::Enabled);
    world.assert_written_once(&sample);
    assert_no_dead_letters(&world);
    world.pass_minutes(3).await;
    assert_eq!(told_of_polling(&world).await, json!([]));
    world.end().await;
}

/// Its queue is looked into once in a quarter of an hour, since it may hold events that wait for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_an_hour_is_waited_for_in_pauses_and_every_event_is_written() {
    let world = World::start().await;
    let sample = flights(0, 100);
    force_open(&world, 3_600).await;
    for flight in &sample {
        world.send_flights(std::slice::from_ref(flight));
        if flight.line == sample[0].line {
            world
                .wait_until("one is parked", |world| world.logs.sum("enrich", "events.parked") > 0)
                .await;
        }
    }
    let mut polled_minutes = 0;
    for _ in 0..58 {
        world.pass_minutes(1).await;
        polled_minutes += u32::from(world.mapping(ENRICH).mapping.is_polling());
    }
    assert!(polled_minutes <= 20, "{polled_minutes} of 58");
    world.settle().await;
    world.assert_written_once(&sample);
    assert_no_dead_letters(&world);
    assert!(world.logs.lines_with("polling is to pause").len() >= 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_wait_for_nothing_keep_their_queue_polled() {
    let datasets = &["readings"];
    let world = World::start_with(Settings { datasets, ..Settings::default() }).await;
    force_open(&world, 7_200).await;
    let sample = flights(0, 12);
    for (number, flight) in sample.iter().enumerate() {
        world.send_flights(std::slice::from_ref(flight));
        let reading = json!({ "id": number, "at": "2026-01-01T00:00:00Z" });
        world.send("Inbox", &reading.to_string(), &[("dataset", "readings")]);
        world.rest().await;
        world.pass_minutes(1).await;
        assert_eq!(state(&world, ENRICH), State::Enabled);
        let written = world.emulation().dynamodb().scan_all(world.name("RecordsTable")).unwrap();
        assert_eq!(written.len(), number + 1, "a reading is written at once");
    }
    assert_eq!(world.logs.lines_with("polling is to pause"), Vec::<String>::new());
    release(&world).await;
    world.settle().await;
    assert_no_dead_letters(&world);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_that_an_operator_disables_stays_disabled() {
    let world = World::start().await;
    force_open(&world, 7_200).await;
    world.send_flights(&flights(0, 10));
    world.wait_until("10 parked", |world| world.logs.sum("enrich", "events.parked") == 10).await;
    set_enabled(&world, ENRICH, false).await;
    world.pass_minutes(3).await;
    assert_eq!(state(&world, ENRICH), State::Disabled);
    assert_eq!(told_of_polling(&world).await, json!([]), "it is not ours");
    release(&world).await;
    world.pass_minutes(20).await;
    assert_eq!(state(&world, ENRICH), State::Disabled);
    set_enabled(&world, ENRICH, true).await;
    world.settle().await;
    assert_no_dead_letters(&world);
    world.end().await;
}

/// The queue of enrich and its dead letters' as FIFO queues, which cannot delay a message.
const FIFO: [Edit; 2] = [
    Edit {
        old: "  EnrichQueue:\n    Type: AWS::SQS::Queue\n    Properties:\n",
        new: "  EnrichQueue:\n    Type: AWS::SQS::Queue\n    Properties:\n      FifoQueue: true\n",
    },
    Edit {
        old: "  EnrichDlq:\n    Type: AWS::SQS::Queue\n    Properties:\n",
        new: "  EnrichDlq:\n    Type: AWS::SQS::Queue\n    Properties:\n      FifoQueue: true\n",
    },
];

/// Lambda takes at most ten messages at a time from such a queue, and waits for none.
const FIFO_COLLECTED: Edit = Edit {
    old: "\
            Queue: !GetAtt EnrichDlq.Arn
            BatchSize: 100
            MaximumBatchingWindowInSeconds: 1
",
    new: "\
            Queue: !GetAtt EnrichDlq.Arn
            BatchSize: 10
",
};

/// Each receive counts there: of events that are not received, none is used up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fifo_queue_is_not_polled_while_its_breaker_is_open() {
    let [queue, dead_letters] = FIFO;
    let edits = vec![queue, dead_letters, FIFO_COLLECTED];
    let world = World::start_with(Settings { edits, ..Settings::default() }).await;
    force_open(&world, 7_200).await;
    let batch: Value = serde_json::from_str(&sample("sqs/enrich.json")).unwrap();
    let envelopes = batch["Records"].as_array().unwrap();
    let queue = world.name("EnrichQueue");
    for (number, record) in envelopes.iter().enumerate() {
        let message = NewMessage {
            body: record["body"].as_str().unwrap().to_owned(),
            group_id: Some(format!("group-{number}")),
            deduplication_id: Some(number.to_string()),
            ..NewMessage::default()
        };
        world.emulation().sqs().send(queue, message).unwrap();
    }
    let count = u64::try_from(envelopes.len()).unwrap();
    world
        .wait_until("all hidden", |world| world.logs.sum("enrich", "events.retried") == count)
        .await;
    world.pass_minutes(3).await;
    assert_eq!(state(&world, ENRICH), State::Disabled);
    let before = handed_over(&world, ENRICH);
    world.pass_minutes(5).await;
    assert_eq!(handed_over(&world, ENRICH), before);

    release(&world).await;
    world.settle().await;
    assert_eq!(state(&world, ENRICH), State::Enabled);
    assert_eq!(world.records().len(), envelopes.len());
    assert_no_dead_letters(&world);
    world.end().await;
}
