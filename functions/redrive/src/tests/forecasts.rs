//! The forecast of a plan is what really comes of it.

use letters::Proof;
use serde_json::json;
use testkit::MemoryStore;

use super::sinks::{Came, Sinks, contracts, envelope};
use super::*;

const STAGES: [&str; 5] = ["ingest", "enrich", "sink", "lake", "alerts"];

fn queue(stage: &str) -> String {
    format!("http://sqs/1/{stage}")
}

fn world() -> (World, Sinks) {
    let mut world = World::new();
    world.redrive.contracts = contracts();
    for stage in STAGES {
        let route = route(&format!("{}-dlq", queue(stage)), &queue(stage));
        world.redrive.routes.insert(stage.to_owned(), route);
    }
    let clock = world.memory.clock.clone();
    let sinks = Sinks { contracts: contracts(), store: MemoryStore::default(), clock };
    (world, sinks)
}

fn order(id: u32, customer: u32, order: Value, note: &str) -> Value {
    let at = "2026-01-01T00:00:00Z";
    json!({ "id": id, "customer": customer, "order": order, "note": note, "at": at })
}

fn dataset() -> Attributes {
    [("dataset".to_owned(), Attribute::string("orders"))].into()
}

/// Adds a dead letter of a stage after ingest.
fn add_event(world: &World, stage: &str, payload: &Value, event_id: &str) -> LetterId {
    world.add(stage, &envelope(payload, event_id).to_json().unwrap())
}

/// Sends all letters of a plan.
async fn redrive(world: &World, plan: &Value) {
    // No two runs may begin at the same time.
    world.memory.clock.advance(Duration::from_secs(1));
    let pace = letters::Pace::unlimited();
    let verb = json!({ "redrive": { "plan": plan["plan"], "why": "mended", "pace": pace } });
    let run = world.asked(verb).await["run"].as_str().unwrap().to_owned();
    world.work(&run).await;
    assert_eq!(world.status(&run).await["sent"], plan["letters"]);
}

