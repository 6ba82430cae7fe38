//! Letters of events that are too large for a message.

use event::{CLAIM_ATTRIBUTE, ClaimCheck, Envelope};

use super::*;

/// The envelope of a flight with a note of so many bytes.
fn envelope(bytes: usize) -> String {
    let note = "\u{e9}".repeat(bytes / 2);
    format!(
        r#"{{"specversion":"1.0","envelopeversion":2,"id":"e1:1","source":"s","type":"sluicegate.flights","time":"2013-01-01T10:00:00.000Z","dataschema":"flights/1","datacontenttype":"application/json","dataset":"flights","idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00.000Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":{{"carrier":"UA","note":"{note}"}}}}"#
    )
}

/// Adds the letter of a large event, which is in the bucket.
fn add_large(world: &World, body: &str) -> LetterId {
    let claim = ClaimCheck::of(body);
    world.memory.bucket.put(&claim.key, body);
    let mut attributes = Attributes::new();
    claim.mark(&mut attributes);
    let bytes = body.len() as u64;
    world.add_message("sink", &claim.to_json(), attributes, |entry| entry.bytes = bytes)
}

async fn redrive_all(world: &World) {
    let run = world.begin(json!(letters::Pace::unlimited())).await;
    world.work(&run).await;
}

#[tokio::test]
async fn a_large_event_is_shown_found_by_its_values_and_sent_back() {
    let world = World::new();
    let body = envelope(3_000_000);
    let id = add_large(&world, &body);
    world.add("sink", "another");
    let shown = world.asked(json!({ "show": { "letter": id } })).await;
    let message = &shown["letter"]["message"];
    assert_eq!((&message["bytes"], message.get("group")), (&json!(body.len()), Some(&Value::Null)));
    // An answer has no room for all of it.
    let text = message["body"].as_str().unwrap();
    assert!(text.starts_with(&body[..1_000]) && text.ends_with('\u{2026}'), "{}", &text[..100]);
    assert!(text.len() < 1_100_000, "{} bytes", text.len());
    for (value, expected) in [("UA", 1), ("AA", 0)] {
        let select = json!({ "value": { "pointer": "/carrier", "value": value } });
        let found = world.asked(json!({ "letters": { "select": select } })).await;
        assert_eq!(found["letters"].as_array().unwrap().len(), expected, "{value}");
    }
    redrive_all(&world).await;
    let sent = world.memory.queues.sent_to(SINK);
    let sent = sent.iter().find(|it| it.attributes.contains_key(CLAIM_ATTRIBUTE)).unwrap();
    assert_eq!(ClaimCheck::read(&sent.attributes, &sent.body), Some(ClaimCheck::of(&body)));
    let letter = DeadLetter::read(&sent.attributes).unwrap();
    assert_eq!((letter.redrives, letter.reason.as_str()), (1, "expected integer"));
}

/// A redrive writes the event anew, so that it is not deleted for its age while it is on its way.
#[tokio::test]
async fn a_redrive_writes_the_event_once_more() {
    let world = World::new();
    let body = envelope(3_000_000);
    add_large(&world, &body);
    let plan = world.asked(json!({ "plan": {} })).await["plan"].clone();
    let run =
        json!({ "redrive": { "plan": plan, "why": "x", "pace": letters::Pace::unlimited() } });
    let run = world.asked(run).await["run"].as_str().unwrap().to_owned();
    let key = ClaimCheck::of(&body).key;
    assert_eq!(world.memory.bucket.written(&key), 0);
    world.work(&run).await;
    assert_eq!(world.memory.bucket.written(&key), 1);
}

/// Whoever deleted it, the letter can be looked at, and the stage says why it fails.
#[tokio::test]
async fn a_letter_whose_event_is_gone_is_shown_and_sent_back_as_it_is() {
    let world = World::new();
    let body = envelope(3_000_000);
    let id = add_large(&world, &body);
    let claim = ClaimCheck::of(&body);
    world.memory.bucket.lose(&claim.key);
    let shown = world.asked(json!({ "show": { "letter": id } })).await;
    assert_eq!(shown["letter"]["message"]["body"], claim.to_json());
    let patch = json!([{ "op": "remove", "path": "/note" }]);
    let refused = world.ask(json!({ "plan": { "patch": patch } })).await.unwrap_err();
    assert!(refused.detail.contains("not in the archive bucket any more"), "{}", refused.detail);
    redrive_all(&world).await;
    let sent = world.memory.queues.sent_to(SINK).remove(0);
    assert_eq!(ClaimCheck::read(&sent.attributes, &sent.body), Some(claim));
}

#[tokio::test]
async fn while_the_bucket_is_away_nothing_is_sent_and_the_run_goes_on_later() {
    let world = World::new();
    let id = add_large(&world, &envelope(3_000_000));
    let run = world.begin(json!(letters::Pace::unlimited())).await;
    world.memory.bucket.set_away(true);
    world.work(&run).await;
    assert!(world.memory.queues.sent_to(SINK).is_empty());
    world.memory.bucket.set_away(false);
    world.memory.clock.advance(Duration::from_secs(120));
    world.work(&run).await;
    assert_eq!((world.memory.queues.sent_to(SINK).len(), world.state_of(&id)), (1, "redriven"));
}

/// A patch that makes it small makes it a message again.
#[tokio::test]
async fn a_patched_event_is_as_large_as_it_is() {
    let mut world = World::new();
    world.redrive.contracts = testkit::contracts();
    let flight: Value =
        serde_json::from_str(&testkit::sample_lines("flights-2013-01.ndjson.gz")[0]).unwrap();
    let mut large = flight.clone();
    large["note"] = json!("x".repeat(3_000_000));
    large["distance"] = json!("far");
    let whole = Envelope::from_json(&envelope(0)).unwrap();
    let data = serde_json::value::RawValue::from_string(large.to_string()).unwrap();
    let body = Envelope { data, ..whole }.to_json().unwrap();
    add_large(&world, &body);
    let mend = json!({ "op": "replace", "path": "/distance", "value": flight["distance"] });
    for (patch, is_large) in
        [(json!([mend]), true), (json!([mend, { "op": "remove", "path": "/note" }]), false)]
    {
        let plan = world.asked(json!({ "plan": { "patch": patch } })).await;
        let run = json!({ "redrive": { "plan": plan["plan"], "why": "x", "pace": letters::Pace::unlimited() } });
        let run = world.asked(run).await["run"].as_str().unwrap().to_owned();
        world.work(&run).await;
        let sent = world.memory.queues.sent_to(SINK).pop().unwrap();
        let claim = ClaimCheck::read(&sent.attributes, &sent.body);
        assert_eq!(claim.is_some(), is_large);
        let body = match claim {
            Some(claim) => world.memory.bucket.objects()[&claim.key].clone(),
            None => sent.body,
        };
        let data: Value =
            serde_json::from_str(Envelope::from_json(&body).unwrap().data.get()).unwrap();
        assert_eq!((&data["distance"], data["note"].is_string()), (&flight["distance"], is_large));
        let id = world.memory.store.letters().keys().next().unwrap().clone();
        World::come_back(&world.memory, &id);
        world.memory.clock.advance(Duration::from_secs(1));
    }
}
