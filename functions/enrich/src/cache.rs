//! What an environment remembers of one enricher's answers, and asking only once what many want to know.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contracts::CacheRule;
use event::Timestamp;
use quick_cache::Weighter;
use quick_cache::unsync;
use serde_json::value::RawValue;
use tokio::sync::Mutex as AsyncMutex;

/// What a service has for a request; `None` if it has nothing.
pub(crate) type Known = Option<Box<RawValue>>;

/// The most bytes that one enricher's answers take, with their requests.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Answers by their requests. What is asked least often is forgotten first (S3-FIFO:
/// <https://s3fifo.com>).
pub(crate) struct Cache<F> {
    rule: CacheRule,
    answers: Mutex<unsync::Cache<String, Remembered, Weight>>,
    /// Requests that are under way.
    under_way: Mutex<BTreeMap<String, Arc<Asking<F>>>>,
}

/// One request for all who want its answer. Who asks it holds the lock; what came of it is there after that.
type Asking<F> = AsyncMutex<Option<Result<Known, F>>>;

#[derive(Clone)]
struct Remembered {
    answer: Known,
    at: Timestamp,
}

/// What an answer takes, about; and at the least its share of [`MOST_BYTES`], so that there are never more of
/// them than there may be.
#[derive(Clone)]
struct Weight {
    least: u64,
}

impl Weighter<String, Remembered> for Weight {
    fn weight(&self, request: &String, remembered: &Remembered) -> u64 {
        let answer = remembered.answer.as_ref().map_or(0, |answer| answer.get().len());
        let bytes = request.len() + answer + size_of::<Remembered>();
        u64::try_from(bytes).unwrap_or(u64::MAX).max(self.least)
    }
}

/// Takes a request off those that are under way, also where whoever asked it was ended.
struct Landing<'a, F> {
    cache: &'a Cache<F>,
    request: &'a str,
}

impl<F> Drop for Landing<'_, F> {
    fn drop(&mut self) {
        self.cache.under_way().remove(self.request);
    }
}

impl<F: Clone> Cache<F> {
    pub(crate) fn new(rule: CacheRule) -> Self {
        let least = MOST_BYTES / u64::try_from(rule.entries).unwrap_or(u64::MAX).max(1);
        let answers = unsync::Cache::with_weighter(rule.entries, MOST_BYTES, Weight { least });
        Self { rule, answers: Mutex::new(answers), under_way: Mutex::default() }
    }

    /// The answer to a request: what is remembered of it, or what `ask` finds out. Those who want it at the
    /// same time share one, and its failure too.
    pub(crate) async fn answer(
        &self,
        request: &str,
        now: impl Fn() -> Timestamp,
        ask: impl Future<Output = Result<Known, F>>,
    ) -> Result<Known, F> {
        if let Some(answer) = self.fresh(request, now()) {
            return Ok(answer);
        }
        let asking = Arc::clone(self.under_way().entry(request.to_owned()).or_default());
        let mut outcome = asking.lock().await;
        if let Some(outcome) = &*outcome {
            return outcome.clone();
        }
        // Whoever held the lock before, if anybody did, was ended in the middle of its request.
        let _landing = Landing { cache: self, request };
        let answered = ask.await;
        if let Ok(answer) = &answered {
            self.remember(request, answer.clone(), now());
        }
        *outcome = Some(answered.clone());
        answered
    }

    /// An answer that is out of date, and may stand in for a service that is away.
    pub(crate) fn stale(&self, request: &str, now: Timestamp) -> Option<Box<RawValue>> {
        let Remembered { answer, at } = self.answers().get(request)?.clone();
        (now.since(at) < self.rule.ttl() + self.rule.stale()).then_some(answer).flatten()
    }

    fn fresh(&self, request: &str, now: Timestamp) -> Option<Known> {
        let Remembered { answer, at } = self.answers().get(request)?.clone();
        let ttl = if answer.is_some() { self.rule.ttl() } else { self.rule.absent_ttl() };
        (now.since(at) < ttl).then_some(answer)
    }

    fn remember(&self, request: &str, answer: Known, at: Timestamp) {
        self.answers().insert(request.to_owned(), Remembered { answer, at });
    }
}

impl<F> Cache<F> {
    fn answers(&self) -> MutexGuard<'_, unsync::Cache<String, Remembered, Weight>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Asking<F>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use futures_util::future::join_all;

    use super::*;

