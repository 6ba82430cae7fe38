//! Functions that are killed in the middle of a batch: nothing is lost, nothing is written twice.

use std::cell::Cell;
use std::time::Duration;

use emulation::lambda::EnvironmentState;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use sluicegate_tests::{World, flights, gzip, lines};
use tokio::sync::mpsc;

/// Far fewer than a message is received before SQS gives up on it: all of them could hit the same one.
const KILLS: usize = 4;

/// How far into a batch each of them comes, in milliseconds: as it is taken, and on its way.
const DELAYS_MS: [u64; KILLS] = [0, 4, 8, 16];

/// How often it is looked whether a killed one is gone.
const LOOK: Duration = Duration::from_millis(1);

/// How long a batch is waited for before it is asked whether there will be any.
const PATIENCE: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ingest_killed_in_a_batch_loses_nothing() {
    check("IngestFunction").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enrich_killed_in_a_batch_loses_nothing() {
    check("EnrichFunction").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sink_killed_in_a_batch_writes_nothing_twice() {
    check("SinkFunction").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lake_killed_in_a_batch_writes_nothing_twice() {
    check("LakeFunction").await;
}

/// Kills a function in the middle of its batches, wherever that is.
async fn check(function: &str) {
    let world = World::start().await;
    let sample = flights(0, 600);
    let (files, messages) = sample.split_at(200);
    let (taken, mut takes) = mpsc::unbounded_channel();
    world.emulation().lambda().on_invocation_start(move |start| {
        // The receiver ends with its kills.
        let _ = taken.send((start.function.to_owned(), start.pid, start.request_id.to_owned()));
    });
    for (number, flights) in files.chunks(50).enumerate() {
        world.land(&format!("flights/{number}.ndjson.gz"), gzip(&lines(flights)));
    }
    world.send_flights(messages);

    let name = world.name(function);
    let settled = Cell::new(false);
    let crashes = || world.logs.lines_with("signal: killed").len();
    let settling = async {
        world.settle().await;
        settled.set(true);
    };
    let killing = async {
        while crashes() < KILLS && !settled.get() {
            let took = tokio::time::timeout(PATIENCE, takes.recv()).await.ok().flatten();
            let Some((function, pid, request_id)) = took else { continue };
            if function != name {
                continue;
            }
            tokio::time::sleep(Duration::from_millis(DELAYS_MS[crashes()])).await;
            let is_busy = || {
                let mut environments = world.emulation().lambda().environments(name).into_iter();
                let state = EnvironmentState::Busy { request_id: request_id.clone() };
                environments.any(|each| each.pid == pid && each.state == state)
            };
            if is_busy() {
                kill(pid);
            }
            while is_busy() {
                tokio::time::sleep(LOOK).await;
            }
            while takes.try_recv().is_ok() {}
        }
    };
    tokio::join!(settling, killing);

    assert_eq!(crashes(), KILLS, "invocations of {name} that were killed");
    world.assert_written_once(&sample);
    for queue in ["InboxDlq", "EnrichDlq", "SinkDlq", "LakeDlq"] {
        world.assert_letters(queue, &[]);
    }
    world.end().await;
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, Signal::SIGKILL).unwrap();
}
