//! Completes the claims on the keys of an object before the object is deleted. A writer that met such a claim later
//! would find no object, and write the key again.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use aws::ClaimStore;
use dedupe::{
    Change, CommitError, Completed, DedupeRecord, Expected, InProgress, Limits, NoEffect, Owner,
    RecordId, Store, Transaction,
};
use event::{Backoff, Code, Failure, Timestamp};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

const TRIES: u32 = 6;
const BACKOFF: Backoff = Backoff::for_contention(Duration::from_secs(1));
/// The most keys that one call reads.
const AT_ONCE: usize = 100;

/// A store of dedupe records that can be read too.
pub trait Records: Store<Effect = NoEffect> {
    /// The current records of these ids in any order. An id without a record is left out.
    ///
    /// # Errors
    /// When they could not be read.
    fn read(
        &self,
        ids: &[RecordId],
    ) -> impl Future<Output = Result<Vec<(RecordId, DedupeRecord)>, Failure>> + Send;
}

impl Records for ClaimStore {
    async fn read(&self, ids: &[RecordId]) -> Result<Vec<(RecordId, DedupeRecord)>, Failure> {
        Self::read(self, ids).await
    }
}

/// Completes the claims that are left on these keys. `held` has each key with an owner whose object holds it. Only
/// claims of these owners are completed. Returns how many there were.
///
/// # Errors
/// When a claim may be left.
pub(super) async fn complete<R: Records>(
    records: &R,
    held: &[(RecordId, Owner)],
    calls_at_once: usize,
    now: Timestamp,
) -> Result<usize, Failure> {
    let mut owners: BTreeMap<&RecordId, BTreeSet<&Owner>> = BTreeMap::new();
    for (id, owner) in held {
        owners.entry(id).or_default().insert(owner);
    }
    let mut ids: Vec<RecordId> = owners.keys().map(|&id| id.clone()).collect();
    let mut completed = 0;
    for tried in 0..TRIES {
        if tried > 0 {
            let seed = ids.first().map(RecordId::to_string).unwrap_or_default();
            records.pause(BACKOFF.wait(tried, &seed)).await;
        }
        let reads = ids.chunks(AT_ONCE).map(|ids| records.read(ids));
        let found: Vec<Vec<(RecordId, DedupeRecord)>> =
            stream::iter(reads).buffered(calls_at_once).try_collect().await?;
        let mut claims: Vec<(RecordId, InProgress)> = Vec::new();
        for (id, record) in found.into_iter().flatten() {
            if let DedupeRecord::InProgress(claim) = record
                && owners.get(&id).is_some_and(|of_key| of_key.contains(&claim.owner))
            {
                claims.push((id, claim));
            }
        }
        if claims.is_empty() {
            return Ok(completed);
        }
        for chunk in claims.chunks(Limits::DYNAMODB.actions) {
            let changes = chunk.iter().map(completion).collect();
            match records.commit(Transaction { changes, effects: Vec::new() }, now).await {
                Ok(()) => completed += chunk.len(),
                // Others have completed some of them. The next round reads them again.
                Err(CommitError::Cancelled { .. }) => {}
                Err(CommitError::Rejected { reason, .. }) => {
                    return Err(Failure::permanent(Code::DependencyRefused, reason));
                }
                Err(CommitError::Failed(failure)) => return Err(failure),
            }
        }
        ids = claims.into_iter().map(|(id, _)| id).collect();
    }
    Err(Failure::throttled(None, "completing claims: others held them each time"))
}

/// Completes a claim as a writer does that meets the claim of a dead one.
fn completion((id, claim): &(RecordId, InProgress)) -> Change {
    let InProgress { owner, fingerprint, expires_at, .. } = claim.clone();
    let place = Some(owner.to_string());
    let to = Some(DedupeRecord::Completed(Completed { fingerprint, place, expires_at }));
    Change { id: id.clone(), expected: Expected::Held(owner), to }
}
