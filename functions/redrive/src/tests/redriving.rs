//! Runs: what they send, how fast, and what stops them.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

fn unlimited() -> Value {
    json!(letters::Pace::unlimited())
}

#[tokio::test]
async fn letters_go_back_to_where_they_failed_as_they_were_and_say_what_brings_them_back() {
    let world = World::new();
    let ids = [world.add("sink", "one"), world.add("sink", "two"), world.add("enrich", "three")];
    let run = world.begin(unlimited()).await;
    assert_eq!(world.memory.invoked_later.lock().unwrap().len(), 1, "it goes on by itself");
    world.work(&run).await;
    let sink = world.memory.queues.sent_to(SINK);
    let bodies: BTreeSet<&str> = sink.iter().map(|message| message.body.as_str()).collect();
    assert_eq!(bodies, ["one", "two"].into());
    assert_eq!(world.memory.queues.sent_to(ENRICH).len(), 1);
    for message in &sink {
        let (letter, life) = life_of(message);
        assert!(ids.iter().any(|id| id.0 == letter));
        assert_eq!((life.run.0.as_str(), life.count), (run.as_str(), 1));
        assert_eq!(message.attributes["a"].value, "v");
        assert_eq!(DeadLetter::read(&message.attributes).unwrap().redrives, 1);
    }
    let status = world.status(&run).await;
    assert_eq!((&status["state"], &status["sent"]), (&json!("done"), &json!(3)), "{status}");
    assert!(ids.iter().all(|id| world.state_of(id) == "redriven"));
    assert_eq!(
        world.audited(),
        ["redrive intent ann", "redrive done ann", "ended intent ann"],
        "who began it, and how it ended"
    );
}

#[tokio::test]
async fn what_comes_after_the_plan_or_was_changed_since_is_left_out() {
    let world = World::new();
    let (planned, discarded) = (world.add("sink", "planned"), world.add("sink", "discarded"));
    let plan = world.asked(json!({ "plan": {} })).await["plan"].clone();
    let late = world.add("sink", "late");
    let select = json!({ "letters": [discarded] });
    world.asked(json!({ "discard": { "select": select, "why": "x", "apply": true } })).await;
    let verb = json!({ "redrive": { "plan": plan, "why": "x", "pace": unlimited() } });
    let run = world.asked(verb).await["run"].as_str().unwrap().to_owned();
    world.work(&run).await;
    let status = world.status(&run).await;
    assert_eq!((&status["sent"], &status["skipped"]), (&json!(1), &json!(1)), "{status}");
    let states = [planned, discarded, late].map(|id| world.state_of(&id));
    assert_eq!(states, ["redriven", "discarded", "dead"]);
}

/// A wrong fix fails only as many letters as the canary has.
#[tokio::test]
async fn a_canary_that_comes_back_stops_the_run() {
    let world = World::new();
    for n in 0..200 {
        world.add("sink", &format!("letter {n}"));
    }
    let run = world.begin(json!({ "canary": 10 })).await;
    let memory = world.memory.clone();
    memory.depths.lock().unwrap().insert(SINK.to_owned(), 10);
    let fail = move || {
        let (letter, _) = life_of(&memory.queues.sent_to(SINK)[0]);
        World::come_back(&memory, &LetterId(letter));
    };
    world.memory.meanwhile.lock().unwrap().push(Box::new(fail));
    world.work(&run).await;
    let status = world.status(&run).await;
    assert_eq!((&status["state"], &status["sent"]), (&json!("paused"), &json!(10)), "{status}");
    assert_eq!(status["came_back"], json!(1));
    assert!(status["note"].as_str().unwrap().contains("came back"), "{status}");
    assert_eq!(world.memory.queues.sent_to(SINK).len(), 10);
    // Nothing more is sent until an operator resumes the run.
    world.asked(json!({ "work": {} })).await;
    assert_eq!(world.memory.queues.sent_to(SINK).len(), 10);
    world.memory.depths.lock().unwrap().clear();
    world.asked(json!({ "resume": { "run": run, "why": "one of its own kind" } })).await;
    for _ in 0..20 {
        world.work(&run).await;
    }
    assert_eq!(world.status(&run).await["state"], json!("done"));
    let sent: BTreeSet<String> =
        world.memory.queues.sent_to(SINK).iter().map(|message| message.body.clone()).collect();
    assert_eq!(sent.len(), 200);
}

/// The queues are empty then, as if all letters had succeeded.
#[tokio::test]
async fn a_letter_that_comes_back_while_the_queues_are_looked_at_is_not_taken_for_done() {
    let world = World::new();
    for n in 0..30 {
        world.add("sink", &format!("letter {n}"));
    }
    // The backlog is not looked at, so the first depth that is read is that of the canary.
    let run = world.begin(json!({ "canary": 10, "most_waiting": 0 })).await;
    let memory = world.memory.clone();
    let fail = move || {
        for message in memory.queues.sent_to(SINK) {
            World::come_back(&memory, &LetterId(life_of(&message).0));
        }
    };
    world.memory.on_depth.lock().unwrap().push(Box::new(fail));
    world.work(&run).await;
    let status = world.status(&run).await;
    assert_eq!((&status["state"], &status["sent"]), (&json!("paused"), &json!(10)), "{status}");
}

