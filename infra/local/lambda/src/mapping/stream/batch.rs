//! Decides what happens to a batch after an attempt. The code is pure.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>. Lambda does
//! not document how long it waits between attempts, nor whether the retries of a batch are counted from
//! zero again after a part of it succeeded. Here they are not.

use super::super::event;
use super::record::EventRecord;

/// The delay before the first retry, in milliseconds. It doubles with each retry.
pub(super) const FIRST_DELAY_MS: u64 = 200;
const DELAY_LIMIT_MS: u64 = 60_000;

/// How often a failed batch is retried.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryRules {
    /// Whether a batch that failed as a whole is split in half.
    pub(super) bisect: bool,
    /// The maximum number of retries; `None` means no limit.
    pub(super) maximum_retries: Option<u32>,
}

/// The last response of the function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) request_id: String,
    pub(super) function_error: Option<&'static str>,
}

/// Records that are delivered together, in order, with the number of attempts so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) records: Vec<EventRecord>,
    pub(super) invocations: u32,
    pub(super) answer: Option<Answer>,
    retries: u32,
    delay_ms: u64,
}

/// The result of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttemptResult {
    Done,
    /// The function did not run.
    NotInvoked,
    Failed,
    /// The record at this index failed first. All records before it are done.
    FailedFrom(usize),
}

/// What to do after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    /// All records are done.
    Done,
    /// Deliver these batches at once, in order.
    RetryNow(Vec<Batch>),
    /// Deliver the batch again after a delay.
    RetryAfter { delay_ms: u64, batch: Batch },
    /// Discard the batch.
    Discard(Batch),
}

impl Batch {
    pub(super) fn new(records: Vec<EventRecord>) -> Self {
        Self { records, delay_ms: FIRST_DELAY_MS, ..Self::default() }
    }

    /// Splits off the records that do not fit into one payload.
    pub(super) fn split_to_fit(mut self, limit: usize) -> (Self, Option<Self>) {
        let count =
            event::count_that_fit(self.records.iter().map(|record| record.text.len()), limit);
        let rest = self.split_off(count);
        (self, rest)
    }

    /// Separates the records that are older than `oldest_ms` from the others.
    pub(super) fn split_expired(mut self, oldest_ms: u64) -> (Option<Self>, Option<Self>) {
        let old = self.records.iter().take_while(|record| record.created_ms < oldest_ms).count();
        let rest = self.split_off(old);
        (Some(self).filter(|batch| !batch.records.is_empty()), rest)
    }

    /// Decides what happens to the batch after an attempt.
    pub(super) fn next_step(
        mut self,
        attempt: AttemptResult,
        retry_rules: &RetryRules,
    ) -> NextStep {
        match attempt {
            AttemptResult::Done => NextStep::Done,
            AttemptResult::NotInvoked => self.retry_later(),
            AttemptResult::Failed if retry_rules.bisect && self.records.len() > 1 => {
                let half = self.records.len().div_ceil(2);
                let rest = self.split_off(half);
                NextStep::RetryNow(std::iter::once(self).chain(rest).collect())
            }
            AttemptResult::FailedFrom(first) if first > 0 => {
                self.records.drain(..first.min(self.records.len()));
                self.delay_ms = FIRST_DELAY_MS;
                // Like a bisection, a split at the failed record does not count as a retry.
                if retry_rules.bisect {
                    NextStep::RetryNow(vec![self])
                } else {
                    self.retry(retry_rules)
                }
            }
            AttemptResult::Failed | AttemptResult::FailedFrom(_) => self.retry(retry_rules),
        }
    }

    fn retry(mut self, retry_rules: &RetryRules) -> NextStep {
        if retry_rules.maximum_retries.is_some_and(|most| self.retries >= most) {
            return NextStep::Discard(self);
        }
        self.retries += 1;
        self.retry_later()
    }

    fn retry_later(mut self) -> NextStep {
        let delay_ms = self.delay_ms;
        self.delay_ms = delay_ms.saturating_mul(2).min(DELAY_LIMIT_MS);
        NextStep::RetryAfter { delay_ms, batch: self }
    }

    /// Splits off the records from an index on, with the same number of attempts. Returns `None` if there
    /// are none.
    fn split_off(&mut self, at: usize) -> Option<Self> {
        let records = self.records.split_off(at.min(self.records.len()));
        (!records.is_empty()).then(|| Self { records, ..self.without_records() })
    }

