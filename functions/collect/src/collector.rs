//! A batch of dead letters into the store: their messages in an object first, then the index. Lambda deletes last, and
//! only what is in both. So a letter is never partly there, and is in its queue for as long as it is not in the store:
//! no other queue takes it from there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contracts::Catalog;
use event::{Failure, Timestamp};
use letters::{
    INGEST, IndexWrite, IndexWritten, Indexed, LetterId, LetterIndex, LetterObjects, Place, RunId,
};
use runtime::{BatchItemFailure, BatchResponse, Deadline, Record, TrustedSenders};

use crate::letter::Received;
use crate::segment::Segment;
use crate::step::{Change, Identity, Step};

/// What must be left of the invocation to answer.
const RESERVE: Duration = Duration::from_secs(2);

/// How often what another has changed meanwhile, or of which nothing is known, is tried.
const MOST_ROUNDS: usize = 6;

pub(crate) struct Collector<I, O> {
    pub(crate) index: I,
    pub(crate) objects: O,
    pub(crate) contracts: Catalog,
    /// By the ARN of each dead-letter queue, the stage whose letters are in it.
    pub(crate) stages: BTreeMap<String, String>,
    /// Whose messages in the inbox may say that they failed before, or were brought back.
    pub(crate) trusted_senders: TrustedSenders,
}

/// What became of a received letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Written(Change),
    /// It was there before.
    Known,
    /// It stays in its queue.
    Failed,
}

/// A received letter, as one of the store.
struct Pending {
    /// Its place in the batch.
    index: usize,
    received: Received,
    identity: Identity,
    /// Where its message is.
    place: Option<Place>,
}

/// A write of the index, and whose it is.
struct Write {
    index: usize,
    change: Change,
    write: IndexWrite,
}

impl<I: LetterIndex, O: LetterObjects> Collector<I, O> {
    /// Works off a batch; never fails as a whole. What stays in its queue is received again.
    pub(crate) async fn collect(&self, records: Vec<Record>, deadline: &Deadline) -> BatchResponse {
        let mut response = BatchResponse::default();
        let mut by_stage: BTreeMap<&str, Vec<Record>> = BTreeMap::new();
        for mut record in records {
            let Some(stage) = self.stages.get(&record.queue_arn) else {
                tracing::error!(queue = record.queue_arn, "no stage has this dead-letter queue");
                response.failures.push(BatchItemFailure { message_id: record.message_id });
                continue;
            };
            // What a function wrote into the queue is the function's, since nobody else may send there. What SQS moved was
            // a producer's at most in the inbox: functions alone send to the other queues.
            record.is_from_untrusted = stage == INGEST
                && record.moved_from.is_some()
                && !self.trusted_senders.include(&record);
            by_stage.entry(stage).or_default().push(record);
        }
        for (stage, records) in by_stage {
            let ids: Vec<String> = records.iter().map(|it| it.message_id.clone()).collect();
            let limit = deadline.remaining().saturating_sub(RESERVE);
            let collected = self.collect_stage(stage, records, deadline.now());
            let outcomes = match limit {
                Duration::ZERO => None,
                limit => tokio::time::timeout(limit, collected).await.ok(),
            };
            let outcomes = outcomes.unwrap_or_else(|| {
                tracing::warn!(stage, "the batch was not collected in time");
                vec![Outcome::Failed; ids.len()]
            });
            log(stage, &outcomes);
            let failed = ids.into_iter().zip(outcomes).filter(|(_, it)| *it == Outcome::Failed);
            response.failures.extend(failed.map(|(message_id, _)| BatchItemFailure { message_id }));
        }
        response
    }

