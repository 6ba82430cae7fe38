//! Before a run sends letters, it extends how long their keys are remembered.

use contracts::EventOrigin;
use event::{Payload, RedriveMark};
use serde_json::json;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A dataset whose keys are remembered for 30 days.
const DATASET: &str = "flights";

/// A world that knows the sample's contracts.
fn world() -> World {
    let mut world = World::new();
    world.redrive.contracts = testkit::contracts();
    world
}

/// Adds a letter of the sink to the store, whose event was taken in now.
fn add_flight(world: &World, number: usize) -> LetterId {
    add_flight_to(world, "sink", number)
}

fn add_flight_to(world: &World, stage: &str, number: usize) -> LetterId {
    let payload = &testkit::sample_lines("flights-2013-01.ndjson.gz")[number];
    let origin = EventOrigin {
        source: "s".to_owned(),
        id: format!("e{number}"),
        traceparent: "t".to_owned(),
        taken_in: world.memory.clock.now(),
    };
    let payload = Payload::parse(payload.as_bytes()).unwrap();
    let contract = world.redrive.contracts.get(DATASET).unwrap();
    let envelope = contract.envelope(payload, origin).unwrap();
    world.add(stage, &envelope.to_json().unwrap())
}

fn unlimited() -> Value {
    json!(letters::Pace::unlimited())
}

fn mark_of(message: &runtime::Outgoing) -> RedriveMark {
    DeadLetter::read(&message.attributes).unwrap().redrive.unwrap()
}