    fn cache(rule: &str) -> Cache<&'static str> {
        let yaml = format!("{{{rule}}}");
        Cache::new(serde_json::from_str(&yaml).unwrap())
    }

    fn document(text: &str) -> Known {
        Some(RawValue::from_string(text.to_owned()).unwrap())
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_ms(1_767_225_600_000).plus(Duration::from_secs(seconds))
    }

    /// Asks at this second; whether the service was asked, and what is answered.
    async fn ask(
        cache: &Cache<&'static str>,
        seconds: u64,
        answer: Result<Known, &'static str>,
    ) -> (bool, Result<Option<String>, &'static str>) {
        let was_asked = Cell::new(false);
        let asking = async {
            was_asked.set(true);
            answer
        };
        let found = cache.answer("/a", || at(seconds), asking).await;
        let text = found.map(|found| found.map(|document| document.get().to_owned()));
        (was_asked.get(), text)
    }

    fn some(text: &str) -> Result<Option<String>, &'static str> {
        Ok(Some(text.to_owned()))
    }

    #[tokio::test]
    async fn an_answer_is_as_good_as_new_for_its_time_and_that_there_is_none_for_another() {
        let cache = cache(r#""ttl_s": 100, "absent_ttl_s": 10"#);
        assert_eq!(ask(&cache, 0, Ok(document("1.0"))).await, (true, some("1.0")));
        assert_eq!(ask(&cache, 99, Ok(document("2"))).await, (false, some("1.0")));
        assert_eq!(ask(&cache, 100, Ok(None)).await, (true, Ok(None)));
        assert_eq!(ask(&cache, 109, Ok(document("3"))).await, (false, Ok(None)));
        assert_eq!(ask(&cache, 110, Ok(document("3"))).await, (true, some("3")));
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered_and_forgets_nothing() {
        let cache = cache(r#""ttl_s": 100, "stale_s": 50"#);
        assert_eq!(ask(&cache, 0, Err("away")).await, (true, Err("away")));
        assert_eq!(ask(&cache, 1, Ok(document("1"))).await, (true, some("1")));
        assert_eq!(ask(&cache, 120, Err("away")).await, (true, Err("away")));
        assert_eq!(cache.stale("/a", at(150)).unwrap().get(), "1");
        assert!(cache.stale("/a", at(151)).is_none() && cache.stale("/b", at(1)).is_none());
    }

    #[tokio::test]
    async fn what_many_want_to_know_is_asked_once_and_its_failure_is_everybodys() {
        for answer in [Ok(document("1")), Err("away")] {
            let (cache, asked) = (cache(r#""ttl_s": 1"#), Cell::new(0));
            let one = async || {
                let asking = async {
                    asked.set(asked.get() + 1);
                    tokio::task::yield_now().await;
                    answer.clone()
                };
                cache.answer("/a", || at(0), asking).await.map(|found| found.is_some())
            };
            let found = join_all((0..10).map(|_| one())).await;
            assert_eq!(asked.get(), 1);
            let expected = answer.clone().map(|found| found.is_some());
            assert!(found.iter().all(|found| *found == expected), "{found:?}");
            assert!(cache.under_way().is_empty());
        }
    }

    /// A record that hangs is ended: those that wait for its answer ask themselves.
    #[tokio::test]
    async fn whoever_is_ended_in_the_middle_leaves_the_others_their_turn() {
        let cache = cache(r#""ttl_s": 1"#);
        let hanging = cache.answer("/a", || at(0), std::future::pending());
        let ended = futures_util::future::poll_immediate(hanging).await;
        assert!(ended.is_none());
        assert_eq!(ask(&cache, 0, Ok(document("1"))).await, (true, some("1")));
        assert!(cache.under_way().is_empty());
    }

    #[tokio::test]
    async fn no_more_is_kept_than_its_entries_and_its_bytes() {
        let kept = async |entries: usize, bytes: usize| {
            let cache = cache(&format!(r#""ttl_s": 100, "entries": {entries}"#));
            let text = format!("\"{}\"", "x".repeat(bytes));
            for number in 0..500 {
                let request = number.to_string();
                let asking = async { Ok(document(&text)) };
                cache.answer(&request, || at(0), asking).await.unwrap();
            }
            (0..500).filter(|number| cache.fresh(&number.to_string(), at(0)).is_some()).count()
        };
        let few = kept(50, 10).await;
        assert!((25..=50).contains(&few), "{few}");
        let large = kept(10_000, 1024 * 1024).await;
        assert!((8..=16).contains(&large), "{large}");
    }
}