    /// One outcome for each, in their order.
    async fn collect_stage(
        &self,
        stage: &str,
        records: Vec<Record>,
        now: Timestamp,
    ) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::Failed; records.len()];
        let read = |record| Received::read(stage, record, now, &self.contracts);
        let received: Vec<Received> = records.into_iter().map(read).collect();
        // Before anything is written: while the index is away, no object is left that nothing points to.
        let Some(mut found) = self.read(stage, ids_of(&received)).await else { return outcomes };
        let mut pending = Vec::with_capacity(received.len());
        for (index, received) in received.into_iter().enumerate() {
            let identity = Identity::of(&received, |id| found.contains_key(id));
            match identity.step(&received, found.get(&identity.id)) {
                Step::Nothing => outcomes[index] = Outcome::Known,
                Step::Write { .. } | Step::Gone => {
                    pending.push(Pending { index, received, identity, place: None });
                }
            }
        }
        if pending.is_empty() {
            return outcomes;
        }
        if let Err(failure) = self.add_messages(stage, &mut pending, now).await {
            warn(stage, &failure, "no messages were written");
            return outcomes;
        }
        // Of two letters that are the same one, a run waits for what becomes of the one that it brought back.
        pending.sort_by_key(|pending| pending.identity.redrive.is_none());
        for _ in 0..MOST_ROUNDS {
            let unknown =
                self.write_round(stage, &mut pending, &mut found, &mut outcomes, now).await;
            if pending.is_empty() {
                break;
            }
            if !unknown.is_empty() {
                let Some(read) = self.read(stage, unknown.clone()).await else { break };
                for id in &unknown {
                    found.remove(id);
                }
                found.extend(read);
            }
        }
        outcomes
    }

    /// Takes out of `pending` what is certain. Answers of which letters it is not known what they are now.
    async fn write_round(
        &self,
        stage: &str,
        pending: &mut Vec<Pending>,
        found: &mut BTreeMap<LetterId, Indexed>,
        outcomes: &mut [Outcome],
        now: Timestamp,
    ) -> BTreeSet<LetterId> {
        let mut writes: BTreeMap<Option<RunId>, Vec<Write>> = BTreeMap::new();
        let mut being_written: BTreeSet<LetterId> = BTreeSet::new();
        pending.retain(|Pending { index, received, identity, place }| {
            let before = found.get(&identity.id);
            let (Some(place), false) = (place, being_written.contains(&identity.id)) else {
                return true;
            };
            match identity.step(received, before) {
                Step::Nothing => {
                    outcomes[*index] = Outcome::Known;
                    false
                }
                // It is received again, as a letter of its own.
                Step::Gone => false,
                Step::Write { change, letter } => {
                    let expected = before.map(|before| before.letter.version);
                    let entry = identity.entry(change, received, before, place, now);
                    let write = IndexWrite { expected, to: Indexed { entry, letter } };
                    let run = identity.run(change).cloned();
                    let write = Write { index: *index, change, write };
                    writes.entry(run).or_default().push(write);
                    being_written.insert(identity.id.clone());
                    true
                }
            }
        });
        let mut unknown = BTreeSet::new();
        for (run, writes) in writes {
            let asked: Vec<IndexWrite> = writes.iter().map(|it| it.write.clone()).collect();
            let written = self.index.write(&asked, run.as_ref()).await;
            for (Write { index, change, write }, written) in writes.into_iter().zip(written) {
                let id = write.to.entry.id.clone();
                match written {
                    IndexWritten::Written => {
                        found.insert(id, write.to);
                        outcomes[index] = Outcome::Written(change);
                        pending.retain(|pending| pending.index != index);
                    }
                    IndexWritten::Conflict(there) => {
                        found.insert(id, *there);
                    }
                    IndexWritten::Unknown(failure) => {
                        warn(stage, &failure, "it is not known whether a letter was written");
                        unknown.insert(id);
                    }
                }
            }
        }
        unknown
    }

    /// The letters of these that there are; `None` where that cannot be known.
    async fn read(
        &self,
        stage: &str,
        ids: BTreeSet<LetterId>,
    ) -> Option<BTreeMap<LetterId, Indexed>> {
        let ids: Vec<LetterId> = ids.into_iter().collect();
        match self.index.read(&ids).await {
            Ok(letters) => {
                let there = ids.into_iter().zip(letters);
                Some(there.filter_map(|(id, letter)| Some((id, letter?))).collect())
            }
            Err(failure) => {
                warn(stage, &failure, "the index was not read");
                None
            }
        }
    }

    /// Writes the messages of all that is pending, as one object.
    async fn add_messages(
        &self,
        stage: &str,
        pending: &mut [Pending],
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mut messages = Vec::with_capacity(pending.len());
        for pending in pending.iter() {
            let mut message = pending.received.message.clone();
            message.id = pending.identity.id.clone();
            messages.push(message);
        }
        let Segment { key, body, places } = Segment::of(stage, &messages, now)?;
        // What is there already under a name that was never used is an earlier try of this very call.
        self.objects.add(&key, body).await?;
        for (pending, place) in pending.iter_mut().zip(places) {
            pending.place = Some(place);
        }
        Ok(())
    }
}

/// The letters that received ones may be.
fn ids_of(received: &[Received]) -> BTreeSet<LetterId> {
    let marked = received.iter().filter_map(Received::mark);
    // What is no id is no letter's, and may be no key.
    let marked = marked.map(|mark| &mark.letter).filter(|id| is_id(id));
    let marked = marked.map(|id| LetterId(id.clone()));
    received.iter().map(|it| it.message.id.clone()).chain(marked).collect()
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn warn(stage: &str, failure: &Failure, what: &str) {
    tracing::warn!(stage, failure.code = %failure.code, failure.reason = %failure.reason, "{what}");
}

fn log(stage: &str, outcomes: &[Outcome]) {
    let count = |outcome| outcomes.iter().filter(|it| **it == outcome).count();
    tracing::info!(
        stage,
        letters.received = outcomes.len(),
        letters.new = count(Outcome::Written(Change::New)),
        letters.came_back = count(Outcome::Written(Change::CameBack)),
        letters.recalled = count(Outcome::Written(Change::Recalled)),
        letters.copies = count(Outcome::Written(Change::Copy)),
        letters.known = count(Outcome::Known),
        letters.failed = count(Outcome::Failed),
        "letters collected"
    );
}

#[cfg(test)]
pub(crate) mod tests;