#[tokio::test]
async fn a_plan_s_forecast_is_what_comes_of_it() {
    let (world, sinks) = world();
    let plain = |id, by| order(id, id, json!(by), "");
    // Before the redrive, events 2 and 4 are in all sinks, event 3 is in one sink with another payload, and one row has
    // a newer event.
    for payload in [plain(2, 5), plain(4, 5)] {
        sinks.take_event("enrich", &envelope(&payload, "before"));
    }
    sinks.take_event("lake", &envelope(&order(3, 3, json!(5), "another"), "before"));
    sinks.take_event("sink", &envelope(&order(90, 1, json!(9), ""), "before"));
    let keys_before = sinks.keys();

    add_event(&world, "sink", &plain(10, 1), "new");
    add_event(&world, "sink", &plain(10, 1), "a copy of it");
    add_event(&world, "sink", &plain(2, 5), "written before");
    add_event(&world, "sink", &order(2, 2, json!(5), "another"), "in conflict with what was");
    add_event(&world, "sink", &order(11, 1, json!(3), ""), "its row is newer");
    add_event(&world, "sink", &order(12, 12, json!("x"), ""), "it has no order");
    add_event(&world, "lake", &plain(3, 5), "in conflict");
    add_event(&world, "lake", &plain(4, 5), "written before");
    add_event(&world, "lake", &plain(13, 5), "new");
    add_event(&world, "enrich", &plain(14, 5), "goes to all sinks");
    add_event(&world, "alerts", &plain(15, 5), "nobody knows what it is for");
    world.add_message("ingest", &plain(16, 5).to_string(), dataset(), |_| {});
    let mut refused = plain(17, 5);
    refused["id"] = json!("17");
    world.add_message("ingest", &refused.to_string(), dataset(), |_| {});
    world.add_message("ingest", r#"{"Records":[]}"#, Attributes::new(), |_| {});

    sinks.show(&world.memory.evidence);
    let plan = world.asked(json!({ "plan": {} })).await;
    let forecast = &plan["forecast"];
    assert_eq!((&forecast["looked_at"], &forecast["letters"]), (&json!(14), &json!(14)), "{plan}");

    redrive(&world, &plan).await;
    let mut came: BTreeMap<String, Came> = BTreeMap::new();
    let (mut refused, mut no_events, mut own) = (0, 0, 0);
    for stage in STAGES {
        for message in world.memory.queues.sent_to(&queue(stage)) {
            if stage == "ingest" && !message.attributes.contains_key("dataset") {
                no_events += 1;
                continue;
            }
            own += u64::from(stage != "sink" && stage != "lake");
            let Some(of_sinks) = sinks.take(stage, &message) else {
                refused += 1;
                own -= 1;
                continue;
            };
            refused += u64::from(of_sinks.values().any(|count| count.refused > 0));
            for (sink, count) in of_sinks {
                let sum = came.entry(sink).or_default();
                sum.written += count.written;
                sum.duplicate += count.duplicate;
                sum.stale += count.stale;
                sum.conflict += count.conflict;
                sum.refused += count.refused;
            }
        }
    }
    // Each kind of outcome occurs, so that no count is right by chance.
    let rows = Came { written: 5, duplicate: 2, conflict: 1, ..Came::default() };
    assert_eq!(came["rows"], rows);
    let latest = Came { written: 3, duplicate: 2, stale: 1, conflict: 1, refused: 1 };
    assert_eq!(came["latest"], latest);
    let mut expected = BTreeMap::new();
    for (sink, came) in &came {
        let Came { written, duplicate, stale, conflict, refused } = came;
        expected.insert(
            sink.clone(),
            json!({
                "written": written, "duplicate": duplicate, "stale": stale, "conflict": conflict,
                "refused": refused, "not_known": 0,
            }),
        );
        let keys = sinks.keys().get(sink).unwrap() - keys_before.get(sink).unwrap();
        assert_eq!(keys, written + stale, "what {sink} holds");
    }
    let unseen = json!({
        "written": 0, "duplicate": 0, "stale": 0, "conflict": 0, "refused": 0, "not_known": own,
    });
    expected.insert("own".to_owned(), unseen);
    assert_eq!(forecast["sinks"], json!(expected));
    assert_eq!(forecast["refused"], json!({ "contract.violation": refused }));
    assert_eq!(forecast["not_known"], json!(no_events));
}

/// The forecast takes a plan's patch into account.
#[tokio::test]
async fn what_the_plan_changes_is_forecast() {
    let (world, sinks) = world();
    let mut broken = order(1, 1, json!(1), "");
    broken["id"] = json!("1");
    world.add_message("ingest", &broken.to_string(), dataset(), |_| {});
    sinks.show(&world.memory.evidence);
    let told = world.asked(json!({ "plan": {} })).await["forecast"].clone();
    assert_eq!(told["refused"], json!({ "contract.violation": 1 }));
    let patch = json!([{ "op": "replace", "path": "/id", "value": 1 }]);
    let told = world.asked(json!({ "plan": { "patch": patch } })).await["forecast"].clone();
    assert_eq!((&told["refused"], &told["sinks"]["rows"]["written"]), (&json!({}), &json!(1)));
}

#[tokio::test]
async fn of_many_letters_some_are_looked_at_and_that_is_said() {
    let (world, sinks) = world();
    for id in 0..620 {
        let payload = order(id, id, json!(1), "");
        if id % 2 == 0 {
            sinks.take_event("sink", &envelope(&payload, "before"));
        }
        add_event(&world, "sink", &payload, "e");
    }
    sinks.show(&world.memory.evidence);
    let told = world.asked(json!({ "plan": {} })).await["forecast"].clone();
    assert_eq!((&told["looked_at"], &told["letters"]), (&json!(500), &json!(620)));
    let count = |name: &str| told["sinks"]["rows"][name].as_u64().unwrap();
    assert_eq!(count("written") + count("duplicate"), 500);
    // Half of them were written before, so 250 are expected in the sample. The bounds allow for its random error.
    assert!((225..=275).contains(&count("written")), "{told}");
    let estimate = &told["estimate"];
    assert_eq!((&estimate["letters"], &estimate["is_scaled"]), (&json!(620), &json!(true)));
}

/// A forecast that fails does not prevent the plan.
#[tokio::test]
async fn a_plan_is_made_where_sinks_do_not_answer() {
    let (world, _) = world();
    add_event(&world, "sink", &order(1, 1, json!(1), ""), "e");
    world.memory.evidence.set_away(true);
    let plan = world.asked(json!({ "plan": {} })).await;
    assert_eq!((&plan["letters"], &plan["forecast"]), (&json!(1), &json!(null)));
    assert!(plan["forecast_problem"].as_str().unwrap().contains("told to be away"), "{plan}");
    world.memory.evidence.set_away(false);
    redrive(&world, &plan).await;
}

#[tokio::test]
async fn a_sink_whose_table_is_not_known_here_is_not_known() {
    let (world, _) = world();
    add_event(&world, "sink", &order(1, 1, json!(1), ""), "e");
    world.memory.evidence.hide("rows");
    let told = world.asked(json!({ "plan": {} })).await["forecast"]["sinks"].clone();
    let not_known = ["rows", "latest"].map(|sink| told[sink]["not_known"].clone());
    assert_eq!(not_known, [json!(1), json!(0)], "{told}");
    let row = Proof::Row { sink: "rows".to_owned(), pk: "any".to_owned() };
    let found = block(letters::Evidence::find(&world.memory.evidence, &[row])).unwrap();
    assert_eq!(found, [letters::Found::Unseen]);
}

/// Enrichers are asked again, so their earlier answers are removed from the payload.
#[tokio::test]
async fn what_goes_back_to_enrich_goes_without_the_answers() {
    let (world, _) = world();
    let plain = order(1, 1, json!(1), "");
    let mut answered = plain.clone();
    answered["rate"] = json!({ "eur": "1.10" });
    let mut enriched = envelope(&plain, "e");
    enriched.data = serde_json::from_str(&answered.to_string()).unwrap();
    enriched.degraded = Some("rates".to_owned());
    world.add("sink", &enriched.to_json().unwrap());
    for plan in [json!({ "plan": { "to": "enrich" } }), json!({ "plan": {} })] {
        let plan = world.asked(plan).await;
        redrive(&world, &plan).await;
        let id = world.memory.store.letters().into_keys().next().unwrap();
        World::come_back(&world.memory, &id);
    }
    let sent = |stage: &str| world.memory.queues.sent_to(&queue(stage)).remove(0).body;
    let to_enrich = event::Envelope::from_json(&sent("enrich")).unwrap();
    let data: Value = serde_json::from_str(to_enrich.data.get()).unwrap();
    assert_eq!((data, to_enrich.degraded), (plain, None));
    assert_eq!(to_enrich.fingerprint, enriched.fingerprint);
    assert_eq!(to_enrich.idempotencykey, enriched.idempotencykey);
    assert_eq!(to_enrich.ingesttime, enriched.ingesttime);
    let to_sink = event::Envelope::from_json(&sent("sink")).unwrap();
    let data: Value = serde_json::from_str(to_sink.data.get()).unwrap();
    assert_eq!((data, to_sink.degraded.as_deref()), (answered, Some("rates")), "as it was");
}
