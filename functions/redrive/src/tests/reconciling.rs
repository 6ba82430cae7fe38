//! What became of events that were sent, read from sinks and letters.

use std::collections::BTreeSet;

use contracts::EventOrigin;
use event::{Encoding, Form, Payload};
use letters::{FoundProof, SentEvent};
use serde_json::json;

use super::*;

fn world() -> World {
    let mut world = World::new();
    world.redrive.contracts = testkit::contracts();
    world
        .redrive
        .routes
        .insert("ingest".to_owned(), route("http://sqs/1/dlq", "http://sqs/1/inbox"));
    world
}

fn flights() -> Vec<String> {
    testkit::sample_lines("flights-2013-01.ndjson.gz")
}

fn of_flights() -> Attributes {
    [("dataset".to_owned(), Attribute::string("flights"))].into()
}

/// Puts an event into all of its sinks but one.
fn write(world: &World, payload: &str, but: &str) {
    let event = SentEvent::of_message("ingest", payload, &of_flights(), &world.redrive.contracts);
    let SentEvent { fingerprint, proofs, .. } = event.unwrap();
    let found = FoundProof { fingerprint, is_in_progress: false, expires_at: None };
    for proof in proofs {
        let (Proof::Record { sink, .. } | Proof::Row { sink, .. }) = &proof;
        if sink != but {
            world.memory.evidence.leave(proof, found.clone());
        }
    }
}

fn envelope(world: &World, payload: &str) -> String {
    let contract = world.redrive.contracts.get("flights").unwrap();
    let origin = EventOrigin {
        source: "s".to_owned(),
        id: "1".to_owned(),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        taken_in: world.memory.clock.now(),
    };
    let payload = Payload::parse(payload.as_bytes()).unwrap();
    contract.envelope(payload, origin).unwrap().to_json().unwrap()
}

/// Adds a dead letter of the inbox, whose form and encoding are as ingest writes them.
fn add_to_inbox(world: &World, body: &str, form: Form, encoding: Encoding) -> LetterId {
    let id = world.add("ingest", body);
    let held = world.memory.store.letters()[&id].clone();
    let key = &held.entry.place.object;
    let mut message: StoredMessage =
        serde_json::from_slice(&world.memory.store.objects()[key]).unwrap();
    let why = Failure::permanent(Code::ContractViolation, "no").at("/distance");
    let mut letter = DeadLetter::new("ingest", &why, world.memory.clock.now(), "m");
    (letter.form, letter.encoding) = (form, encoding);
    message.attributes = letter.write(of_flights());
    let line = serde_json::to_vec(&message).unwrap();
    let place = Place { length: line.len() as u64, ..held.entry.place.clone() };
    world.memory.store.put_anyway(key, line);
    let expected = Some(held.letter.version);
    let to = Indexed { entry: Entry { place, ..held.entry }, letter: held.letter };
    let write = IndexWrite { expected, to };
    block(async {
        let written = world.memory.store.write(&[write], None).await;
        assert_eq!(written, [IndexWritten::Written]);
    });
    id
}

async fn all_events(world: &World, limit: usize, select: Value) -> Vec<Value> {
    let (mut letters, mut after) = (Vec::new(), Value::Null);
    loop {
        let asked = json!({ "select": select, "limit": limit, "after": after });
        let page = world.asked(json!({ "events": asked })).await;
        let found = page["letters"].as_array().unwrap();
        assert!(found.len() <= limit);
        letters.extend(found.iter().cloned());
        after = page["next"].clone();
        if after.is_null() {
            return letters;
        }
    }
}

#[tokio::test]
async fn each_event_is_where_its_sinks_say() {
    let (world, lines) = (world(), flights());
    write(&world, &lines[0], "none");
    write(&world, &lines[1], "lake");
    let mut refused: Value = serde_json::from_str(&lines[3]).unwrap();
    refused["distance"] = json!("far");
    let events = [lines[0].as_str(), &lines[1], &lines[2], &refused.to_string(), "{broken"];
    let asked = json!({ "reconcile": { "dataset": "flights", "events": events } });
    let answer = world.asked(asked).await;
    let seen: Vec<&Value> =
        answer["events"].as_array().unwrap().iter().map(|it| &it["seen"]).collect();
    assert_eq!(seen, ["everywhere", "missing", "missing", "refused", "refused"]);
    assert_eq!(answer["events"][3]["code"], json!("contract.violation"));
    assert_eq!(answer["events"][4]["code"], json!("decode.json"));
    assert!(!answer.to_string().contains("far"), "no payload is told: {answer}");
    assert_eq!(world.audited(), Vec::<String>::new());
}

/// The fingerprint depends on the value, not on how it is written.
#[tokio::test]
async fn one_value_in_two_spellings_is_one_event() {
    let (world, lines) = (world(), flights());
    write(&world, &lines[0], "none");
    let spaced = lines[0].replace("\":", "\" : ");
    let asked = json!({ "reconcile": { "dataset": "flights", "events": [lines[0], spaced] } });
    let answer = world.asked(asked).await;
    assert_eq!(answer["events"][1]["seen"], json!("everywhere"));
    assert_eq!(answer["events"][0]["fingerprint"], answer["events"][1]["fingerprint"]);
}

