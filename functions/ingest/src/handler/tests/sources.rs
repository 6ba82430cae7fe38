//! Events that come by a way that their contract does not list.

use super::*;
use crate::memory::{HEADER, flights_with, ingest_under, row};

/// How many events are taken in of a message and of a file with two rows, and the codes of the letters.
async fn taken(sources: &str) -> (usize, Vec<Code>) {
    let queue = MemoryQueue::default();
    let file = format!("{HEADER}\n{}\n{}\n", row(2), row(3));
    let objects = MemoryObjects::default().with("landing", "flights/a.csv", "e1", file.as_bytes());
    let batch = vec![
        message("m1", &flight(1), &[("dataset", "flights")]),
        announcement(&["flights/a.csv"]),
    ];
    let stage = ingest_under(flights_with(&format!("sources: {sources}")), &objects, &queue);
    assert!(run_stage(stage, &queue, batch).await.is_empty());
    let codes = letters(&queue).iter().map(|(letter, _)| letter.code).collect();
    (events(&queue).len(), codes)
}

#[tokio::test]
async fn what_comes_by_another_way_is_one_letter_for_each_message() {
    assert_eq!(taken("[inbox, files]").await, (3, vec![]));
    assert_eq!(taken("[files]").await, (2, vec![Code::SourceRefused]));
    assert_eq!(taken("[inbox]").await, (1, vec![Code::SourceRefused]));
    assert_eq!(taken("[http]").await, (0, vec![Code::SourceRefused; 2]));
}
