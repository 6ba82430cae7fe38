//! Time passes for functions too: their environments, and all that is in them, live on over what the
//! emulation skips of it.

use std::time::Duration;

use emulation::lambda::EnvironmentInfo;
use event::Timestamp;
use sluicegate_tests::{World, flights};

const SKIPPED: Duration = Duration::from_secs(6 * 3_600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn environments_outlive_skips_of_time_and_know_what_time_it_is() {
    let world = World::start().await;
    let sample = flights(0, 2);
    world.send_flights(&sample[..1]);
    world.settle().await;
    let before = environments(&world);
    world.emulation().pass(SKIPPED);
    world.send_flights(&sample[1..]);
    world.settle().await;

    world.assert_written_once(&sample);
    for (function, before) in before {
        let after = world.emulation().lambda().environments(world.name(function));
        let find = |pid| after.iter().find(|each: &&EnvironmentInfo| each.pid == pid);
        let lives_on = before.iter().all(|each| find(each.pid).is_some());
        assert!(lives_on, "{function}: {before:?} before, {after:?} after");
        let invocations: u64 = before.iter().map(|each| each.invocations).sum();
        let used_again = after.iter().map(|each| each.invocations).sum::<u64>() > invocations;
        assert!(used_again && after.len() == before.len(), "{function}: {after:?}");
    }
    let mut taken_in: Vec<Timestamp> = world
        .records()
        .values()
        .map(|row| row["ingest_time"].as_str().unwrap().parse().unwrap())
        .collect();
    taken_in.sort();
    assert!(taken_in[1].since(taken_in[0]) >= SKIPPED, "{taken_in:?}");
    world.end().await;
}

fn environments(world: &World) -> Vec<(&'static str, Vec<EnvironmentInfo>)> {
    let functions = ["IngestFunction", "EnrichFunction", "SinkFunction", "LakeFunction"];
    functions.map(|id| (id, world.emulation().lambda().environments(world.name(id)))).into()
}
