//! A service that is away is no failure of the event: it waits, and is a dead letter only after patience.

use std::time::Duration;

use event::{Code, Timestamp};
use local::clock::Clock;
use tests::{Settings, World, answering_instead, flights, status};

const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);
const PATIENCE: Duration = Duration::from_secs(45 * 60);

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_stays_away_ends_in_dead_letters_that_say_how_long_it_was_tried() {
    let (world, _) = world_without_weather(Duration::from_secs(1_000_000)).await;
    let sample = flights(0, 20);
    world.send_flights(&sample);
    world.settle().await;

    world.assert_written_once(&[]);
    let letters = world.letters("EnrichDlq");
    assert_eq!(letters.len(), sample.len());
    let mut ids: Vec<&str> = Vec::new();
    for letter in &letters {
        let failure = letter.failure.as_ref().unwrap_or_else(|| panic!("SQS moved {letter}"));
        assert_eq!((failure.code, failure.attempts), (Code::DependencyUnavailable, 15), "{letter}");
        assert!((8..15).contains(&failure.parks), "{letter}");
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let tried = time(&failure.last_failed_at).since(time(&failure.first_failed_at));
        assert!(tried >= PATIENCE && tried <= 3 * PATIENCE, "{tried:?}: {letter}");
        ids.push(&failure.message_id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), sample.len(), "each letter is of its own first message");
    world.end().await;
}