#[tokio::test]
async fn what_is_remembered_for_long_is_sent_without_a_write() {
    let world = world();
    add_flight(&world, 0);
    world.memory.clock.advance(DAY * 14);
    let run = world.begin(unlimited()).await;
    world.work(&run).await;
    let sent = world.memory.queues.sent_to(SINK);
    assert_eq!(mark_of(&sent[0]).remembered_until, None);
    assert!(world.memory.keys.extended.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_forgotten_soon_is_extended_first_and_says_until_when() {
    let world = world();
    add_flight(&world, 0);
    world.memory.clock.advance(DAY * 20);
    let run = world.begin(unlimited()).await;
    world.work(&run).await;
    let now = world.memory.clock.now();
    let extended = world.memory.keys.extended.lock().unwrap().clone();
    // The stage writes to two sinks of flights: a row that is its own dedupe record, and a dedupe record.
    assert_eq!(extended.len(), 2, "{extended:?}");
    assert!(extended.iter().all(|(_, until)| *until == now.plus(DAY * 30)), "{extended:?}");
    let sent = world.memory.queues.sent_to(SINK);
    let an_hour_early = Timestamp::from_unix_ms(now.plus(DAY * 30).unix_ms() - 3_600_000);
    assert_eq!(mark_of(&sent[0]).remembered_until, Some(an_hour_early));
}

#[tokio::test]
async fn nothing_is_sent_while_keys_cannot_be_extended() {
    let world = world();
    let letter = add_flight(&world, 0);
    world.memory.clock.advance(DAY * 20);
    let run = world.begin(unlimited()).await;
    *world.memory.keys.is_away.lock().unwrap() = true;
    world.work(&run).await;
    assert!(world.memory.queues.sent_to(SINK).is_empty());
    *world.memory.keys.is_away.lock().unwrap() = false;
    world.memory.clock.advance(Duration::from_secs(120));
    world.work(&run).await;
    assert_eq!(world.memory.queues.sent_to(SINK).len(), 1);
    assert_eq!(world.state_of(&letter), "redriven");
}

/// Such a letter could take effect twice. It is left out unless the operator accepts that.
#[tokio::test]
async fn what_may_be_forgotten_is_planned_only_if_asked_for() {
    let world = world();
    let old = add_flight(&world, 0);
    world.memory.clock.advance(DAY * 30);
    let young = add_flight(&world, 1);
    let plan = world.asked(json!({ "plan": {} })).await;
    assert_eq!((&plan["letters"], &plan["forgotten"]), (&json!(1), &json!(1)), "{plan}");
    let by_id = json!({ "plan": { "select": { "letters": [old] } } });
    let refused = world.ask(by_id).await.unwrap_err();
    assert!(refused.detail.contains("--even-if-forgotten"), "{refused:?}");
    let plan = world.asked(json!({ "plan": { "even_if_forgotten": true } })).await;
    assert_eq!((&plan["letters"], &plan["forgotten"]), (&json!(2), &json!(0)), "{plan}");
    let begun = json!({ "redrive": { "plan": plan["plan"], "why": "it was never written", "pace": unlimited() } });
    let run = world.asked(begun).await["run"].as_str().unwrap().to_owned();
    world.work(&run).await;
    assert_eq!(world.memory.queues.sent_to(SINK).len(), 2);
    assert_eq!([world.state_of(&old), world.state_of(&young)], ["redriven"; 2]);
    let entries = world.memory.audit.entries.lock().unwrap();
    let (_, intent) = entries.iter().find(|(_, entry)| entry["act"] == "redrive").unwrap();
    assert_eq!(intent["before"]["even_if_forgotten"], json!(true), "{intent}");
}

/// The keys are forgotten between the plan and the letter's turn.
#[tokio::test]
async fn what_is_forgotten_before_its_turn_is_not_sent() {
    let world = world();
    let letter = add_flight(&world, 0);
    world.memory.clock.advance(DAY * 30 - Duration::from_secs(2 * 3_600));
    let run = world.begin(unlimited()).await;
    world.memory.clock.advance(Duration::from_secs(2 * 3_600));
    world.work(&run).await;
    let status = world.status(&run).await;
    assert_eq!((&status["sent"], &status["skipped"]), (&json!(0), &json!(1)), "{status}");
    assert_eq!(world.state_of(&letter), "dead");
}

/// A letter fails again as it was sent, and the collector puts it into the store.
fn fail_again(world: &World, id: &LetterId, sent: &runtime::Outgoing) {
    World::come_back(&world.memory, id);
    let held = world.memory.store.letters()[id].clone();
    let message = StoredMessage {
        message_format: LETTER_STORE_FORMAT,
        id: id.clone(),
        stage: held.entry.stage.clone(),
        body: sent.body.clone(),
        attributes: sent.attributes.clone(),
        group: None,
        message_id: "again".to_owned(),
        sent_at: None,
        receive_count: 1,
        moved_from: None,
    };
    let line = serde_json::to_vec(&message).unwrap();
    let object = format!("dead-letters/{}-again.ndjson", id.0);
    let place = Place { object, offset: 0, length: line.len() as u64 };
    block(world.memory.store.add(&place.object, line)).unwrap();
    let remembered_until = mark_of(sent).remembered_until;
    let entry = Entry { place, remembered_until, ..held.entry };
    let letter = Letter { version: held.letter.version + 1, ..held.letter.clone() };
    let to = Indexed { entry, letter };
    let write = IndexWrite { expected: Some(held.letter.version), to };
    let written = block(world.memory.store.write(&[write], None));
    assert_eq!(written, [IndexWritten::Written]);
}

/// A world with a letter of this stage that was redriven after 20 of its 30 days, and has failed again.
async fn world_of_an_extended_letter(stage: &str) -> (World, LetterId) {
    let mut world = world();
    for stage in ["ingest", "lake"] {
        let queue = format!("http://sqs/1/{stage}");
        world.redrive.routes.insert(stage.to_owned(), route("http://sqs/1/dlq", &queue));
    }
    let id = add_flight_to(&world, stage, 0);
    world.memory.clock.advance(DAY * 20);
    let run = world.begin(unlimited()).await;
    world.work(&run).await;
    let queue = world.redrive.routes[stage].queue.clone();
    let sent = world.memory.queues.sent_to(&queue).remove(0);
    assert!(mark_of(&sent).remembered_until.is_some());
    fail_again(&world, &id, &sent);
    world.memory.keys.extended.lock().unwrap().clear();
    (world, id)
}

/// How many letters the plan has, and how many it leaves out as forgotten.
async fn planned(world: &World, plan: Value) -> [u64; 2] {
    let plan = world.asked(json!({ "plan": plan })).await;
    ["letters", "forgotten"].map(|name| plan[name].as_u64().unwrap())
}

/// The key was not extended in the table sinks, which have forgotten it.
#[tokio::test]
async fn what_was_extended_in_one_kind_of_sink_is_not_so_in_the_others() {
    let (world, id) = world_of_an_extended_letter("lake").await;
    world.memory.clock.advance(DAY * 14);
    assert_eq!(planned(&world, json!({})).await, [1, 0], "the lake remembers it");
    assert_eq!(planned(&world, json!({ "to": "ingest" })).await, [0, 1]);
    let by_id = json!({ "to": "ingest", "select": { "letters": [id] } });
    let refused = world.ask(json!({ "plan": by_id })).await.unwrap_err();
    assert!(refused.detail.contains("--even-if-forgotten"), "{refused:?}");
    let by_force = json!({ "to": "ingest", "even_if_forgotten": true });
    assert_eq!(planned(&world, by_force).await, [1, 0]);
}

/// The lake remembers the key for 24 more days, and the other sinks for four.
#[tokio::test]
async fn what_goes_to_more_sinks_than_before_is_extended_in_all_of_them() {
    let (world, _) = world_of_an_extended_letter("lake").await;
    world.memory.clock.advance(DAY * 6);
    let plan = world.asked(json!({ "plan": { "to": "ingest" } })).await["plan"].clone();
    let begun = json!({ "redrive": { "plan": plan, "why": "mended", "pace": unlimited() } });
    let run = world.asked(begun).await["run"].as_str().unwrap().to_owned();
    world.work(&run).await;
    assert_eq!(world.memory.keys.extended.lock().unwrap().len(), 3);
    let sent = world.memory.queues.sent_to("http://sqs/1/ingest");
    let until = world.memory.clock.now().plus(DAY * 30 - Duration::from_secs(3_600));
    assert_eq!(mark_of(&sent[0]).remembered_until, Some(until));
}

#[tokio::test]
async fn what_a_patch_gives_another_key_is_as_old_as_it_is() {
    let (world, _) = world_of_an_extended_letter("sink").await;
    world.memory.clock.advance(DAY * 14);
    let replace =
        |path: &str, value: i64| json!([{ "op": "replace", "path": path, "value": value }]);
    assert_eq!(planned(&world, json!({ "patch": replace("/distance", 100) })).await, [1, 0]);
    assert_eq!(planned(&world, json!({ "patch": replace("/flight", 9_999) })).await, [0, 1]);
}

/// The sink's table is not among those in the function's environment.
#[tokio::test]
async fn where_a_sink_s_table_is_not_known_nothing_is_said_to_be_remembered_for_longer() {
    let world = world();
    add_flight(&world, 0);
    *world.memory.keys.unknown.lock().unwrap() = Some("records".to_owned());
    world.memory.clock.advance(DAY * 20);
    let run = world.begin(unlimited()).await;
    world.work(&run).await;
    let sent = world.memory.queues.sent_to(SINK);
    assert_eq!(mark_of(&sent[0]).remembered_until, None);
}
