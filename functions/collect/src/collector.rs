//! Collects a batch of dead letters into the store. It writes their messages into an object first, and the index
//! second. Lambda deletes last, and only letters that are in both. So a letter stays in its queue until it is in the
//! store as a whole. A dead-letter queue has no queue after it that could take the letter.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contracts::Catalog;
use event::{Failure, Timestamp};
use letters::{
    INGEST, IndexWrite, IndexWritten, Indexed, LetterId, LetterIndex, LetterObjects, Place, RunId,
};
use runtime::{BatchItemFailure, BatchResponse, Claims, Deadline, Record, TrustedSenders};

use crate::letter::Received;
use crate::segment::Segment;
use crate::step::{Change, Identity, Step};

/// The time that the invocation must have left to answer.
const RESERVE: Duration = Duration::from_secs(2);

/// How often letters are tried that others have changed in the meantime, or whose outcome is unknown.
const MOST_ROUNDS: usize = 6;

pub(crate) struct Collector<I, O> {
    pub(crate) index: I,
    pub(crate) objects: O,
    pub(crate) contracts: Catalog,
    /// The stage whose letters are in each dead-letter queue, by the queue's ARN.
    pub(crate) stages: BTreeMap<String, String>,
    /// The senders whose messages in the inbox may say that they failed or were redriven before.
    pub(crate) trusted_senders: TrustedSenders,
    /// The events that are too large for a message.
    pub(crate) claims: Claims,
}

/// What became of a received letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Written(Change),
    /// The store has it already.
    Known,
    /// It stays in its queue.
    Failed,
}

/// A received letter that has to be written.
struct Pending {
    /// Its position in the batch.
    index: usize,
    received: Received,
    identity: Identity,
    /// The place of its message, once that is written.
    place: Option<Place>,
}

/// A write of the index, and the position of its letter in the batch.
struct Write {
    index: usize,
    change: Change,
    write: IndexWrite,
}

impl<I: LetterIndex, O: LetterObjects> Collector<I, O> {
    /// Collects a batch, which never fails as a whole. Letters that stay in their queues are received again.
    pub(crate) async fn collect(&self, records: Vec<Record>, deadline: &Deadline) -> BatchResponse {
        let mut response = BatchResponse::default();
        let mut by_stage: BTreeMap<&str, Vec<Record>> = BTreeMap::new();
        for mut record in records {
            let Some(stage) = self.stages.get(&record.queue_arn) else {
                tracing::error!(queue = record.queue_arn, "no stage has this dead-letter queue");
                response.failures.push(BatchItemFailure { message_id: record.message_id });
                continue;
            };
            // A letter that was sent to this queue is from a function, since nobody else may send there. A letter that
            // SQS moved may be from a producer only if it was in the inbox. Only functions send to the other queues.
            record.is_from_untrusted = stage == INGEST
                && record.moved_from.is_some()
                && !self.trusted_senders.include(&record);
            by_stage.entry(stage).or_default().push(record);
        }
        for (stage, records) in by_stage {
            let ids: Vec<String> = records.iter().map(|it| it.message_id.clone()).collect();
            let limit = deadline.remaining().saturating_sub(RESERVE);
            let collecting = self.collect_stage(stage, records, deadline.now());
            let collected = match limit {
                Duration::ZERO => None,
                limit => tokio::time::timeout(limit, collecting).await.ok(),
            };
            let outcomes = collected.unwrap_or_else(|| {
                tracing::warn!(stage, "the batch was not collected in time");
                vec![Outcome::Failed; ids.len()]
            });
            log(stage, &outcomes);
            let failed = ids.into_iter().zip(outcomes).filter(|(_, it)| *it == Outcome::Failed);
            response.failures.extend(failed.map(|(message_id, _)| BatchItemFailure { message_id }));
        }
        response
    }

    /// Collects the letters of one stage. Returns an outcome for each, in their order.
    async fn collect_stage(
        &self,
        stage: &str,
        records: Vec<Record>,
        now: Timestamp,
    ) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::Failed; records.len()];
        let mut received = Vec::with_capacity(records.len());
        for record in records {
            received.push(Received::read(stage, record, now, &self.contracts));
        }
        // The index is read before anything is written. While it is unavailable, no object is left behind that no entry
        // points to.
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
        self.read_tenants(stage, &mut pending).await;
        if let Err(failure) = self.add_messages(stage, &mut pending, now).await {
            warn(stage, &failure, "no messages were written");
            return outcomes;
        }
        // If two messages are the same letter, the one that a run sent back is written first, since the run waits for
        // it.
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

    /// Reads the tenants of large events, one event at a time. A letter whose event cannot be read has no tenant, and is
    /// collected all the same: its failure may be that the event is gone.
    async fn read_tenants(&self, stage: &str, pending: &mut [Pending]) {
        for pending in pending {
            if let Err(failure) = pending.received.read_tenant(&self.contracts, &self.claims).await
            {
                warn(stage, &failure, "the tenant of an event was not read");
            }
        }
    }

    /// Writes pending letters, and removes those from `pending` whose outcome is certain. Returns the letters whose
    /// state in the index is not known.
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
                // It is received again, and is a letter of its own then.
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

    /// Reads the letters with these ids. An id without a letter is left out. `None` if the index does not answer.
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

    /// Writes the messages of all pending letters into one object.
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
        // The key is used once. If there is an object already, an earlier attempt of this call wrote it.
        self.objects.add(&key, body).await?;
        for (pending, place) in pending.iter_mut().zip(places) {
            pending.place = Some(place);
        }
        Ok(())
    }
}

/// The ids of the letters that received messages may be.
fn ids_of(received: &[Received]) -> BTreeSet<LetterId> {
    let mut ids = BTreeSet::new();
    for it in received {
        ids.insert(it.message.id.clone());
        // A text that is not an id is not that of a letter, and DynamoDB may refuse it as a key.
        if let Some(mark) = it.mark().filter(|mark| is_id(&mark.letter)) {
            ids.insert(LetterId(mark.letter.clone()));
        }
    }
    ids
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn warn(stage: &str, failure: &Failure, what: &str) {
    tracing::warn!(stage, failure.code = %failure.code, failure.reason = %failure.reason, "{what}");
}

fn log(stage: &str, outcomes: &[Outcome]) {
    tracing::info!(
        stage,
        letters.received = outcomes.len(),
        letters.new = count(outcomes, Outcome::Written(Change::New)),
        letters.came_back = count(outcomes, Outcome::Written(Change::CameBack)),
        letters.recalled = count(outcomes, Outcome::Written(Change::Recalled)),
        letters.copies = count(outcomes, Outcome::Written(Change::Copy)),
        letters.known = count(outcomes, Outcome::Known),
        letters.failed = count(outcomes, Outcome::Failed),
        "letters collected"
    );
}

fn count(outcomes: &[Outcome], outcome: Outcome) -> usize {
    outcomes.iter().filter(|it| **it == outcome).count()
}

#[cfg(test)]
pub(crate) mod tests;
