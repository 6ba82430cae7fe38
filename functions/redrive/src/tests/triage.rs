//! The rules of contracts: what they do, and what limits and stops them.

use event::Envelope;
use serde_json::json;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// A world whose contract of flights has these rules.
fn world(rules: &str) -> World {
    let yaml = format!(
        "
dataset: flights
description: Flights
owner: ops
schema: {{version: 1, file: v1.schema.json}}
keys: {{idempotency: [/id], business: [/id], event_time: /at}}
sinks: [{{name: records, kind: table}}]
triage:
{rules}"
    );
    let files = BTreeMap::from([("v1.schema.json".to_owned(), "{}".to_owned())]);
    let mut world = World::new();
    world.redrive.contracts.add("flights", &yaml, &files).unwrap();
    world
}

impl World {
    /// Invokes the function a minute later, as the schedule does. Waiting runs are driven first.
    async fn minute(&self) -> Value {
        self.memory.clock.advance(MINUTE);
        self.asked(json!({ "work": {} })).await["triage"].clone()
    }

    async fn runs(&self) -> Vec<Value> {
        self.asked(json!({ "history": {} })).await["runs"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn each_letter_goes_by_the_first_rule_that_is_for_its_cause() {
    let world = world(
        "
  - {when: {stage: enrich}, then: quarantine}
  - {when: {code: contract.violation}, then: redrive, wait: 10m}
  - {when: {stage: [sink, enrich]}, then: quarantine}
",
    );
    let enrich = world.add("enrich", "enrich");
    let sink = world.add("sink", "sink");
    let conflict = world.add_with("sink", "conflict", |entry| entry.code = Code::Conflict);
    let other = world.add_with("sink", "other", |entry| entry.dataset = Some("weather".to_owned()));
    let unknown = world.add_with("sink", "unknown", |entry| entry.dataset = None);
    let all = [enrich, sink, conflict, other, unknown];
    let states = || all.each_ref().map(|id| world.state_of(id));
    let acts = world.minute().await;
    assert_eq!(states(), ["quarantined", "dead", "quarantined", "dead", "dead"], "{acts}");
    assert_eq!(acts.as_array().unwrap().len(), 2, "{acts}");
    assert_eq!(
        world.audited(),
        [
            "quarantine intent triage",
            "quarantine done triage",
            "quarantine intent triage",
            "quarantine done triage"
        ]
    );
    for _ in 0..9 {
        assert_eq!(world.minute().await, json!([]), "it is not 10 minutes old, nor older");
    }
    let acts = world.minute().await;
    assert_eq!(acts[0]["letters"], json!(1), "{acts}");
    let runs = world.runs().await;
    assert_eq!(runs.len(), 1);
    assert_eq!((&runs[0]["by"], &runs[0]["letters"]), (&json!("triage"), &json!(1)), "{runs:?}");
    assert!(runs[0]["why"].as_str().unwrap().contains("rule 2 of the contract flights"));
    assert_eq!(runs[0]["pace"], json!(letters::Pace::default()));
    assert_eq!(world.memory.invoked_later.lock().unwrap().len(), 1, "it goes on by itself");
    world.minute().await;
    assert_eq!(states(), ["quarantined", "redriven", "quarantined", "dead", "dead"]);
    let ends =
        ["redrive intent triage", "redrive done triage", "ended intent triage"].map(str::to_owned);
    assert_eq!(world.audited()[4..], ends);
}

#[tokio::test]
async fn a_rule_waits_for_open_breakers() {
    let world = world("  - {when: {stage: sink}, then: redrive-when-closed}\n");
    world.add("sink", "one");
    *world.memory.open_breaker.lock().unwrap() = Some("weather".to_owned());
    for _ in 0..3 {
        assert_eq!(world.minute().await, json!([]));
    }
    assert!(world.runs().await.is_empty());
    *world.memory.open_breaker.lock().unwrap() = None;
    assert_eq!(world.minute().await[0]["letters"], json!(1));
}

#[tokio::test]
async fn a_group_is_told_of_once_an_hour_and_not_while_it_is_muted() {
    let world = world("  - {when: {code: contract.violation}, then: notify}\n");
    world.add("sink", "one");
    world.add("sink", "two");
    world.add("enrich", "three");
    let told = |acts: &Value| acts[0]["told"].as_array().map_or(0, Vec::len);
    let first = world.minute().await;
    assert_eq!(told(&first), 2, "{first}");
    let mut counts: Vec<&Value> =
        first[0]["told"].as_array().unwrap().iter().map(|it| &it["letters"]).collect();
    counts.sort_by_key(|count| count.as_u64());
    assert_eq!(counts, [&json!(1), &json!(2)]);
    let group = first[0]["told"][0]["group"].clone();
    let until = world.memory.clock.now().plus(90 * MINUTE);
    world.asked(json!({ "mute": { "group": group, "why": "known", "until": until } })).await;
    let mut times = Vec::new();
    for minute in 1..=130 {
        let acts = world.minute().await;
        if told(&acts) > 0 {
            times.push((minute, told(&acts)));
        }
    }
    assert_eq!(times, [(60, 1), (90, 1), (120, 1)], "each an hour after it was told last");
    let nothing_done: Vec<String> =
        world.audited().into_iter().filter(|it| it.contains("triage")).collect();
    assert_eq!(nothing_done, Vec::<String>::new());
}

/// A rule has one run at a time, of as many letters as the rule says.
#[tokio::test]
async fn a_rule_redrives_so_many_letters_and_no_more_while_its_run_is_not_over() {
    let world = world("  - {when: {stage: sink}, then: redrive, most: 3}\n");
    for n in 0..8 {
        world.add("sink", &format!("letter {n}"));
    }
    world.minute().await;
    let run = world.runs().await[0]["run"].as_str().unwrap().to_owned();
    world.asked(json!({ "pause": { "run": run, "why": "lunch" } })).await;
    for _ in 0..5 {
        assert_eq!(world.minute().await, json!([]), "an operator has paused its run");
    }
    assert_eq!(world.runs().await.len(), 1);
    world.asked(json!({ "resume": { "run": run, "why": "on" } })).await;
    for _ in 0..6 {
        world.minute().await;
    }
    let mut sizes: Vec<u64> =
        world.runs().await.iter().map(|run| run["letters"].as_u64().unwrap()).collect();
    sizes.reverse();
    assert_eq!(sizes, [3, 3, 2]);
    assert_eq!(world.memory.queues.sent_to(SINK).len(), 8);
}

/// The limit holds also if one page of the index has more letters.
#[tokio::test]
async fn a_rule_for_one_letter_at_a_time_plans_one() {
    let world = world("  - {when: {stage: sink}, then: redrive, most: 1}\n");
    for n in 0..100 {
        world.add("sink", &format!("letter {n}"));
    }
    assert_eq!(world.minute().await[0]["letters"], json!(1));
}

/// A letter that an earlier rule is for is not redriven.
#[tokio::test]
async fn a_redrive_takes_nothing_that_an_earlier_rule_is_for() {
    let world = world(
        "
  - {when: {stage: enrich}, then: notify}
  - {when: {code: contract.violation}, then: redrive}
",
    );
    let (enrich, sink) = (world.add("enrich", "one"), world.add("sink", "two"));
    world.minute().await;
    world.minute().await;
    assert_eq!([enrich, sink].map(|id| world.state_of(&id)), ["dead", "redriven"]);
}

#[tokio::test]
async fn most_letters_are_quarantined_at_a_time() {
    let world = world("  - {when: {stage: sink}, then: quarantine, most: 3}\n");
    let all: Vec<LetterId> = (0..8).map(|n| world.add("sink", &format!("{n}"))).collect();
    let mut left = Vec::new();
    for _ in 0..4 {
        world.minute().await;
        left.push(all.iter().filter(|id| world.state_of(id) == "dead").count());
    }
    assert_eq!(left, [5, 2, 0, 0]);
}

#[tokio::test]
async fn what_came_back_from_two_redrives_is_left_to_people() {
    let world = world("  - {when: {stage: sink}, then: redrive}\n");
    let id = world.add("sink", "one");
    for life in 1..=2 {
        assert_eq!(world.minute().await[0]["letters"], json!(1), "life {life}");
        world.minute().await;
        assert_eq!(world.state_of(&id), "redriven");
        World::come_back(&world.memory, &id);
    }
    for _ in 0..100 {
        assert_eq!(world.minute().await, json!([]));
    }
    assert_eq!((world.runs().await.len(), world.state_of(&id)), (2, "dead"));
    // Redrives by operators count too.
    let by_hand = world.add_with("sink", "two", |entry| entry.redrives = 2);
    assert_eq!(world.minute().await, json!([]));
    assert_eq!(world.state_of(&by_hand), "dead");
}

/// The calls of the two invocations alternate.
#[tokio::test]
async fn of_two_invocations_at_once_one_carries_the_rules_out() {
    for ahead in 0..40 {
        let world = world(
            "
  - {when: {stage: sink}, then: redrive}
  - {when: {stage: enrich}, then: notify}
",
        );
        world.add("sink", "one");
        world.add("enrich", "two");
        world.memory.clock.advance(MINUTE);
        let late = async {
            for _ in 0..ahead {
                tokio::task::yield_now().await;
            }
            world.asked(json!({ "work": {} })).await
        };
        let (one, other) = tokio::join!(world.asked(json!({ "work": {} })), late);
        let acted = [&one["triage"], &other["triage"]].map(|acts| acts.as_array().map(Vec::len));
        let mut acted: Vec<usize> = acted.into_iter().flatten().collect();
        acted.retain(|acts| *acts > 0);
        assert_eq!(acted, [2], "{one} {other}");
        assert_eq!(world.runs().await.len(), 1, "{ahead}");
    }
}

#[tokio::test]
async fn while_it_is_halted_no_rule_does_anything() {
    let world = world(
        "
  - {when: {stage: sink}, then: redrive}
  - {when: {stage: enrich}, then: quarantine}
  - {when: {stage: lake}, then: notify}
",
    );
    let start = json!({ "start-triage": { "why": "it is over" } });
    let refused = world.ask(start.clone()).await.unwrap_err();
    assert_eq!(refused.status(), 409, "{refused:?}");
    let ids = ["sink", "enrich", "lake"].map(|stage| world.add(stage, stage));
    assert_eq!(world.asked(json!({ "list": {} })).await["triage"]["halted"], Value::Null);
    world.asked(json!({ "stop": { "why": "storm" } })).await;
    world.asked(json!({ "stop": { "why": "once more" } })).await;
    let halted = world.asked(json!({ "list": {} })).await["triage"]["halted"].clone();
    assert_eq!((&halted["by"], &halted["why"]), (&json!("ann"), &json!("storm")), "{halted}");
    for _ in 0..5 {
        assert_eq!(world.minute().await, Value::Null);
    }
    assert!(ids.iter().all(|id| world.state_of(id) == "dead"));
    world.asked(start).await;
    assert_eq!(world.asked(json!({ "list": {} })).await["triage"]["halted"], Value::Null);
    assert_eq!(world.minute().await.as_array().unwrap().len(), 3);
    let acts = world.audited();
    let starts = ["start-triage intent ann", "start-triage done ann"];
    assert_eq!(acts.iter().filter(|act| starts.contains(&act.as_str())).count(), 2, "{acts:?}");
}

/// Whenever the halt comes, no run of a rule continues.
#[tokio::test]
async fn a_halt_in_the_middle_of_a_round_leaves_no_run_that_goes_on() {
    let mut begun = 0;
    for ahead in 0..150 {
        let world = world(
            "
  - {when: {stage: sink}, then: redrive}
  - {when: {stage: enrich}, then: quarantine}
",
        );
        world.add("sink", "one");
        world.add("enrich", "two");
        world.memory.clock.advance(MINUTE);
        let stop = async {
            for _ in 0..ahead {
                tokio::task::yield_now().await;
            }
            world.asked(json!({ "stop": { "why": "storm" } })).await
        };
        tokio::join!(world.asked(json!({ "work": {} })), stop);
        for run in world.runs().await {
            assert_eq!(run["state"], json!("paused"), "{ahead}: {run}");
            begun += 1;
        }
        let acts = world.audited();
        let after = acts.iter().skip_while(|act| *act != "stop done ann");
        let after: Vec<&String> = after.filter(|act| act.contains("quarantine intent")).collect();
        assert_eq!(after, Vec::<&String>::new(), "{ahead}: {acts:?}");
        assert_eq!(world.minute().await, Value::Null, "{ahead}");
        assert_eq!(world.memory.queues.sent_to(SINK).len(), 0, "{ahead}");
    }
    assert!((1..150).contains(&begun), "both before and after the run: {begun}");
}

fn envelope(data: Value) -> String {
    let text = r#"{"specversion":"1.0","envelopeversion":2,"id":"e1:1","source":"s","type":"sluicegate.flights","time":"2013-01-01T10:00:00.000Z","dataschema":"flights/1","datacontenttype":"application/json","dataset":"flights","idempotencykey":"ab","fingerprint":"cd","ingesttime":"2026-01-01T00:00:00.000Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","data":DATA}"#;
    text.replace("DATA", &data.to_string())
}

#[tokio::test]
async fn a_letter_that_the_fix_does_not_fit_is_left_out_and_the_others_go() {
    let world = world(
        "  - {when: {stage: sink}, then: redrive, fix: [{op: move, from: /distence, path: /distance}]}\n",
    );
    let at = "2026-01-01T00:00:00Z";
    let fits = world.add("sink", &envelope(json!({ "id": 1, "at": at, "distence": 7 })));
    let other = world.add("sink", &envelope(json!({ "id": 2, "at": at })));
    let broken = world.add("sink", "no envelope");
    let unrouted = world.add_with("sink", &envelope(json!({ "id": 3, "at": at })), |entry| {
        entry.dataset = Some("weather".to_owned());
    });
    let acts = world.minute().await;
    assert_eq!((&acts[0]["letters"], &acts[0]["left_out"]), (&json!(1), &json!(2)), "{acts}");
    let acts = world.minute().await;
    let states = [&fits, &other, &broken, &unrouted].map(|id| world.state_of(id));
    assert_eq!(states, ["redriven", "dead", "dead", "dead"]);
    let sent = world.memory.queues.sent_to(SINK);
    let [message] = &sent[..] else { panic!("{sent:?}") };
    let fixed = Envelope::from_json(&message.body).unwrap();
    let data: Value = serde_json::from_str(fixed.data.get()).unwrap();
    assert_eq!(data, json!({ "id": 1, "at": at, "distance": 7 }));
    // Letters that do not fit are not read again each minute.
    assert_eq!((&acts[0]["letters"], &acts[0]["left_out"]), (&json!(0), &json!(2)), "{acts}");
    for _ in 0..59 {
        assert_eq!(world.minute().await, json!([]));
    }
    assert_eq!(world.minute().await[0]["left_out"], json!(2));
    assert_eq!(world.runs().await.len(), 1);
}

/// A letter that cannot be sent does not stop the others.
#[tokio::test]
async fn a_letter_without_a_way_back_is_left_out() {
    let world = world("  - {when: {code: contract.violation}, then: redrive}\n");
    let (sink, retired) = (world.add("sink", "one"), world.add("retired", "two"));
    world.minute().await;
    world.minute().await;
    assert_eq!([sink, retired].map(|id| world.state_of(&id)), ["redriven", "dead"]);
}

#[tokio::test]
async fn no_rule_acts_without_a_record() {
    let world = world(
        "
  - {when: {stage: sink}, then: redrive}
  - {when: {stage: enrich}, then: quarantine}
",
    );
    let ids = ["sink", "enrich"].map(|stage| world.add(stage, stage));
    *world.memory.audit.is_away.lock().unwrap() = true;
    assert_eq!(world.minute().await, json!([]));
    assert!(world.runs().await.is_empty());
    assert!(ids.iter().all(|id| world.state_of(id) == "dead"));
    *world.memory.audit.is_away.lock().unwrap() = false;
    assert_eq!(world.minute().await.as_array().unwrap().len(), 2);
}
