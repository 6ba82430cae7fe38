//! Gives back the events of a run of redrive that was cancelled, in whichever stage they are.
//!
//! An operator cancels a run because it does harm, and the messages that it has sent are still on their way. Therefore
//! a stage looks up, for each record that a run brought back, whether that run was cancelled. It does so at most once a
//! second for each run. If this cannot be found out, the record is tried again later. It had waited before, and nothing
//! is lost by that.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event::{Code, Failure, FailureKind, Timestamp};
use futures_util::future::{BoxFuture, join_all};

use crate::Record;

/// For how long the last answer about a run counts. A run that was cancelled stays so.
const REFRESH: Duration = Duration::from_secs(1);

/// The number of runs that are remembered. More are never under way at the same time.
const MOST_RUNS: usize = 100;

/// The ledger of runs, as far as a stage needs it.
pub trait RedriveRuns: Send + Sync {
    /// Whether this run was cancelled. The read is consistent. A run that does not exist was not cancelled.
    fn is_cancelled<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, Failure>>;
}

/// What one environment knows of cancelled runs. Clones share it.
#[derive(Clone)]
pub struct CancelledRedrives {
    runs: Arc<dyn RedriveRuns>,
    seen: Arc<Mutex<HashMap<String, Seen>>>,
}

#[derive(Clone, Copy)]
struct Seen {
    is_cancelled: bool,
    at: Timestamp,
}

impl fmt::Debug for CancelledRedrives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelledRedrives").finish_non_exhaustive()
    }
}

impl CancelledRedrives {
    /// Nothing is known at first; `runs` is asked.
    #[must_use]
    pub fn new(runs: Arc<dyn RedriveRuns>) -> Self {
        Self { runs, seen: Arc::default() }
    }

    /// Whether each of these records may be processed, in their order. All runs that are not known are looked up at the
    /// same time. Their answers are waited for until `limit` is over, because the batch has other records too.
    ///
    /// An error is permanent ([`Code::RedriveCancelled`]) if the run was cancelled, and transient if that is not known.
    pub(crate) async fn check(
        &self,
        records: &[Record],
        now: Timestamp,
        limit: Duration,
    ) -> Vec<Result<(), Failure>> {
        let mut runs = Vec::with_capacity(records.len());
        for record in records {
            runs.push(record.redriven().map(|redriven| redriven.run));
        }
        let mut known: BTreeMap<&str, Result<bool, Failure>> = BTreeMap::new();
        let mut unknown = BTreeSet::new();
        for run in runs.iter().flatten() {
            match self.recall(run, now) {
                Some(is_cancelled) => {
                    known.insert(run, Ok(is_cancelled));
                }
                None => {
                    unknown.insert(run.as_str());
                }
            }
        }
        let asked = unknown.into_iter().map(|run| self.ask_within(run, now, limit));
        known.extend(join_all(asked).await);
        let mut checked = Vec::with_capacity(records.len());
        for run in &runs {
            checked.push(match run.as_deref().and_then(|run| Some((run, known.get(run)?))) {
                None | Some((_, Ok(false))) => Ok(()),
                Some((run, Ok(true))) => Err(cancelled(run)),
                Some((_, Err(failure))) => Err(failure.clone()),
            });
        }
        checked
    }

    async fn ask_within<'a>(
        &self,
        run: &'a str,
        now: Timestamp,
        limit: Duration,
    ) -> (&'a str, Result<bool, Failure>) {
        match tokio::time::timeout(limit, self.ask(run, now)).await {
            Ok(answer) => (run, answer),
            Err(_elapsed) => {
                let reason = format!("not known in time whether the redrive `{run}` was cancelled");
                (run, Err(Failure::transient(Code::RecordTimedOut, reason)))
            }
        }
    }

    fn recall(&self, run: &str, now: Timestamp) -> Option<bool> {
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(run)?;
        let age = now.unix_ms() - seen.at.unix_ms();
        // A negative age means that the clock went back, and the true age is not known.
        let is_fresh = (0..i64::try_from(REFRESH.as_millis()).unwrap_or(0)).contains(&age);
        (seen.is_cancelled || is_fresh).then_some(seen.is_cancelled)
    }

    async fn ask(&self, run: &str, now: Timestamp) -> Result<bool, Failure> {
        let answer = self.runs.is_cancelled(run).await;
        let is_cancelled = answer.map_err(|failure| {
            let reason =
                format!("not known whether the redrive `{run}` was cancelled: {}", failure.reason);
            Failure { kind: FailureKind::Transient, reason: reason.into(), ..failure }
        })?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST_RUNS {
            seen.clear();
        }
        seen.insert(run.to_owned(), Seen { is_cancelled, at: now });
        Ok(is_cancelled)
    }
}

fn cancelled(run: &str) -> Failure {
    let reason = format!("the redrive `{run}` was cancelled while this was on its way");
    Failure::permanent(Code::RedriveCancelled, reason)
}

#[cfg(test)]
mod tests;
