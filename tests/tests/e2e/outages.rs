//! A service that is away is no failure of the event: it waits.

use std::time::Duration;

use emulation::clock::Clock;
use http::Method;
use serde_json::Value;
use sluicegate_tests::{
    Edit, SIGNED, Settings, World, answering_instead, ask, flights, lines, status,
};

const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

/// The weather, which answers with 503 for so long from now.
async fn world_without_weather(time: Duration, edits: &[(&'static str, Edit)]) -> (World, Clock) {
    let clock = Clock::system();
    let (until_ms, now) =
        (clock.now_ms() + u64::try_from(time.as_millis()).unwrap(), clock.clone());
    let away = move || (now.now_ms() < until_ms).then(|| status("503 Service Unavailable", ""));
    let weather_url = Some(answering_instead(away).await);
    let settings = Settings {
        weather_url,
        clock: Some(clock.clone()),
        contract_edits: edits.to_vec(),
        ..Settings::default()
    };
    (World::start_with(settings).await, clock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_an_hour_without_the_weather_leaves_no_dead_letter() {
    let (world, clock) = world_without_weather(HALF_AN_HOUR, &[]).await;
    let sample = flights(0, 40);
    let began_ms = clock.now_ms();
    world.send_flights(&sample);
    world.settle().await;

    let took = Duration::from_millis(clock.now_ms() - began_ms);
    assert!(took >= HALF_AN_HOUR, "{took:?}");
    world.assert_written_once(&sample);
    for queue in ["InboxDlq", "EnrichDlq", "SinkDlq", "LakeDlq"] {
        world.assert_letters(queue, &[]);
    }
    // One line tells of all records of a batch that are parked, and the retries of the first minute are few.
    let parked = world.logs.sum("enrich", "events.parked");
    assert!(parked >= 3 * 40, "{parked}");
    let lines = world.logs.lines_with("records parked").len();
    assert!(lines > 0 && u64::try_from(lines).unwrap() < parked, "{lines} for {parked}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_too_many_events_wait_requests_are_told_so_and_files_wait_too() {
    let bounded = Edit {
        old: "idempotency_days: 30",
        new: "idempotency_days: 30\nbacklog: {limit: 20, retry_after_s: 90}",
    };
    let (world, _) =
        world_without_weather(HALF_AN_HOUR, &[("flights/contract.yaml", bounded)]).await;
    let sample = flights(0, 60);
    let (waiting, file) = sample.split_at(50);
    world.send_flights(waiting);
    world.rest().await;
    // Until then they are hidden, and not delayed.
    world.pass_minutes(3).await;
    world.rest().await;

    let url = format!("{}/flights", world.output("IngestUrl").trim_end_matches('/'));
    let headers = [("content-type", "application/json"), SIGNED];
    let (status, headers, problem) = ask(Method::POST, &url, &headers, file[0].line.clone()).await;
    assert_eq!((status, &headers["retry-after"]), (429, &"90".parse().unwrap()), "{problem}");
    assert_eq!(problem["code"], Value::from("backlog.full"));
    world.land("flights/waits.ndjson", lines(file));
    world.rest().await;
    assert_eq!(world.logs.sum("ingest", "events.parked"), 1);
    world.settle().await;

    world.assert_written_once(&sample);
    for queue in ["InboxDlq", "EnrichDlq", "SinkDlq", "LakeDlq"] {
        world.assert_letters(queue, &[]);
    }
    world.end().await;
}
