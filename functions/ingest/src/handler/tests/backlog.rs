//! Files while too many messages wait in the next queue.

use super::*;
use crate::memory::{HEADER, flights_with, ingest_under, row};

/// How many events are passed on of three messages and, after them, of a file with two rows; and the delay of what was
/// sent back to the inbox.
async fn taken(backlog: &str) -> (usize, Option<Duration>) {
    let queue = MemoryQueue::default();
    let file = format!("{HEADER}\n{}\n{}\n", row(4), row(5));
    let objects = MemoryObjects::default().with("landing", "flights/a.csv", "e1", file.as_bytes());
    let contracts = || flights_with(&format!("backlog: {backlog}"));
    let mut messages = Vec::new();
    for number in 1..=3 {
        messages.push(message(&format!("m{number}"), &flight(number), &[("dataset", "flights")]));
    }
    let stage = ingest_under(contracts(), &objects, &queue);
    assert!(run_stage(stage, &queue, messages).await.is_empty());
    let stage = ingest_under(contracts(), &objects, &queue);
    assert!(run_stage(stage, &queue, vec![announcement(&["flights/a.csv"])]).await.is_empty());
    assert!(letters(&queue).is_empty());
    let parked = queue.sent_to(INBOX).first().and_then(|copy| copy.delay);
    (events(&queue).len(), parked)
}

#[tokio::test]
async fn a_file_is_parked_until_the_next_queue_has_room_and_messages_are_taken() {
    assert_eq!(taken("{limit: 3}").await, (5, None));
    let (passed, delay) = taken("{limit: 2, retry_after_s: 300}").await;
    assert_eq!(passed, 3);
    // Files that wait come back one after the other.
    let delay = delay.unwrap();
    assert!((300..400).contains(&delay.as_secs()), "{delay:?}");
}