    fn without_records(&self) -> Self {
        Self {
            records: Vec::new(),
            invocations: self.invocations,
            answer: self.answer.clone(),
            retries: self.retries,
            delay_ms: self.delay_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(names: &str) -> Batch {
        let records = names.chars().map(|name| EventRecord {
            sequence_number: name.to_string(),
            created_ms: u64::from(u32::from(name)),
            text: name.to_string(),
        });
        Batch::new(records.collect())
    }

    fn names(batch: &Batch) -> String {
        batch.records.iter().map(|record| record.sequence_number.as_str()).collect()
    }

    fn describe(next: &NextStep) -> String {
        match next {
            NextStep::Done => "nothing".to_owned(),
            NextStep::RetryNow(batches) => batches.iter().map(names).collect::<Vec<_>>().join(" "),
            NextStep::RetryAfter { delay_ms, batch } => {
                format!("{} after {delay_ms}", names(batch))
            }
            NextStep::Discard(batch) => format!("{} given up", names(batch)),
        }
    }

    /// The rules are the retries and, after a `b`, bisecting.
    #[track_caller]
    fn check(retry_rules: &str, attempts: &[AttemptResult], expected: &[&str]) {
        let most = retry_rules.trim_end_matches('b').parse().ok();
        let retry_rules = RetryRules { bisect: retry_rules.ends_with('b'), maximum_retries: most };
        let mut batch = batch("abcd");
        let mut seen = Vec::new();
        for attempt in attempts {
            let next = batch.next_step(*attempt, &retry_rules);
            seen.push(describe(&next));
            batch = match next {
                NextStep::RetryAfter { batch, .. } => batch,
                NextStep::RetryNow(batches) => batches.into_iter().next().unwrap(),
                NextStep::Done | NextStep::Discard(_) => break,
            };
        }
        assert_eq!(seen, expected, "{attempts:?}");
    }

    const FAILED: AttemptResult = AttemptResult::Failed;

    #[test]
    fn a_batch_is_tried_again_after_ever_longer_waits_until_it_is_done() {
        let tries = [FAILED, FAILED, FAILED, AttemptResult::Done];
        check("", &tries, &["abcd after 200", "abcd after 400", "abcd after 800", "nothing"]);
        let mut next =
            batch("a").next_step(FAILED, &RetryRules { bisect: false, maximum_retries: None });
        for _ in 0..20 {
            let NextStep::RetryAfter { batch, .. } = next else { panic!("{next:?}") };
            next = batch.next_step(FAILED, &RetryRules { bisect: false, maximum_retries: None });
        }
        assert_eq!(describe(&next), "a after 60000");
    }

    #[test]
    fn it_is_given_up_after_as_many_retries_as_are_allowed() {
        check("0", &[FAILED], &["abcd given up"]);
        check("1", &[FAILED, FAILED], &["abcd after 200", "abcd given up"]);
        let tries = [AttemptResult::NotInvoked, FAILED, FAILED];
        let expected = ["abcd after 200", "abcd after 400", "abcd given up"];
        check("1", &tries, &expected);
    }

    #[test]
    fn what_is_done_before_the_first_failure_is_not_tried_again() {
        let tries = [
            AttemptResult::FailedFrom(2),
            AttemptResult::FailedFrom(1),
            AttemptResult::FailedFrom(0),
        ];
        check("2", &tries, &["cd after 200", "d after 200", "d given up"]);
    }

    #[test]
    fn halving_and_parting_are_no_retries() {
        check("0b", &[FAILED, FAILED, FAILED], &["ab cd", "a b", "a given up"]);
        let tries = [AttemptResult::FailedFrom(2), AttemptResult::FailedFrom(0)];
        check("0b", &tries, &["cd", "cd given up"]);
    }

    #[test]
    fn old_records_are_told_from_the_rest() {
        let (old, rest) = batch("abcd").split_expired(u64::from(u32::from('c')));
        assert_eq!((names(&old.unwrap()), names(&rest.unwrap())), ("ab".into(), "cd".into()));
        assert_eq!(batch("ab").split_expired(0), (None, Some(batch("ab"))));
        assert_eq!(batch("ab").split_expired(u64::MAX), (Some(batch("ab")), None));
    }
}
