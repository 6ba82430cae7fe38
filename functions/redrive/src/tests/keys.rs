//! What a run sees to before it sends: that its letters' keys are remembered for long enough.

use contracts::EventOrigin;
use event::{Payload, RedriveMark};
use serde_json::json;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Of 30 days: the sample's.
const CONTRACTS: &str = "flights";

/// A world that knows the sample's contracts.
fn world() -> World {
    let mut world = World::new();
    world.redrive.contracts = testkit::contracts();
    world
}

/// Puts a letter of the sink into the store, of an event that was taken in now.
fn add_flight(world: &World, number: usize) -> LetterId {
    let payload = &testkit::sample_lines("flights-2013-01.ndjson.gz")[number];
    let origin = EventOrigin {
        source: "s".to_owned(),
        id: format!("e{number}"),
        traceparent: "t".to_owned(),
        taken_in: world.memory.clock.now(),
    };
    let payload = Payload::parse(payload.as_bytes()).unwrap();
    let contract = world.redrive.contracts.get(CONTRACTS).unwrap();
    let envelope = contract.envelope(payload, origin).unwrap();
    world.add("sink", &envelope.to_json().unwrap())
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
    // The two sinks of flights that the stage writes to: a row that is its own record, and a record.
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

/// It could take effect twice, and is left out, unless an operator takes that upon themselves.
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

/// Between the plan and its turn.
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
