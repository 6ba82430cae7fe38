//! A stage whose behaviour for each record a test sets, and a queue in memory.

mod fifo;
mod outcomes;
mod parking;
mod property;
mod redriven;
mod senders;
mod time;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use event::{FailureKind, Parked, Timestamp};

use super::wait::LONGEST_WAIT;
use super::*;
use crate::backoff::retry_delay;
use crate::{Clock, Outgoing};

const QUEUE: &str = "http://h/queue";
const DLQ: &str = "http://h/dlq";
const MAX_RECEIVES: u32 = 5;
const START_MS: i64 = 1_000_000;
const INVOCATION: Duration = Duration::from_secs(30);

/// What the stage does with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Pass,
    Fail(FailureKind),
    Panic,
    Hang,
    /// The record is prepared, and the commit fails with this.
    CommitFails(FailureKind),
}

/// What the stage does with a batch of prepared records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Commit {
    #[default]
    Each,
    Panics,
    OneTooFew,
    Hangs,
}

#[derive(Default)]
struct Script {
    acts: BTreeMap<String, Act>,
    commit: Commit,
    prepared: Mutex<Vec<String>>,
    done: Mutex<Vec<String>>,
    summaries: Mutex<Vec<BatchSummary>>,
}

fn failure(kind: FailureKind) -> Failure {
    Failure { kind, ..Failure::permanent(Code::ContractViolation, "as the test says") }
}

impl Stage for Script {
    const NAME: &'static str = "script";

    type Prepared = String;

    async fn prepare(&self, record: &Record, _: &Deadline) -> Result<String, Failure> {
        self.prepared.lock().unwrap().push(record.message_id.clone());
        match self.acts[&record.message_id] {
            Act::Pass | Act::CommitFails(_) => Ok(record.message_id.clone()),
            Act::Fail(kind) => Err(failure(kind)),
            Act::Panic => panic!("as the test says"),
            Act::Hang => std::future::pending().await,
        }
    }

    async fn commit(&self, batch: Vec<String>, _: &Deadline) -> Vec<Result<EventCounts, Failure>> {
        let count = match self.commit {
            Commit::Each => batch.len(),
            Commit::Panics => panic!("as the test says"),
            Commit::OneTooFew => return vec![Ok(EventCounts::PASSED); batch.len() - 1],
            Commit::Hangs => std::future::pending().await,
        };
        let result = |id: String| match self.acts[&id] {
            Act::CommitFails(kind) => Err(failure(kind)),
            _ => {
                self.done.lock().unwrap().push(id);
                Ok(EventCounts::PASSED)
            }
        };
        batch.into_iter().take(count).map(result).collect()
    }

    async fn end_invocation(&self, summary: &BatchSummary) {
        self.summaries.lock().unwrap().push(*summary);
    }
}

#[derive(Default)]
struct Memory {
    sent: Mutex<Vec<(String, Outgoing)>>,
    hidden: Mutex<Vec<(String, Duration)>>,
    /// Messages with these bodies cannot be sent.
    refused: Vec<String>,
}

impl Queue for Memory {
    async fn send_batch(&self, url: &str, messages: &[Outgoing]) -> Vec<Result<(), Failure>> {
        assert!(messages.len() <= crate::MAX_BATCH_ENTRIES);
        let send = |message: &Outgoing| {
            if self.refused.contains(&message.body) {
                return Err(Failure::transient(Code::DependencyUnavailable, "away"));
            }
            self.sent.lock().unwrap().push((url.to_owned(), message.clone()));
            Ok(())
        };
        messages.iter().map(send).collect()
    }

    async fn hide_batch(&self, url: &str, messages: &[(&str, Duration)]) -> Vec<bool> {
        assert_eq!(url, QUEUE);
        assert!(messages.len() <= crate::MAX_BATCH_ENTRIES);
        let named = messages.iter().map(|(receipt, wait)| ((*receipt).to_owned(), *wait));
        self.hidden.lock().unwrap().extend(named);
        vec![true; messages.len()]
    }
}

