//! The pipeline while everything goes wrong that AWS allows to: under fifty seeds nothing is lost and
//! nothing is written twice.
//!
//! Each seed has the whole of it: files and messages, events that are sent twice, poison at each stage, a second
//! payload under a used key. While the storm lasts, a healthy event may become a dead letter, with or
//! without a reason; when it is over, a redrive brings all of them home.

use std::collections::BTreeSet;
use std::time::Duration;

use event::Code;
use futures_util::{StreamExt as _, stream};
use local::adversary::{Fault, Plan};
use serde_json::{Value, json};
use tests::{Flight, Letter, Settings, World, flights, gzip, lines};

const SEEDS: std::ops::Range<u64> = 0..50;
/// Worlds at a time: most of a seed is waiting for retries.
const AT_ONCE: usize = 6;
/// Every queue of dead letters, with the stage that they come from.
const DEAD: [(&str, &str); 4] =
    [("ingest", "InboxDlq"), ("enrich", "EnrichDlq"), ("sink", "SinkDlq"), ("lake", "LakeDlq")];
/// For longer than this no letter is hidden: not one that came late, nor one that a redrive has left.
const HIDDEN: Duration = Duration::from_secs(120);
/// Once a letter has come back for good it says so: one redrive tells, and one is to spare.
const REDRIVES: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_fifty_seeds_nothing_is_lost_and_nothing_is_written_twice() {
    let sample = flights(0, 80);
    let seeds = stream::iter(SEEDS).map(|seed| {
        let sample = sample.clone();
        // A task of its own, so that a seed that panics is known by its number.
        async move { (seed, tokio::spawn(async move { check(seed, &sample).await }).await) }
    });
    let ended: Vec<_> = seeds.buffer_unordered(AT_ONCE).collect().await;
    let failed: Vec<u64> =
        ended.iter().filter(|(_, ended)| ended.is_err()).map(|(seed, _)| *seed).collect();
    assert!(failed.is_empty(), "seeds that failed: {failed:?}; what they saw is above");
    let faults: BTreeSet<Fault> = ended.into_iter().flat_map(|(_, ended)| ended.unwrap()).collect();
    let all: BTreeSet<Fault> = Plan::storm(0).rules.iter().map(|rule| rule.fault).collect();
    assert_eq!(faults, all, "faults that struck at least once");
}

/// Answers which faults struck.
async fn check(seed: u64, sample: &[Flight]) -> Vec<Fault> {
    let faults = Plan::storm(seed);
    let world = World::start_with(Settings { faults, ..Settings::default() }).await;
    let (files, messages) = sample.split_at(sample.len() / 2);
    for (number, flights) in files.chunks(20).enumerate() {
        world.land(&format!("flights/{number}.ndjson.gz"), gzip(&lines(flights)));
    }
    world.send_flights(messages);
    world.send_flights(&messages[..10]);
    world.send("Inbox", "{", &[("dataset", "flights")]);
    world.send("EnrichQueue", "garbage", &[]);
    world.send("SinkQueue", r#"{"Records":[]}"#, &[]);
    world.send("LakeQueue", "\u{1f525}", &[]);
    let first = &messages[0];
    world.settle().await;
    let second = first.with("arr_delay", json!(999));
    world.send_flights(std::slice::from_ref(&second));
    world.settle().await;
    let faults = world.emulation().adversary().tally().into_keys().collect();

    world.emulation().adversary().clear();
    for _ in 0..REDRIVES {
        world.emulation().pass(HIDDEN);
        for (stage, queue) in DEAD {
            // Those that came back from a redrive are poison, and stay.
            let has_come_back = |letter: &Letter| {
                letter.failure.as_ref().is_some_and(|failure| failure.redrives > 0)
            };
            if !world.letters(queue).iter().all(has_come_back) {
                world.redrive(stage).await;
            }
        }
        world.settle().await;
    }
    // Whichever of the two came first to a sink took the key there.
    let expected = |payload: &Value| -> Vec<Flight> {
        let winner = if payload["arr_delay"] == 999 { &second } else { first };
        let each = |flight: &Flight| {
            if flight.id() == first.id() { winner.clone() } else { flight.clone() }
        };
        sample.iter().map(each).collect()
    };
    world.assert_in_table(&expected(&world.records()[&first.id()]["payload"]));
    // What the two payloads differ in is not added up.
    world.assert_in_totals(sample);
    world.assert_in_lake(&expected(&world.lake()[&first.id()]));
    for (queue, expected) in [
        ("InboxDlq", &[Code::DecodeJson] as &[_]),
        ("EnrichDlq", &[Code::DecodeEnvelope]),
        ("SinkDlq", &[Code::DecodeEnvelope, Code::Conflict]),
        ("LakeDlq", &[Code::DecodeEnvelope, Code::Conflict]),
    ] {
        world.assert_codes(queue, expected);
    }
    world.end().await;
    faults
}