#[tokio::test]
async fn a_run_is_paused_resumed_and_cancelled_and_stop_pauses_all() {
    let world = World::new();
    for n in 0..40 {
        world.add("sink", &format!("letter {n}"));
    }
    let slow = json!({ "canary": 0, "rates": [1], "step_s": 3_600 });
    let run = world.begin(slow).await;
    let pause = |verb: &str| json!({ verb: { "run": run, "why": "lunch" } });
    world.asked(pause("pause")).await;
    world.work(&run).await;
    assert_eq!(world.memory.queues.sent_to(SINK).len(), 0);
    let refused = world.ask(pause("pause")).await.unwrap_err();
    assert!(refused.detail.contains("paused"), "{refused:?}");
    world.asked(pause("resume")).await;
    let stopped = world.asked(json!({ "stop": { "why": "all of it" } })).await;
    assert_eq!(stopped["stopped"].as_array().unwrap().len(), 1, "{stopped}");
    assert!(world.status(&run).await["note"].as_str().unwrap().contains("all of it"));
    world.asked(pause("cancel")).await;
    world.work(&run).await;
    assert_eq!(world.status(&run).await["state"], json!("cancelled"));
    assert_eq!(world.memory.queues.sent_to(SINK).len(), 0);
    let letters = world.asked(json!({ "groups": {} })).await["letters"].clone();
    assert_eq!(letters, json!(40), "all of them are dead still");
}

#[tokio::test]
async fn it_waits_while_a_breaker_is_open() {
    let world = World::new();
    world.add("sink", "one");
    let run = world.begin(json!({ "canary": 0, "rates": [] })).await;
    *world.memory.open_breaker.lock().unwrap() = Some("weather".to_owned());
    world.work(&run).await;
    assert_eq!(world.memory.queues.sent_to(SINK).len(), 0);
    let status = world.status(&run).await;
    assert!(status["note"].as_str().unwrap().contains("weather"), "{status}");
    *world.memory.open_breaker.lock().unwrap() = None;
    world.memory.clock.advance(Duration::from_secs(120));
    world.work(&run).await;
    assert_eq!(world.memory.queues.sent_to(SINK).len(), 1);
}

#[tokio::test]
async fn a_letter_that_no_queue_takes_is_left_dead_and_the_others_go() {
    let world = World::new();
    let (large, small) = (world.add("sink", "large"), world.add("sink", "small"));
    world.memory.queues.refuse(|_, message| {
        let is_large = message.body == "large";
        is_large.then(|| Failure::permanent(Code::SizeExceeded, "too large"))
    });
    let run = world.begin(unlimited()).await;
    world.work(&run).await;
    let status = world.status(&run).await;
    assert_eq!((&status["state"], &status["sent"]), (&json!("done"), &json!(1)), "{status}");
    assert_eq!([large, small].map(|id| world.state_of(&id)), ["dead", "redriven"]);
}

/// A letter that an unavailable queue may have taken is sent again in the same life.
#[tokio::test]
async fn a_queue_that_is_away_is_asked_again() {
    let world = World::new();
    world.add("sink", "one");
    let tries = Arc::new(Mutex::new(0));
    world.memory.queues.refuse(move |_, _| {
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        (*tries <= 3).then(|| Failure::transient(Code::DependencyUnavailable, "away"))
    });
    let run = world.begin(unlimited()).await;
    world.work(&run).await;
    assert_eq!(world.status(&run).await["sent"], json!(1));
    assert_eq!(world.memory.queues.sent_to(SINK).len(), 1);
}

#[tokio::test]
async fn nothing_begins_of_which_there_is_no_record() {
    let world = World::new();
    world.add("sink", "one");
    let plan = world.asked(json!({ "plan": {} })).await["plan"].clone();
    *world.memory.audit.is_away.lock().unwrap() = true;
    let verb = json!({ "redrive": { "plan": plan, "why": "x" } });
    let refused = world.ask(verb).await.unwrap_err();
    assert!(refused.detail.contains("nothing was changed"), "{refused:?}");
    *world.memory.audit.is_away.lock().unwrap() = false;
    let runs = world.asked(json!({ "history": {} })).await["runs"].clone();
    assert_eq!(runs, json!([]));
}

/// All letters are sent and in queues. The stages give back those that they receive after the cancellation.
#[tokio::test]
async fn a_run_that_has_sent_everything_can_be_cancelled_behind_itself() {
    let world = World::new();
    world.add("sink", "one");
    let run = world.begin(unlimited()).await;
    world.work(&run).await;
    assert_eq!(world.status(&run).await["state"], json!("done"));
    world.asked(json!({ "cancel": { "run": run, "why": "the fix is wrong" } })).await;
    let status = world.status(&run).await;
    assert_eq!(status["state"], json!("cancelled"), "{status}");
    assert!(status["note"].as_str().unwrap().contains("the fix is wrong"), "{status}");
    let refused = world.ask(json!({ "cancel": { "run": run, "why": "again" } })).await;
    assert!(refused.unwrap_err().detail.contains("is cancelled"));
}

/// The letters are more than fit into memory together.
#[tokio::test]
async fn letters_of_nearly_a_megabyte_each_are_all_sent_whole() {
    let world = World::new();
    let mut bodies = BTreeSet::new();
    for n in 0..40 {
        let body = format!("{n} {}", "x".repeat(400_000));
        world.add("sink", &body);
        bodies.insert(body);
    }
    let run = world.begin(unlimited()).await;
    world.work(&run).await;
    let sent = world.memory.queues.sent_to(SINK);
    assert_eq!(sent.len(), 40);
    assert_eq!(sent.into_iter().map(|message| message.body).collect::<BTreeSet<_>>(), bodies);
    assert_eq!(world.status(&run).await["sent"], json!(40));
}
