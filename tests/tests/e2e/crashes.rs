//! Functions that are killed in the middle of a batch: nothing is lost, nothing is written twice.

use std::cell::Cell;
use std::time::Duration;

use tests::{World, flights, gzip, lines};
use tokio::sync::mpsc;

/// By each of two ways; a message is received five times before SQS gives up on it, so that all four
/// could hit the same one.
const KILLS: usize = 2;

/// How often a call is looked for.
const LOOK: Duration = Duration::from_millis(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ingest_killed_in_a_batch_loses_nothing() {
    check("IngestFunction", "SendMessageBatch").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enrich_killed_in_a_batch_loses_nothing() {
    check("EnrichFunction", "SendMessageBatch").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sink_killed_in_a_batch_writes_nothing_twice() {
    check("SinkFunction", "TransactWriteItems").await;
}

/// Kills a function as it takes its batch, and again just after it has made its effect known.
async fn check(function: &str, effect: &str) {
    let world = World::start().await;
    let sample = flights(0, 300);
    let (files, messages) = sample.split_at(150);
    let (taken, mut takes) = mpsc::unbounded_channel();
    world.emulation().lambda().on_invocation_start(move |start| {
        // The receiver ends with its kills.
        let _ = taken.send(start.function.to_owned());
    });
    world.land("flights/a.ndjson.gz", gzip(&lines(files)));
    world.send_flights(messages);

    let name = world.name(function);
    let settled = Cell::new(false);
    let kill = || world.emulation().lambda().kill_one(name);
    let settling = async {
        world.settle().await;
        settled.set(true);
    };
    let at_start = async {
        let mut kills = 0;
        while kills < KILLS && !settled.get() {
            let start = tokio::time::timeout(LOOK, takes.recv()).await;
            kills += usize::from(start.is_ok_and(|took| took.as_deref() == Some(name)) && kill());
        }
        kills
    };
    let after_effect = async {
        let (mut kills, mut seen) = (0, 0);
        while kills < KILLS && !settled.get() {
            let calls = calls(&world, name, effect);
            kills += usize::from(calls > seen && kill());
            seen = calls;
            tokio::time::sleep(LOOK).await;
        }
        kills
    };
    let ((), at_start, after_effect) = tokio::join!(settling, at_start, after_effect);

    assert_eq!((at_start, after_effect), (KILLS, KILLS), "kills at the start, and after a call");
    let crashes = world.logs.lines_with("signal: killed").len();
    assert!(crashes >= 2, "{crashes} invocations ended by a kill");
    world.assert_written_once(&sample);
    for queue in ["InboxDlq", "EnrichDlq", "SinkDlq"] {
        world.assert_letters(queue, &[]);
    }
    world.end().await;
}

fn calls(world: &World, caller: &str, operation: &str) -> u64 {
    let calls = world.emulation().calls();
    let counts = calls.iter().filter(|(call, _)| call.caller == caller);
    counts.filter(|(call, _)| call.operation == operation).map(|(_, count)| count).sum()
}
