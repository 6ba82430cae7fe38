//! What becomes of a batch that was tried: pure, whatever tried it.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>. Lambda does
//! not say how long it waits between tries, nor whether a batch of which a part succeeded has all its
//! retries again; here it has not.

use super::super::event;
use super::record::Entry;

/// The first wait before another try, in milliseconds; each is twice the one before.
pub(super) const FIRST_DELAY_MS: u64 = 200;
const DELAY_LIMIT_MS: u64 = 60_000;

/// How long failures are put up with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Whether a batch that failed as a whole is halved.
    pub(super) bisect: bool,
    /// `None` for any number.
    pub(super) maximum_retries: Option<u32>,
}

/// What the function said when it was last invoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) request_id: String,
    pub(super) function_error: Option<&'static str>,
}

/// Records that are delivered together, in their order, and how often that was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) records: Vec<Entry>,
    pub(super) invocations: u32,
    pub(super) answer: Option<Answer>,
    retries: u32,
    delay_ms: u64,
}

/// What one try came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Done,
    /// The function did not run.
    NotInvoked,
    Failed,
    /// The record at this index is the first that failed; all before it are done.
    FailedFrom(usize),
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: all is done.
    Nothing,
    /// These are delivered at once, the first first.
    AtOnce(Vec<Batch>),
    /// This is delivered after a wait.
    After { delay_ms: u64, batch: Batch },
    /// This is given up.
    GiveUp(Batch),
}

impl Batch {
    pub(super) fn new(records: Vec<Entry>) -> Self {
        Self { records, delay_ms: FIRST_DELAY_MS, ..Self::default() }
    }

    /// As much as fits into one payload, and the rest.
    pub(super) fn fitting(mut self, limit: usize) -> (Self, Option<Self>) {
        let count = event::fitting(self.records.iter().map(|record| record.text.len()), limit);
        let rest = self.split_off(count);
        (self, rest)
    }

    /// The records that are older than `oldest_ms`, and the rest.
    pub(super) fn expired(mut self, oldest_ms: u64) -> (Option<Self>, Option<Self>) {
        let old = self.records.iter().take_while(|record| record.created_ms < oldest_ms).count();
        let rest = self.split_off(old);
        (Some(self).filter(|batch| !batch.records.is_empty()), rest)
    }

    /// After a try.
    pub(super) fn next(mut self, attempt: Attempt, rules: &Rules) -> Next {
        match attempt {
            Attempt::Done => Next::Nothing,
            Attempt::NotInvoked => self.later(),
            Attempt::Failed if rules.bisect && self.records.len() > 1 => {
                let half = self.records.len().div_ceil(2);
                let rest = self.split_off(half);
                Next::AtOnce(std::iter::once(self).chain(rest).collect())
            }
            Attempt::FailedFrom(first) if first > 0 => {
                self.records.drain(..first.min(self.records.len()));
                self.delay_ms = FIRST_DELAY_MS;
                // Parted at the record that failed: that is no retry either.
                if rules.bisect { Next::AtOnce(vec![self]) } else { self.retry(rules) }
            }
            Attempt::Failed | Attempt::FailedFrom(_) => self.retry(rules),
        }
    }

    fn retry(mut self, rules: &Rules) -> Next {
        if rules.maximum_retries.is_some_and(|most| self.retries >= most) {
            return Next::GiveUp(self);
        }
        self.retries += 1;
        self.later()
    }

    fn later(mut self) -> Next {
        let delay_ms = self.delay_ms;
        self.delay_ms = delay_ms.saturating_mul(2).min(DELAY_LIMIT_MS);
        Next::After { delay_ms, batch: self }
    }

    /// Cuts off the records from an index on, with the same past; `None` where there are none.
    fn split_off(&mut self, at: usize) -> Option<Self> {
        let records = self.records.split_off(at.min(self.records.len()));
        (!records.is_empty()).then(|| Self { records, ..self.past() })
    }

    fn past(&self) -> Self {
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
        let entry = |name: char| Entry {
            sequence_number: name.to_string(),
            created_ms: u64::from(u32::from(name)),
            text: name.to_string(),
        };
        Batch::new(names.chars().map(entry).collect())
    }

    fn names(batch: &Batch) -> String {
        batch.records.iter().map(|record| record.sequence_number.as_str()).collect()
    }

    fn told(next: &Next) -> String {
        match next {
            Next::Nothing => "nothing".to_owned(),
            Next::AtOnce(batches) => batches.iter().map(names).collect::<Vec<_>>().join(" "),
            Next::After { delay_ms, batch } => format!("{} after {delay_ms}", names(batch)),
            Next::GiveUp(batch) => format!("{} given up", names(batch)),
        }
    }

    /// The rules are the retries and, after a `b`, bisecting.
    #[track_caller]
    fn check(rules: &str, attempts: &[Attempt], expected: &[&str]) {
        let most = rules.trim_end_matches('b').parse().ok();
        let rules = Rules { bisect: rules.ends_with('b'), maximum_retries: most };
        let mut batch = batch("abcd");
        let mut seen = Vec::new();
        for attempt in attempts {
            let next = batch.next(*attempt, &rules);
            seen.push(told(&next));
            batch = match next {
                Next::After { batch, .. } => batch,
                Next::AtOnce(batches) => batches.into_iter().next().unwrap(),
                Next::Nothing | Next::GiveUp(_) => break,
            };
        }
        assert_eq!(seen, expected, "{attempts:?}");
    }

    const FAILED: Attempt = Attempt::Failed;

    #[test]
    fn a_batch_is_tried_again_after_ever_longer_waits_until_it_is_done() {
        let tries = [FAILED, FAILED, FAILED, Attempt::Done];
        check("", &tries, &["abcd after 200", "abcd after 400", "abcd after 800", "nothing"]);
        let mut next = batch("a").next(FAILED, &Rules { bisect: false, maximum_retries: None });
        for _ in 0..20 {
            let Next::After { batch, .. } = next else { panic!("{next:?}") };
            next = batch.next(FAILED, &Rules { bisect: false, maximum_retries: None });
        }
        assert_eq!(told(&next), "a after 60000");
    }

    #[test]
    fn it_is_given_up_after_as_many_retries_as_are_allowed() {
        check("0", &[FAILED], &["abcd given up"]);
        check("1", &[FAILED, FAILED], &["abcd after 200", "abcd given up"]);
        let tries = [Attempt::NotInvoked, FAILED, FAILED];
        let expected = ["abcd after 200", "abcd after 400", "abcd given up"];
        check("1", &tries, &expected);
    }

    #[test]
    fn what_is_done_before_the_first_failure_is_not_tried_again() {
        let tries = [Attempt::FailedFrom(2), Attempt::FailedFrom(1), Attempt::FailedFrom(0)];
        check("2", &tries, &["cd after 200", "d after 200", "d given up"]);
    }

    #[test]
    fn halving_and_parting_are_no_retries() {
        check("0b", &[FAILED, FAILED, FAILED], &["ab cd", "a b", "a given up"]);
        let tries = [Attempt::FailedFrom(2), Attempt::FailedFrom(0)];
        check("0b", &tries, &["cd", "cd given up"]);
    }

    #[test]
    fn old_records_are_told_from_the_rest() {
        let (old, rest) = batch("abcd").expired(u64::from(u32::from('c')));
        assert_eq!((names(&old.unwrap()), names(&rest.unwrap())), ("ab".into(), "cd".into()));
        assert_eq!(batch("ab").expired(0), (None, Some(batch("ab"))));
        assert_eq!(batch("ab").expired(u64::MAX), (Some(batch("ab")), None));
    }
}
