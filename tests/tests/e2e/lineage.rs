//! What Lambda ends recursive loops by: the AWS SDK carries the lineage of an invocation on to what the
//! function sends, and a function that waits by sending to its own queue is counted, round by round.

use sluicegate_tests::{World, flights};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_function_sends_tells_which_functions_its_event_went_through() {
    let world = World::start().await;
    let queue = world.name("SinkQueue");
    let mapping = world.emulation().mappings().iter().find(|each| each.queue() == Some(queue));
    mapping.unwrap().mapping.pause();
    world.send_flights(&flights(0, 3));
    world.settle().await;

    let waiting = world.emulation().sqs().peek(queue);
    assert_eq!(waiting.len(), 3);
    for message in &waiting {
        let header = &message.attributes["AWSTraceHeader"];
        let lineage = header.split(";Lineage=").nth(1).unwrap_or_default();
        let counts: Vec<_> =
            lineage.split('|').map(|entry| entry.split_once(':').unwrap().1).collect();
        assert_eq!(counts, ["0", "0"], "ingest and enrich, each for the first time: {header}");
    }
    mapping.unwrap().mapping.resume();
    world.settle().await;
    world.assert_written_once(&flights(0, 3));
    world.end().await;
}
