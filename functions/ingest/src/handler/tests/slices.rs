//! Files that one invocation does not read to their end.

use event::PROGRESS_ATTRIBUTE;

use super::letters::{REDRIVE, redriven};
use super::*;
use crate::memory::{HEADER, row};

/// A stage that reads about 300 bytes of a file at a time.
fn stage(objects: &MemoryObjects, queue: &MemoryQueue) -> Ingest<MemoryObjects, MemoryQueue> {
    Ingest { slice_bytes: 300, ..ingest(objects, queue) }
}

/// Two files, and an announcement of both.
fn two_files() -> (MemoryObjects, Record) {
    let rows = |from| (from..from + 20).map(row).collect::<Vec<_>>().join("\n");
    let lines = (100..120).map(flight).collect::<Vec<_>>().join("\n");
    let csv = format!("{HEADER}\n{}\n1,2\n{}\n", rows(0), rows(20));
    let objects = MemoryObjects::default()
        .with("landing", "flights/a.csv", "e1", csv.as_bytes())
        .with("landing", "flights/b.ndjson", "e1", lines.as_bytes())
        .in_pieces(100);
    (objects, announcement(&["flights/a.csv", "flights/b.ndjson"]))
}

/// The messages that were sent to the inbox, from the one with this number on, as ingest receives them.
fn continued(queue: &MemoryQueue, from: usize) -> Vec<Record> {
    let mut records = Vec::new();
    for (number, sent) in queue.sent_to(INBOX).into_iter().enumerate().skip(from) {
        records.push(Record {
            attributes: sent.attributes,
            sender: Some(REDRIVE.to_owned()),
            ..message(&format!("n{}", number + 2), &sent.body, &[])
        });
    }
    records
}

/// Works off a message and what it becomes. Each message is received `times` times.
async fn work_off(objects: &MemoryObjects, queue: &MemoryQueue, first: Record, times: usize) {
    let (mut waiting, mut received) = (vec![first], 0);
    while let Some(record) = waiting.pop() {
        for receive in 1..=times {
            let receive_count = u32::try_from(receive).unwrap();
            let record = Record { receive_count, ..record.clone() };
            assert!(run_stage(stage(objects, queue), queue, vec![record]).await.is_empty());
        }
        let next = continued(queue, received);
        received += next.len();
        waiting.extend(next);
    }
}

fn ids(queue: &MemoryQueue) -> Vec<String> {
    events(queue).into_iter().map(|event| event.source + " " + &event.id).collect()
}

/// What comes of the files in one go.
async fn in_one_go() -> Vec<String> {
    let ((objects, announced), queue) = (two_files(), MemoryQueue::default());
    assert!(run(&objects, &queue, vec![announced]).await.is_empty());
    assert!(queue.sent_to(INBOX).is_empty());
    ids(&queue)
}

#[tokio::test]
async fn each_slice_is_read_once_and_nothing_is_missing() {
    let ((objects, announced), queue) = (two_files(), MemoryQueue::default());
    work_off(&objects, &queue, announced, 1).await;
    let slices = queue.sent_to(INBOX).len();
    assert!((8..30).contains(&slices), "{slices} messages");
    assert_eq!(ids(&queue), in_one_go().await);
    let (letter, refused) = letters(&queue).remove(0);
    assert_eq!((letter.at.as_deref(), refused.body.as_str()), (Some("line 22"), "1,2"));
    assert_eq!(letters(&queue).len(), 1);
}

/// An invocation that ended before its message was deleted leaves the message, and what it sent.
#[tokio::test]
async fn a_message_that_comes_again_after_its_slice_sends_nothing() {
    let ((objects, announced), queue) = (two_files(), MemoryQueue::default());
    work_off(&objects, &queue, announced, 1).await;
    let sent = queue.sent_to(INBOX).len();
    let ((objects, announced), queue) = (two_files(), MemoryQueue::default());
    work_off(&objects, &queue, announced, 2).await;
    assert_eq!(queue.sent_to(INBOX).len(), sent, "a second chain of slices");
    let mut once = ids(&queue);
    once.dedup();
    // The first slice is read before it is known to be done, and the last has no mark.
    assert!(ids(&queue).len() - in_one_go().await.len() < 20, "slices were read again");
    once.sort();
    once.dedup();
    let mut expected = in_one_go().await;
    expected.sort();
    assert_eq!(once, expected);
}