#[tokio::test]
async fn what_cannot_be_looked_for_is_refused() {
    let world = world();
    let unknown = json!({ "reconcile": { "dataset": "ships", "events": [] } });
    let problem = world.ask(unknown).await.unwrap_err();
    assert_eq!(problem.status(), 404);
    assert!(problem.detail.contains("flights"), "the known ones are named: {problem:?}");
    let many = json!({ "reconcile": { "dataset": "flights", "events": vec!["{}"; 501] } });
    let problem = world.ask(many).await.unwrap_err();
    assert!(problem.status() == 400 && problem.detail.contains("500 at most"), "{problem:?}");
    for bad in ["x", "dead", "dead/x", "gone/1"] {
        let problem = world.ask(json!({ "events": { "after": bad } })).await.unwrap_err();
        assert_eq!(problem.status(), 400, "{bad}");
    }
}

#[tokio::test]
async fn a_letter_tells_which_event_it_is_of() {
    let (world, lines) = (world(), flights());
    let asked = json!({ "reconcile": { "dataset": "flights", "events": [lines[0]] } });
    let print = world.asked(asked).await["events"][0]["fingerprint"].clone();
    let taken_in = world.add("sink", &envelope(&world, &lines[0]));
    let text = add_to_inbox(&world, &lines[0], Form::Message, Encoding::Text);
    let row = add_to_inbox(&world, "abc", Form::Csv, Encoding::Text);
    let line = add_to_inbox(&world, "abc\r", Form::Message, Encoding::Text);
    let odd = add_to_inbox(&world, "YWJj", Form::Message, Encoding::Base64);
    let place = r#"{"source":"s","etag":"t","line":7,"bytes":2000000}"#;
    let place = add_to_inbox(&world, place, Form::Place, Encoding::Text);
    let letters = all_events(&world, 50, json!({})).await;
    let of = |id: &LetterId| letters.iter().find(|it| it["id"] == id.0).unwrap();
    assert_eq!(of(&taken_in)["fingerprints"], json!([print]));
    assert_eq!(of(&text)["fingerprints"], json!([print]));
    // The SHA-256 of `abc`: FIPS 180-2, appendix B.1.
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(of(&row)["digests"], json!([abc]));
    assert_eq!(of(&odd)["digests"], json!([abc]));
    assert_eq!(of(&line)["digests"][1], json!(abc));
    assert_eq!(of(&place)["places"], json!([{ "line": 7, "bytes": 2_000_000 }]));
    assert_eq!(of(&place)["digests"], json!([]));
    assert!(letters.iter().all(|it| it["seen"].is_null() && it["state"] == "dead"));
    let told = json!(letters).to_string();
    assert!(!told.contains("carrier") && !told.contains("YWJj"), "no payload is told: {told}");
}

#[tokio::test]
async fn pages_go_over_all_states_unless_one_is_named() {
    let world = world();
    let ids: Vec<LetterId> = (0..9).map(|n| world.add("sink", &format!("{n}"))).collect();
    let select = json!({ "letters": [ids[0], ids[1]] });
    let discard = json!({ "discard": { "select": select, "why": "x", "apply": true } });
    world.asked(discard).await;
    let expected: BTreeSet<&str> = ids.iter().map(|id| id.0.as_str()).collect();
    for limit in [1, 2, 3, 9, 50] {
        let letters = all_events(&world, limit, json!({})).await;
        let found: BTreeSet<&str> = letters.iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert_eq!((letters.len(), &found), (9, &expected), "{limit}");
        let discarded = all_events(&world, limit, json!({ "state": "discarded" })).await;
        assert_eq!(discarded.len(), 2, "{limit}");
        assert!(discarded.iter().all(|it| it["state"] == "discarded"));
    }
}

/// A patched event is looked for as it was sent, and identified as its producer sent it.
#[tokio::test]
async fn a_patched_event_is_in_its_sinks_once_they_have_what_was_made_of_it() {
    let (world, lines) = (world(), flights());
    let mended: Value = serde_json::from_str(&lines[0]).unwrap();
    let mut broken = mended.clone();
    broken["distance"] = json!("far");
    let id = add_to_inbox(&world, &broken.to_string(), Form::Message, Encoding::Text);
    let patch = json!([{ "op": "replace", "path": "/distance", "value": mended["distance"] }]);
    let plan = world.asked(json!({ "plan": { "patch": patch } })).await["plan"].clone();
    let begun = json!({ "redrive": { "plan": plan, "why": "mended", "pace": { "canary": 0 } } });
    let run = world.asked(begun).await["run"].as_str().unwrap().to_owned();
    world.work(&run).await;
    assert_eq!(world.state_of(&id), "redriven");
    let letters = all_events(&world, 50, json!({})).await;
    assert_eq!(letters[0]["seen"], json!("missing"));
    write(&world, &lines[0], "lake");
    assert_eq!(all_events(&world, 50, json!({})).await[0]["seen"], json!("missing"));
    write(&world, &lines[0], "none");
    assert_eq!(all_events(&world, 50, json!({})).await[0]["seen"], json!("everywhere"));
    let asked = json!({ "reconcile": { "dataset": "flights", "events": [broken.to_string()] } });
    let sent = world.asked(asked).await["events"][0].clone();
    assert_eq!(sent["seen"], json!("refused"));
    assert_eq!(letters[0]["fingerprints"], json!([sent["fingerprint"]]));
}

/// The redriven letter goes to one sink only, and the others must have the event too.
#[tokio::test]
async fn a_redriven_letter_of_one_sink_needs_the_others_too() {
    let (world, lines) = (world(), flights());
    world.add("sink", &envelope(&world, &lines[0]));
    let run = world.begin(json!({ "canary": 0 })).await;
    world.work(&run).await;
    write(&world, &lines[0], "lake");
    assert_eq!(all_events(&world, 50, json!({})).await[0]["seen"], json!("missing"));
    write(&world, &lines[0], "none");
    assert_eq!(all_events(&world, 50, json!({})).await[0]["seen"], json!("everywhere"));
}
