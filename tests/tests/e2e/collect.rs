//! Dead letters in their store: taken from their queues, each whole, whatever fails.

use emulation::faults::Plan;
use event::Code;
use sluicegate_tests::{Settings, World};

const QUEUES: [(&str, &str, &str); 5] = [
    ("ingest", "Inbox", "InboxDlq"),
    ("enrich", "EnrichQueue", "EnrichDlq"),
    ("sink", "SinkQueue", "SinkDlq"),
    ("lake", "LakeQueue", "LakeDlq"),
    ("deliver", "DeliverQueue", "DeliverDlq"),
];

/// Writes of which nobody knows whether they took effect, environments that die, and messages delivered twice.
const STORM: &str = "
seed: 7
faults:
  - {fault: error, on: dynamodb.TransactWriteItems, from: CollectFunction, chance: 0.3, times: 8}
  - {fault: error, on: dynamodb.BatchGetItem, from: CollectFunction, chance: 0.3, times: 4}
  - {fault: kill, on: CollectFunction, at: call, chance: 0.2, times: 6}
";

/// Answers how much went wrong.
async fn check(faults: Plan) -> u64 {
    const LETTERS: usize = 120;
    let world = World::start_with(Settings { faults, ..Settings::default() }).await;
    let body = |stage: &str, number: usize| format!("garbage {number} of \"{stage}\"\nü");
    for (stage, queue, _) in QUEUES {
        for number in 0..LETTERS {
            world.send(queue, &body(stage, number), &[("producer", "p-7")]);
        }
    }
    world.settle().await;
    for (stage, _, dead) in QUEUES {
        let left = world.emulation().sqs().peek(world.name(dead));
        assert!(left.is_empty(), "{} are left in {dead}", left.len());
        let stored = world.stored_letters(stage, &["dead"]);
        let mut found: Vec<&str> = stored.iter().filter_map(|it| it["body"].as_str()).collect();
        found.sort_unstable();
        let mut expected: Vec<String> = (0..LETTERS).map(|number| body(stage, number)).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{stage}");
        for message in &stored {
            assert_eq!(message["attributes"]["producer"]["value"], "p-7", "{message}");
        }
        let code = if stage == "ingest" { Code::UnknownDataset } else { Code::DecodeEnvelope };
        world.assert_codes(dead, &[code]);
    }
    let done = world.emulation().adversary().tally().values().sum();
    world.end().await;
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_dead_letter_is_in_the_store_once_and_whole() {
    check(Plan::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_dead_letter_is_in_the_store_once_whatever_fails() {
    let done = check(Plan::parse(STORM).unwrap()).await;
    assert!(done >= 10, "{done}");
}
