//! A service that is away is no failure of the event: it waits.

use std::time::Duration;

use emulation::clock::Clock;
use sluicegate_tests::{Settings, World, answering_instead, flights, status};

const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

/// The weather, which answers with 503 for so long from now.
async fn world_without_weather(time: Duration) -> (World, Clock) {
    let clock = Clock::system();
    let (until_ms, now) =
        (clock.now_ms() + u64::try_from(time.as_millis()).unwrap(), clock.clone());
    let away = move || (now.now_ms() < until_ms).then(|| status("503 Service Unavailable", ""));
    let weather_url = Some(answering_instead(away).await);
    let settings = Settings { weather_url, clock: Some(clock.clone()), ..Settings::default() };
    (World::start_with(settings).await, clock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_an_hour_without_the_weather_leaves_no_dead_letter() {
    let (world, clock) = world_without_weather(HALF_AN_HOUR).await;
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
