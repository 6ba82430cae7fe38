//! A lake's small objects put together, what dead writers left swept, and everything delivered again.

use std::collections::BTreeSet;
use std::time::Duration;

use emulation::faults::Plan;
use lake_storage::compact::Tally;
use runtime::{Clock, SystemClock};
use sluicegate_tests::{Flight, World, flights};
use testkit::ManualClock;

const HOUR: Duration = Duration::from_secs(3_600);
/// How often flights come; each time, a batch of the lake has few of each day.
const ROUNDS: usize = 8;

/// Four environments of the lake's die in the middle of a batch.
const DEATHS: &str = "
seed: 3
faults:
  - {fault: kill, on: LakeFunction, at: call, chance: 0.5, times: 4}
";

/// So long after now.
async fn compact(world: &World, later: Duration) -> Tally {
    // The emulation's clock is ahead of the system's by what it has skipped: less than a day.
    let clock = ManualClock::at(SystemClock.now().plus(24 * HOUR).plus(later));
    world.compact(&clock).await
}

async fn deliver(world: &World, flights: &[Flight]) {
    for flights in flights.chunks(flights.len().div_ceil(ROUNDS)) {
        world.send_flights(flights);
        world.settle().await;
    }
}

/// On how many days (UTC) they are, and so in how many partitions.
fn days(flights: &[Flight]) -> usize {
    let day = |flight: &Flight| flight.value["time_hour"].as_str().unwrap()[..10].to_owned();
    flights.iter().map(day).collect::<BTreeSet<String>>().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lake_put_together_holds_each_event_once_and_takes_none_again() {
    let faults = Plan::parse(DEATHS).unwrap();
    let world =
        World::start_with(sluicegate_tests::Settings { faults, ..Default::default() }).await;
    // The end of one day, and the beginning of the next.
    let sample = flights(600, 160);
    deliver(&world, &sample).await;
    assert!(!world.logs.lines_with("signal: killed").is_empty());
    world.assert_written_once(&sample);

    let days = days(&sample);
    let first = compact(&world, Duration::ZERO).await;
    world.assert_written_once(&sample);
    assert!(first.before.objects >= ROUNDS && first.merged >= ROUNDS, "{first:?}");
    assert_eq!((first.after.objects, first.after.rows), (days, 160), "{first:?}");
    // Who lists the bucket still finds what was replaced.
    let listed = |world: &World| world.lake_objects().len();
    assert_eq!(listed(&world), days + first.merged, "{first:?}");

    deliver(&world, &sample).await;
    world.assert_written_once(&sample);
    let second = compact(&world, 2 * HOUR).await;
    world.assert_written_once(&sample);
    assert_eq!((second.deleted, second.made, second.kept), (first.merged, 0, 0), "{second:?}");
    assert_eq!(listed(&world), days);

    // New flights beside old ones, and then all of it is one again.
    let more = flights(600, 200);
    deliver(&world, &more).await;
    world.assert_written_once(&more);
    let third = compact(&world, 48 * HOUR).await;
    world.assert_written_once(&more);
    assert!(third.made > 0, "{third:?}");
    assert_eq!((third.after.objects, third.after.rows), (days, 200), "{third:?}");
    world.end().await;
}
