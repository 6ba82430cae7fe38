//! The kinds of outages, and what each must keep.

use std::sync::Arc;
use std::time::Duration;

use local::adversary::Plan;
use tests::outage::{FAILING, Story, THIRD, WITHOUT_BREAKER, happen};
use tests::{Edit, Flight, Settings, World};

/// Far beyond what one takes, in real time and with others beside it.
const PATIENCE: Duration = Duration::from_secs(1_200);

/// Every second call takes longer than a call should.
const HALF_SLOW: &str =
    "faults: [{fault: host-slow, on: weather, chance: 0.5, by: 900ms, for: the-outage}]";

/// The service, and the table in which its breaker is.
const BOTH: &str = "
faults:
  - {fault: host-failing, on: weather, for: the-outage}
  - {fault: throttle, on: dynamodb.Query, from: EnrichFunction, for: the-outage, chance: 0.7}
  - {fault: throttle, on: dynamodb.PutItem, from: EnrichFunction, for: the-outage, chance: 0.7}
  - {fault: throttle, on: dynamodb.UpdateItem, from: EnrichFunction, for: the-outage, chance: 0.7}
";

fn settings() -> Settings {
    Settings { patience: Some(PATIENCE), ..Settings::default() }
}

fn edit(file: &'static str, old: &'static str, new: &'static str) -> (&'static str, Edit) {
    (file, Edit { old, new })
}

/// The outage's rules in a world of these settings. All events are written once, and none was ever dead.
async fn outage(settings: Settings, sample: &[Flight], rules: &str) -> Story {
    let world = World::start_with(settings).await;
    let story = happen(&world, sample, rules).await;
    world.assert_in_table(sample);
    world.assert_in_totals(sample);
    assert_eq!(story.most_letters(), 0, "healthy events in dead-letter queues");
    world.end().await;
    story
}

/// Calls while the service was away, as a share of those of the same outage without a breaker.
async fn share_of_calls(with: &Story, sample: &[Flight], rules: &str) -> String {
    let without = happen_without_breaker(sample, rules).await;
    let (with, without) = (with.calls(with.away.clone()), without.calls(without.away.clone()));
    assert!(
        with * 50 <= without,
        "{with} calls while it was away, and {without} without a breaker"
    );
    format!("{with} calls while it was away, {without} without a breaker")
}

async fn happen_without_breaker(sample: &[Flight], rules: &str) -> Story {
    let without = Settings { contract_edits: vec![WITHOUT_BREAKER], ..settings() };
    let world = World::start_with(without).await;
    let story = happen(&world, sample, rules).await;
    world.end().await;
    story
}

/// Within twice the longest wait that can be in force when the service is back.
fn assert_back_soon(story: &Story, sample: &[Flight]) -> String {
    let longest_wait = THIRD.as_secs();
    let back = story.full_speed_at(sample.len() / 3).unwrap();
    let after = back - story.away.end;
    assert!(after <= 2 * longest_wait, "full speed {after} s after it was back");
    format!("full speed {after} s after it was back")
}

pub(crate) async fn failing(sample: Arc<Vec<Flight>>) -> String {
    let story = outage(settings(), &sample, FAILING).await;
    let soon = assert_back_soon(&story, &sample);
    format!("{}, {soon}", share_of_calls(&story, &sample, FAILING).await)
}

/// Events go on without what the service knows.
pub(crate) async fn degraded(sample: Arc<Vec<Flight>>) -> String {
    let degrade =
        edit("flights/contract.yaml", "    unavailable: park\n", "    unavailable: degrade\n");
    let settings = Settings { contract_edits: vec![degrade], ..settings() };
    let story = outage(settings, &sample, FAILING).await;
    let calls = story.calls(story.away.clone());
    format!("{calls} calls while it was away, {}", assert_back_soon(&story, &sample))
}

pub(crate) async fn half_slow(sample: Arc<Vec<Flight>>) -> String {
    let slow = edit(
        "dependencies.yaml",
        "      failure_rate: 50\n",
        "      failure_rate: 50\n      slow_call_ms: 500\n      slow_call_rate: 40\n",
    );
    let settings = Settings { contract_edits: vec![slow], ..settings() };
    let story = outage(settings, &sample, HALF_SLOW).await;
    let calls = story.calls(story.away.clone());
    let usual = u64::try_from(sample.len() / 3).unwrap();
    // Every other probe is fast, so that it closes again and again.
    assert!(calls * 4 <= usual * 3, "{calls} calls of {usual} while half of them were slow");
    format!("{calls} calls while half were slow, {}", assert_back_soon(&story, &sample))
}

pub(crate) async fn with_a_throttled_table(sample: Arc<Vec<Flight>>) -> String {
    let story = outage(settings(), &sample, BOTH).await;
    let calls = story.calls(story.away.clone());
    format!("{calls} calls while it was away, {}", assert_back_soon(&story, &sample))
}

/// While everything else goes wrong too, an event may become a dead letter; a redrive brings it home.
pub(crate) async fn in_a_storm(seed: u64, sample: Arc<Vec<Flight>>) -> String {
    let settings = Settings { faults: Plan::storm(seed), ..settings() };
    let world = World::start_with(settings).await;
    let story = happen(&world, &sample, FAILING).await;
    world.after_the_storm().await;
    world.assert_in_table(&sample);
    world.assert_in_totals(&sample);
    world.end().await;
    format!("{} letters at most", story.most_letters())
}
