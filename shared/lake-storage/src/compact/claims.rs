//! The claims on the keys of an object, completed before the object is gone: whoever met one later would
//! find nothing in the object's place, and write its key again.

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
/// Keys to a call.
const AT_ONCE: usize = 100;

/// A store that can be read as well.
pub trait Records: Store<Effect = NoEffect> {
    /// The records of these ids as they are now, in any order; those that are not there are left out.
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

/// Completes what these owners, whose objects hold these keys, still claim; answers how many it were.
///
/// # Errors
/// When it is not sure that none is left.
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
        let claims = found.into_iter().flatten().filter_map(|(id, record)| match record {
            DedupeRecord::InProgress(claim) => Some((id, claim)),
            DedupeRecord::Completed(_) => None,
        });
        let claims: Vec<(RecordId, InProgress)> = claims
            .filter(|(id, claim)| owners.get(id).is_some_and(|of| of.contains(&claim.owner)))
            .collect();
        if claims.is_empty() {
            return Ok(completed);
        }
        for claims in claims.chunks(Limits::DYNAMODB.actions) {
            let changes = claims.iter().map(change).collect();
            match records.commit(Transaction { changes, effects: Vec::new() }, now).await {
                Ok(()) => completed += claims.len(),
                // Somebody else has completed some of them: looked at again.
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

/// As whoever meets a dead writer's claim completes it.
fn change((id, claim): &(RecordId, InProgress)) -> Change {
    let InProgress { owner, fingerprint, expires_at, .. } = claim.clone();
    let place = Some(owner.to_string());
    let to = Some(DedupeRecord::Completed(Completed { fingerprint, place, expires_at }));
    Change { id: id.clone(), expected: Expected::Held(owner), to }
}
