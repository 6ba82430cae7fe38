//! The kinds of outages, and what each must keep.

use std::sync::Arc;
use std::time::Duration;

use emulation::faults::Plan;
use serde_json::json;
use sluicegate_tests::outage::{FAILING, Story, WITHOUT_BREAKER, happen, happen_with};
use sluicegate_tests::{Edit, Flight, Settings, World};

/// Far beyond what one takes, in real time and with others beside it.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// From so many events on, each kind of outage is compared with the same one without a breaker.
const MANY: usize = 20_000;

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

/// The calls of an outage that are made with a breaker, in percent of those without one.
const SHARE: u64 = 2;

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
    assert_kept(&world, sample, &story);
    world.end().await;
    story
}

fn assert_kept(world: &World, sample: &[Flight], story: &Story) {
    world.assert_in_table(sample);
    world.assert_in_totals(sample);
    assert_eq!(story.most_letters(), 0, "healthy events in dead-letter queues");
}

/// At most this share, in percent, of the calls of the same outage without a breaker.
async fn assert_few_calls(
    with: &Story,
    most_percent: u64,
    edits: Vec<(&'static str, Edit)>,
    sample: &[Flight],
    rules: &str,
) -> String {
    let without = calls_without_breaker(edits, sample, rules).await;
    let with = with.calls(with.away.clone());
    assert!(
        with * 100 <= without * most_percent,
        "{with} calls while it was away, and {without} without a breaker"
    );
    format!("{with} calls while it was away, {without} without a breaker")
}

/// As [`assert_few_calls`], where there are enough events: it takes so many calls to open a breaker, however few
/// the events are.
async fn assert_few_calls_of_many(
    with: &Story,
    most_percent: u64,
    edits: Vec<(&'static str, Edit)>,
    sample: &[Flight],
    rules: &str,
) -> String {
    if sample.len() < MANY {
        return format!("{} calls while it was away", with.calls(with.away.clone()));
    }
    assert_few_calls(with, most_percent, edits, sample, rules).await
}

async fn calls_without_breaker(
    mut edits: Vec<(&'static str, Edit)>,
    sample: &[Flight],
    rules: &str,
) -> u64 {
    edits.push(WITHOUT_BREAKER);
    let without = Settings { contract_edits: edits, ..settings() };
    let world = World::start_with(without).await;
    let story = happen(&world, sample, rules).await;
    world.end().await;
    story.calls(story.away.clone())
}

/// Within twice the wait that was in force when the service came back.
fn assert_back_soon(story: &Story, sample: &[Flight]) -> String {
    let wait = story.wait_at_recovery().unwrap();
    let after = story.full_speed_at(sample.len() / 3).unwrap() - story.away.end;
    assert!(after <= 2 * wait, "full speed {after} s after it was back, after a wait of {wait} s");
    format!("full speed {after} s after it was back, after a wait of {wait} s")
}

pub(crate) async fn failing(sample: Arc<Vec<Flight>>) -> String {
    let story = outage(settings(), &sample, FAILING).await;
    let soon = assert_back_soon(&story, &sample);
    format!("{}, {soon}", assert_few_calls(&story, SHARE, Vec::new(), &sample, FAILING).await)
}

/// Events go on without what the service knows.
pub(crate) async fn degraded(sample: Arc<Vec<Flight>>) -> String {
    let degrade =
        edit("flights/contract.yaml", "    unavailable: park\n", "    unavailable: degrade\n");
    let settings = Settings { contract_edits: vec![degrade], ..settings() };
    let story = outage(settings, &sample, FAILING).await;
    let soon = assert_back_soon(&story, &sample);
    let few = assert_few_calls_of_many(&story, SHARE, vec![degrade], &sample, FAILING).await;
    format!("{few}, {soon}")
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
    format!("{calls} calls of {usual} while half were slow, {}", assert_back_soon(&story, &sample))
}

pub(crate) async fn with_a_throttled_table(sample: Arc<Vec<Flight>>) -> String {
    let story = outage(settings(), &sample, BOTH).await;
    let soon = assert_back_soon(&story, &sample);
    format!("{}, {soon}", assert_few_calls_of_many(&story, SHARE, Vec::new(), &sample, BOTH).await)
}

/// The service takes another token when it is back than it took before it was away.
pub(crate) async fn with_a_rotated_secret(sample: Arc<Vec<Flight>>) -> String {
    let header = edit(
        "flights/contract.yaml",
        "      timeout_ms: 2000\n",
        "      timeout_ms: 2000\n      headers: {authorization: \"Bearer {secret:weather#token}\"}\n",
    );
    let settings = Settings { contract_edits: vec![header], ..settings() };
    let world = World::start_with(settings).await;
    rotate(&world, "first");
    let story = happen_with(&world, &sample, FAILING, || rotate(&world, "second")).await;
    assert_kept(&world, &sample, &story);
    let refusals = world.weather().refusals();
    assert!(refusals > 0, "no environment had the first token when the service was back");
    world.end().await;
    let soon = assert_back_soon(&story, &sample);
    let few = assert_few_calls_of_many(&story, SHARE, Vec::new(), &sample, FAILING).await;
    format!("{few}, {soon}, {refusals} calls with the first token refused")
}

/// From now on the service takes this token alone.
fn rotate(world: &World, token: &str) {
    let secret = json!({ "token": token }).to_string();
    world.emulation().secrets().put("sluicegate/weather", &secret).unwrap();
    world.weather().require_token(token);
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
