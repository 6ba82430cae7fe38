//! The answers of one enricher that an execution environment remembers. Events that want the same answer at the same
//! time share one request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contracts::CacheRule;
use event::Timestamp;
use quick_cache::Weighter;
use quick_cache::unsync;
use serde_json::value::RawValue;
use tokio::sync::Mutex as AsyncMutex;

/// The document that a service has for a request; `None` if it knows nothing.
pub(crate) type Known = Option<Box<RawValue>>;

/// The most bytes of memory that one enricher's answers and their requests take.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Answers by their requests. The answers that are asked for least often are dropped first (by the algorithm S3-FIFO,
/// <https://s3fifo.com>).
pub(crate) struct Cache<F> {
    rule: CacheRule,
    answers: Mutex<unsync::Cache<String, Remembered, Weight>>,
    /// Requests that are under way.
    under_way: Mutex<BTreeMap<String, Arc<Asking<F>>>>,
}

/// One request for all events that want its answer. Whoever sends it holds the lock; the outcome stays here for the
/// others.
type Asking<F> = AsyncMutex<Option<Result<Known, F>>>;

#[derive(Clone)]
struct Remembered {
    answer: Known,
    at: Timestamp,
}

/// Weighs an answer by the bytes that it takes, roughly.
#[derive(Clone)]
struct Weight {
    /// Every answer weighs at least this: [`MOST_BYTES`] divided by the most entries. So the cache never has more
    /// entries than its rule allows.
    least: u64,
}

impl Weighter<String, Remembered> for Weight {
    fn weight(&self, request: &String, remembered: &Remembered) -> u64 {
        let answer = remembered.answer.as_ref().map_or(0, |answer| answer.get().len());
        let bytes = request.len() + answer + size_of::<Remembered>();
        u64::try_from(bytes).unwrap_or(u64::MAX).max(self.least)
    }
}

/// Removes a request from those that are under way when it is dropped, so also where its sender is cancelled.
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

    /// The answer to a request: the one that is remembered, or else the outcome of `ask`. Events that want it at the
    /// same time share one outcome, and so also its failure.
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
        // If somebody held the lock before, it was cancelled during its request: it left no outcome.
        let _landing = Landing { cache: self, request };
        let answered = ask.await;
        if let Ok(answer) = &answered {
            self.remember(request, answer.clone(), now());
        }
        *outcome = Some(answered.clone());
        answered
    }

    /// A document that is out of date, but that the rule still allows while the service is unavailable.
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

    /// Asks at this second. Returns whether the service was asked, and the answer.
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
            let found = join_all((0..10).map(|_| ask_slowly(&cache, &asked, &answer))).await;
            assert_eq!(asked.get(), 1);
            let expected = answer.clone().map(|found| found.is_some());
            assert!(found.iter().all(|found| *found == expected), "{found:?}");
            assert!(cache.under_way().is_empty());
        }
    }

    /// Asks a service that counts its requests and lets the others run before it answers. Returns whether there was
    /// a document.
    async fn ask_slowly(
        cache: &Cache<&'static str>,
        asked: &Cell<u32>,
        answer: &Result<Known, &'static str>,
    ) -> Result<bool, &'static str> {
        let asking = async {
            asked.set(asked.get() + 1);
            tokio::task::yield_now().await;
            answer.clone()
        };
        cache.answer("/a", || at(0), asking).await.map(|found| found.is_some())
    }

    /// A record that takes too long is cancelled: those that wait for its answer ask for themselves.
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
        let few = count_kept(50, 10).await;
        assert!((25..=50).contains(&few), "{few}");
        let large = count_kept(10_000, 1024 * 1024).await;
        assert!((8..=16).contains(&large), "{large}");
    }

    /// How many of 500 answers of this many bytes a cache of this many entries keeps.
    async fn count_kept(entries: usize, bytes: usize) -> usize {
        let cache = cache(&format!(r#""ttl_s": 100, "entries": {entries}"#));
        let text = format!("\"{}\"", "x".repeat(bytes));
        for number in 0..500 {
            let request = number.to_string();
            let asking = async { Ok(document(&text)) };
            cache.answer(&request, || at(0), asking).await.unwrap();
        }
        (0..500).filter(|number| cache.fresh(&number.to_string(), at(0)).is_some()).count()
    }
}
