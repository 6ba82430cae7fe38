//! Runbooks for load, for slow or refusing services, and for trouble of AWS itself.

use emulation::faults::Plan;
use event::Code;
use serde_json::json;
use sluicegate_tests::{Settings, World, flights};

use super::{check_ended_well, follow, run, steps};

/// A redrive of 200 letters takes ten seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_makes_room_for_live_events_and_goes_on_after_them() {
    let world = World::start().await;
    let sample = flights(0, 200);
    world.bury(&sample);
    world.settle().await;
    let plan = world.ask_redrive(&json!({ "plan": {} })).await["plan"].clone();
    let pace = json!({ "canary": 0, "rates": [20], "most_per_second": 20, "most_waiting": 0 });
    let verb = json!({ "redrive": { "plan": plan, "why": "mended", "pace": pace } });
    let _ = world.try_redrive(&verb).await;
    let printed = check_ended_well(follow(&world, "backpressure.md").await);
    assert!(printed.contains("paused"), "{printed}");
    world.settle().await;
    world.assert_written_once(&sample);
    world.assert_letters("InboxDlq", &[]);
    world.end().await;
}

/// Somebody keeps calls away from a slow service, and events wait without becoming dead letters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_wait_while_a_slow_service_is_spared() {
    let world = World::start().await;
    let sample = flights(0, 60);
    let slow = "faults: [{fault: host-slow, on: weather, by: 1s}]";
    world.emulation().adversary().add(&Plan::parse(slow).unwrap());
    world.send_flights(&sample[..30]);
    let mut printed = String::new();
    for step in steps("slower.md") {
        printed.push_str(&check_ended_well(run(&world, &step, &[]).await));
        if step.contains("force-open") {
            world.emulation().adversary().clear();
            world.send_flights(&sample[30..]);
            let is_spared = |world: &World| world.logs.sum("enrich", "events.parked") > 0;
            world.wait_until("events wait", is_spared).await;
        }
    }
    world.settle().await;
    assert!(printed.contains("weather is now forced-open"), "{printed}");
    world.assert_written_once(&sample);
    for queue in ["InboxDlq", "EnrichDlq", "SinkDlq"] {
        world.assert_letters(queue, &[]);
    }
    world.end().await;
}

/// The service has another token than the one that is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_service_refused_is_delivered_once_its_token_is_renewed() {
    let world = World::start_with(Settings { datasets: &["guarded"], ..Settings::default() }).await;
    let secret = |token: &str| json!({ "token": token }).to_string();
    world.emulation().secrets().put("sluicegate/guarded", &secret("expired")).unwrap();
    world.weather().require_token("renewed");
    for hour in 10..15 {
        let time = format!("2013-01-01T{hour}:00:00Z");
        let observation = json!({ "origin": "EWR", "time_hour": time, "temp": 1.5 });
        world.send("Inbox", &observation.to_string(), &[("dataset", "guarded")]);
    }
    world.settle().await;
    world.assert_codes("DeliverDlq", &[Code::DependencyUnavailable]);
    assert_eq!(world.weather().deliveries().len(), 0);
    // What step 2 of the page says.
    world.emulation().secrets().put("sluicegate/guarded", &secret("renewed")).unwrap();
    let commands = steps("expired-credentials.md").concat();
    check_ended_well(run(&world, &commands, &[("service", "guarded")]).await);
    world.settle().await;
    assert_eq!(world.weather().deliveries().len(), 5);
    world.assert_letters("DeliverDlq", &[]);
    world.end().await;
}

/// The table refuses all writes for longer than an event is tried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_region_in_trouble_left_is_redriven_when_it_is_well() {
    let world = World::start().await;
    let sample = flights(0, 30);
    let away = "faults: [{fault: error, on: dynamodb.TransactWriteItems, from: SinkFunction}]";
    world.emulation().adversary().add(&Plan::parse(away).unwrap());
    world.send_flights(&sample);
    world.settle().await;
    world.assert_codes("SinkDlq", &[Code::DependencyUnavailable]);
    world.emulation().adversary().clear();
    let printed = check_ended_well(follow(&world, "region-trouble.md").await);
    assert!(printed.contains("dependency.unavailable"), "{printed}");
    world.settle().await;
    world.assert_written_once(&sample);
    world.assert_in_totals(&sample);
    world.assert_letters("SinkDlq", &[]);
    world.end().await;
}

/// The sink crashes with most of its batches, and what it had comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_crashes_loses_nothing() {
    let world = World::start().await;
    let sample = flights(0, 60);
    let crashing = "faults: [{fault: kill, on: SinkFunction, at: call, times: 3}]";
    world.emulation().adversary().add(&Plan::parse(crashing).unwrap());
    world.send_flights(&sample);
    let printed = check_ended_well(follow(&world, "function-fails.md").await);
    assert!(printed.contains("SinkQueue"), "{printed}");
    world.settle().await;
    world.assert_written_once(&sample);
    world.end().await;
}

/// The table of letters refuses for a while, and the collector leaves them where they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_that_were_not_collected_are_once_they_can_be() {
    let world = World::start().await;
    let away = "faults: [{fault: error, on: dynamodb, from: CollectFunction}]";
    world.emulation().adversary().add(&Plan::parse(away).unwrap());
    world.send("Inbox", "{}", &[("dataset", "flights")]);
    world.wait_until("a letter waits", |world| !world.letters("InboxDlq").is_empty()).await;
    world.emulation().adversary().clear();
    let commands = steps("letters-not-collected.md");
    check_ended_well(run(&world, &commands[0], &[]).await);
    world.settle().await;
    let printed = check_ended_well(run(&world, &commands[1..].concat(), &[]).await);
    assert!(printed.contains("key.missing") || printed.contains("contract.violation"), "{printed}");
    world.end().await;
}
