//! Services that are away for a while: events wait, or go on without, and the service is left alone.

use std::time::Duration;

use emulation::faults::Plan;
use event::Code;
use serde_json::{Value, json};
use sluicegate_tests::{Settings, World, flights};

/// The dead-letter queues that an outage of the weather could fill.
const DEAD_LETTERS: [&str; 3] = ["InboxDlq", "EnrichDlq", "DeliverDlq"];

/// How often it is looked whether a test may go on.
const LOOK: Duration = Duration::from_millis(10);

async fn world_with(fault: &str, datasets: &'static [&'static str]) -> World {
    let faults = Plan::parse(&format!("seed: 5\nfaults: [{fault}]")).unwrap();
    World::start_with(Settings { faults, datasets, ..Settings::default() }).await
}

/// The calls of the weather service, and those that went wrong.
fn calls(world: &World) -> (u64, u64) {
    let seconds = world.emulation().services().calls("weather");
    let calls = seconds.iter().map(|second| second.calls).sum();
    (calls, seconds.iter().map(|second| second.faults).sum())
}

fn assert_no_dead_letters(world: &World) {
    for queue in DEAD_LETTERS {
        world.assert_letters(queue, &[]);
    }
}

/// An outage of so many calls in vain at most, after which everything is as if it had not been.
async fn check_outage(fault: &str, most_in_vain: u64) {
    let world = world_with(fault, &[]).await;
    let sample = flights(0, 120);
    world.send_flights(&sample);
    world.settle().await;

    world.assert_written_once(&sample);
    assert_no_dead_letters(&world);
    let (all, faults) = calls(&world);
    let in_vain = all - u64::try_from(sample.len()).unwrap();
    assert!(
        (20..=most_in_vain).contains(&in_vain),
        "{in_vain} of {all} calls in vain, {faults} faults"
    );
    assert!(world.logs.sum("enrich", "events.parked") >= 100);
    let open = world.logs.lines_with(r#""breaker.state":"open""#);
    assert!(open.iter().any(|line| line.contains(r#""breaker.name":"weather""#)), "{open:?}");
    assert_eq!(world.logs.sum("enrich", "events.degraded"), degraded(&world));
    world.end().await;
}

/// Flights of hours that nobody observed.
fn degraded(world: &World) -> u64 {
    let records = world.records();
    let lacks = |record: &&Value| record["payload"]["weather"].is_null();
    u64::try_from(records.values().filter(lacks).count()).unwrap()
}

/// Without the breaker, each of 120 flights would be tried ten times in twenty minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_fails_is_left_alone_and_its_events_wait() {
    check_outage("{fault: host-failing, on: weather, for: 20m}", 150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_gone_is_left_alone_and_its_events_wait() {
    check_outage("{fault: host-away, on: weather, for: 20m}", 150).await;
}

/// Slower than the contract's limit of two seconds: each call in vain takes that long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_too_slow_is_left_alone_and_its_events_wait() {
    check_outage("{fault: host-slow, on: weather, by: 3s, for: 5m}", 150).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_can_do_without_go_on_during_an_outage() {
    let world = world_with("{fault: host-failing, on: weather, for: 2h}", &["authorized"]).await;
    let observations = testkit::sample_lines("weather.ndjson.gz");
    world.emulation().secrets().put("sluicegate/authorized", r#"{"token":"t"}"#).unwrap();
    let began_ms = world.emulation().now_ms();
    for observation in observations.iter().take(100) {
        world.send("Inbox", observation, &[("dataset", "authorized")]);
    }
    world.settle().await;
    let took_s = (world.emulation().now_ms() - began_ms) / 1_000;
    assert!(took_s < 600, "{took_s} s");
    assert_no_dead_letters(&world);
    let items = world.emulation().dynamodb().scan_all(world.name("RecordsTable")).unwrap();
    assert_eq!(items.len(), 100);
    assert_eq!(world.logs.sum("enrich", "events.degraded"), 100);
    let (all, faults) = calls(&world);
    assert!(all == faults && (20..=100).contains(&faults), "{faults} of {all} calls in vain");
    world.end().await;
}

/// A token that is not taken any more is read again, and says nothing of the service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_rotated_while_events_are_enriched_opens_no_breaker() {
    let datasets = &["authorized"];
    let world = World::start_with(Settings { datasets, ..Settings::default() }).await;
    let rotate = |token: &str| {
        let secret = json!({ "token": token }).to_string();
        world.emulation().secrets().put("sluicegate/authorized", &secret).unwrap();
        world.weather().require_token(token);
    };
    let observations = testkit::sample_lines("weather.ndjson.gz");
    rotate("first");
    for (number, observation) in observations.iter().take(200).enumerate() {
        world.send("Inbox", observation, &[("dataset", "authorized")]);
        if number == 100 {
            while calls(&world).0 < 50 {
                tokio::time::sleep(LOOK).await;
            }
            rotate("second");
        }
    }
    world.settle().await;
    assert_no_dead_letters(&world);
    assert!(world.weather().refusals() > 0, "no environment had an old token");
    assert_eq!(world.logs.lines_with("breaker not closed"), Vec::<String>::new());
    assert_eq!(world.logs.sum("enrich", "events.parked"), 0);
    assert_eq!(world.logs.sum("enrich", "events.degraded"), 0);
    world.end().await;
}

/// What is to be delivered waits as what is to be enriched does, behind the same breaker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_stage_finds_out_of_a_service_holds_for_the_other() {
    let world = world_with("{fault: host-failing, on: weather, for: 20m}", &[]).await;
    let observations = testkit::sample_lines("weather.ndjson.gz");
    let sample = flights(0, 100);
    world.send_flights(&sample);
    for observation in observations.iter().take(100) {
        world.send("Inbox", observation, &[("dataset", "weather")]);
    }
    world.settle().await;
    assert_no_dead_letters(&world);
    assert_eq!(world.weather().deliveries().len(), 100);
    let (all, faults) = calls(&world);
    assert!((20..=150).contains(&faults), "{faults} of {all} calls in vain");
    assert!(world.logs.sum("deliver", "events.parked") >= 100);
    world.end().await;
}

/// An event that has waited for six hours is a dead letter, and says since when.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_waits_no_longer_than_its_dependency_allows() {
    let world = world_with("{fault: host-failing, on: weather, for: 12h}", &[]).await;
    let sample = flights(0, 30);
    world.send_flights(&sample);
    world.settle().await;
    world.assert_written_once(&[]);
    let letters = world.letters("EnrichDlq");
    assert_eq!(letters.len(), sample.len());
    for letter in letters {
        let failure = letter.failure.as_ref().unwrap_or_else(|| panic!("SQS moved {letter}"));
        assert_eq!(failure.code, Code::DependencyUnavailable, "{letter}");
        let reason = &failure.reason;
        assert!(reason.contains("longer than the 21600 s allowed"), "{reason}");
        assert!(reason.contains("dependency `weather`, unavailable since"), "{reason}");
    }
    let (_, faults) = calls(&world);
    assert!(faults <= 500, "{faults} calls in vain in six hours");
    world.end().await;
}