/// Tells tokio's time, which is paused and advances only when all tasks wait for it.
struct Paused(tokio::time::Instant);

impl Clock for Paused {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(START_MS).plus(self.0.elapsed())
    }
}

struct Rig {
    batches: Batches<Script, Arc<Memory>>,
    deadline: Deadline,
}

/// What became of a batch, by message id.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ends {
    done: Vec<String>,
    dead: Vec<String>,
    parked: Vec<String>,
    returned: Vec<String>,
}

/// A parked copy as it was sent, and what it carries.
struct Copy {
    message: Outgoing,
    parked: Parked,
}

/// A record in its first receive. Its place in the batch gives its id and body.
fn record(place: usize) -> Record {
    Record {
        message_id: format!("m{place}"),
        receipt_handle: format!("r{place}"),
        body: format!(" Body {place} \u{e9}\t{{ \r\n"),
        receive_count: 1,
        ..Record::default()
    }
}

fn records(acts: &[Act]) -> Vec<Record> {
    (0..acts.len()).map(record).collect()
}

impl Rig {
    /// Runs within a tokio runtime whose time is paused.
    fn new(acts: &[Act], commit: Commit, queue: Memory) -> Self {
        let acts = acts.iter().enumerate().map(|(n, act)| (format!("m{n}"), *act)).collect();
        let queue = Arc::new(queue);
        let clock = Arc::new(Paused(tokio::time::Instant::now()));
        Self {
            batches: Batches {
                stage: Script { acts, commit, ..Script::default() },
                dead_letters: DeadLetterQueue::new(Arc::clone(&queue), DLQ.to_owned()),
                policy: Policy::new(QUEUE.to_owned(), MAX_RECEIVES),
                queue,
                metrics: Recorder::new("Test"),
            },
            deadline: Deadline::new(Timestamp::from_unix_ms(START_MS).plus(INVOCATION), clock),
        }
    }

    fn of(acts: &[Act]) -> Self {
        Self::new(acts, Commit::Each, Memory::default())
    }

    async fn run(&self, records: Vec<Record>) -> Ends {
        let response = self.batches.run(records, &self.deadline).await;
        let mut ends = Ends {
            done: self.batches.stage.done.lock().unwrap().clone(),
            dead: self.letters().into_iter().map(|(id, _)| id).collect(),
            parked: self.copies().into_iter().map(|copy| copy.parked.message_id).collect(),
            returned: response.failures.into_iter().map(|failed| failed.message_id).collect(),
        };
        for ids in [&mut ends.done, &mut ends.dead, &mut ends.parked, &mut ends.returned] {
            ids.sort();
        }
        ends
    }

    /// The dead letters, by the id of the message that each was made from.
    fn letters(&self) -> Vec<(String, event::DeadLetter)> {
        let sent = self.batches.queue.sent.lock().unwrap();
        let read = |(_, message): &(String, Outgoing)| {
            let letter = event::DeadLetter::read(&message.attributes).unwrap();
            (letter.message_id.clone(), letter)
        };
        sent.iter().filter(|(url, _)| url == DLQ).map(read).collect()
    }

    /// The parked copies, in the order in which they were sent.
    fn copies(&self) -> Vec<Copy> {
        let sent = self.batches.queue.sent.lock().unwrap();
        let mut copies = Vec::new();
        for (url, message) in sent.iter() {
            assert!(url == QUEUE || url == DLQ, "{url}");
            if url == QUEUE {
                let parked = Parked::read(&message.attributes).unwrap();
                copies.push(Copy { message: message.clone(), parked });
            }
        }
        copies
    }

    fn hidden(&self) -> BTreeMap<String, Duration> {
        self.batches.queue.hidden.lock().unwrap().iter().cloned().collect()
    }

    fn prepared(&self) -> Vec<String> {
        self.batches.stage.prepared.lock().unwrap().clone()
    }
}

fn ends(done: &[&str], dead: &[&str], returned: &[&str]) -> Ends {
    let owned = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect();
    Ends { done: owned(done), dead: owned(dead), parked: Vec::new(), returned: owned(returned) }
}