#[tokio::test]
async fn the_rest_of_a_file_is_read_as_it_was_when_its_reading_began() {
    let ((objects, announced), queue) = (two_files(), MemoryQueue::default());
    run_stage(stage(&objects, &queue), &queue, vec![announced]).await;
    let objects = objects.with("landing", "flights/a.csv", "e2", b"other");
    let second = continued(&queue, 0).remove(0);
    let rest = MemoryQueue::default();
    work_off(&objects, &rest, second, 1).await;
    assert_eq!([ids(&queue), ids(&rest)].concat(), in_one_go().await);
}

#[tokio::test]
async fn a_slice_that_cannot_be_handed_on_is_read_again() {
    let ((objects, announced), queue) = (two_files(), MemoryQueue::default());
    queue.refuse(|to, _| {
        (to == INBOX).then(|| Failure::transient(Code::DependencyUnavailable, "away"))
    });
    let kept = run_stage(stage(&objects, &queue), &queue, vec![announced]).await;
    assert_eq!(kept, ["n1"]);
}

/// Anybody may send to the inbox, and would otherwise name any object of the archive, or pass over lines of a file.
#[tokio::test]
async fn the_word_of_a_stranger_about_progress_is_not_believed() {
    let ((objects, announced), queue) = (two_files(), MemoryQueue::default());
    run_stage(stage(&objects, &queue), &queue, vec![announced]).await;
    let own = continued(&queue, 0).remove(0);
    assert!(own.attributes.contains_key(PROGRESS_ATTRIBUTE));
    let forged = Record { sender: Some("AIDASTRANGER".to_owned()), ..own };
    let other = MemoryQueue::default();
    run_stage(stage(&objects, &other), &other, vec![forged]).await;
    assert_eq!(ids(&other)[0], in_one_go().await[0], "begun in the middle");
}

/// A slice whose queue is away waits as the message that it is.
#[tokio::test]
async fn a_slice_that_waits_keeps_its_progress() {
    let ((objects, announced), queue) = (two_files(), MemoryQueue::default());
    run_stage(stage(&objects, &queue), &queue, vec![announced]).await;
    let mut second = continued(&queue, 0).remove(0);
    second.receive_count = 4;
    let progress = second.attributes[PROGRESS_ATTRIBUTE].clone();
    let other = MemoryQueue::default();
    other.refuse(|to, _| {
        (to == ENRICH).then(|| Failure::throttled(Some(Duration::from_secs(300)), "later"))
    });
    assert!(run_stage(stage(&objects, &other), &other, vec![second]).await.is_empty());
    let parked = other.sent_to(INBOX).remove(0);
    assert!(parked.delay.is_some(), "it is a parked copy");
    assert_eq!(parked.attributes[PROGRESS_ATTRIBUTE], progress);
}

/// The rest is handed on, and would be handed on twice if the slice counted as failed.
#[tokio::test]
async fn a_slice_without_its_mark_is_done() {
    let ((objects, announced), queue) = (two_files(), MemoryQueue::default());
    objects.lose_marks();
    let kept = run_stage(stage(&objects, &queue), &queue, vec![announced]).await;
    assert!(kept.is_empty(), "{kept:?}");
    assert_eq!(queue.sent_to(INBOX).len(), 1);
}

#[tokio::test]
async fn files_before_one_that_fails_are_not_read_again_with_it() {
    let (objects, _) = two_files();
    let queue = MemoryQueue::default();
    let announced = announcement(&["flights/b.ndjson", "flights/gone.csv"]);
    assert!(run(&objects, &queue, vec![announced]).await.is_empty());
    let read = events(&queue).len();
    assert_eq!((read, letters(&queue).len()), (20, 0));
    let rest = continued(&queue, 0).remove(0);
    assert!(run(&objects, &queue, vec![rest]).await.is_empty());
    assert_eq!(events(&queue).len(), read);
    assert_eq!(letters(&queue)[0].0.code, Code::InputNotFound);
}

/// The letter of a message that leaves no room for its failure has the message's place in the archive as its body, where
/// the attributes are those of the first message.
#[tokio::test]
async fn an_announcement_that_is_redriven_from_the_archive_goes_on_where_it_ended() {
    let ((objects, announced), queue) = (two_files(), MemoryQueue::default());
    let space = " ".repeat(1_048_500 - announced.body.len());
    let long = Record { body: announced.body.clone() + &space, ..announced };
    objects.rename("flights/a.csv", "flights/hidden.csv");
    run(&objects, &queue, vec![long]).await;
    let (_, letter) = letters(&queue).remove(0);
    assert!(letter.body.len() < 1_000, "it is a claim");
    objects.rename("flights/hidden.csv", "flights/a.csv");
    let queue = MemoryQueue::default();
    work_off(&objects, &queue, redriven(&letter), 1).await;
    assert_eq!(ids(&queue), in_one_go().await);
    assert!(queue.sent_to(INBOX).len() < 30);
}
