//! Calls of one environment to a service whose answers the test chooses, on paused time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use breaker::StateName;
use breaker::polling::BatchSummary;
use bytes::Bytes;
use contracts::{CallFailure, Limits, Retries, TextTemplate};
use event::{Code, Failure, FailureKind};
use http::{HeaderMap, Method};
use testkit::MemoryBreakers;
use tokio::time::Instant;

use super::*;
use crate::SecretText;

const INTERVAL: Duration = super::evidence::INTERVAL;
const START_MS: i64 = 1_767_225_600_000;

/// Tokio's time, which a test pauses and advances.
#[derive(Clone, Copy, Debug)]
struct PausedTime(Instant);

impl Host for PausedTime {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(START_MS).plus(self.0.elapsed())
    }

    fn random(&self) -> u64 {
        7
    }
}

type Answers = dyn Fn(usize, &Request) -> Result<Answer, RequestError> + Send + Sync;

/// A service that takes `takes` for each answer, and records the most concurrent calls.
#[derive(Clone)]
struct Service {
    takes: Duration,
    answers: Arc<Answers>,
    asked: Arc<Mutex<Vec<Timestamp>>>,
    at_once: Arc<AtomicUsize>,
    most_at_once: Arc<AtomicUsize>,
    time: PausedTime,
}

impl HttpClient for Service {
    async fn ask(&self, request: Request, limit: Duration) -> Result<Answer, RequestError> {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(self.time.now());
            asked.len()
        };
        let at_once = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::Relaxed);
        tokio::time::sleep(self.takes.min(limit)).await;
        self.at_once.fetch_sub(1, Ordering::Relaxed);
        if self.takes > limit {
            return Err(RequestError::TimedOut { limit_ms: limit.as_millis() });
        }
        (self.answers)(number, &request)
    }
}

fn answer(status: u16) -> Result<Answer, RequestError> {
    Ok(Answer { status, retry_after: None, body: Ok(Bytes::new()) })
}

/// Each read returns another text.
#[derive(Clone, Default)]
struct Vault(Arc<AtomicUsize>);

impl SecretStore for Vault {
    async fn read(&self, _: &str) -> Result<SecretText, Failure> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(SecretText::new(format!("token-{number}")))
    }
}

fn judge_status(result: Result<Answer, RequestError>) -> JudgedAnswer<Option<u16>> {
    JudgedAnswer {
        signal: DependencySignal::of(&result),
        value: result.ok().map(|answer| answer.status),
    }
}

struct Rig {
    client: DependencyClient<Service, Vault, MemoryBreakers, TokioPause<PausedTime>>,
    service: Service,
    store: MemoryBreakers,
    request: Request,
    headers: HeaderTemplates,
}

impl Rig {
    fn new(
        dependency: Dependency,
        takes_ms: u64,
        answers: impl Fn(usize, &Request) -> Result<Answer, RequestError> + Send + Sync + 'static,
    ) -> Self {
        let time = PausedTime(Instant::now());
        let service = Service {
            takes: Duration::from_millis(takes_ms),
            answers: Arc::new(answers),
            asked: Arc::default(),
            at_once: Arc::default(),
            most_at_once: Arc::default(),
            time,
        };
        let store = MemoryBreakers::default();
        let breakers = BreakerParts {
            metrics: Recorder::new("Test"),
            store: store.clone(),
            host: TokioPause(time),
            environment: "e".to_owned(),
            environments: 4,
        };
        let secrets = Secrets::new(Vault::default());
        let dependencies = Dependencies::from_iter([("weather".to_owned(), dependency)]);
        Self {
            client: DependencyClient::new(service.clone(), secrets, breakers, dependencies),
            service,
            store,
            request: Request {
                method: Method::GET,
                url: "http://a.test/".to_owned(),
                headers: HeaderMap::new(),
                body: Bytes::new(),
            },
            headers: HeaderTemplates::default(),
        }
    }

    fn call(&self, left: Duration) -> Call<'_> {
        Call {
            dependency: "weather",
            who: "enricher weather",
            limit: Duration::from_secs(2),
            ends_at: self.service.time.now().plus(left),
        }
    }

    fn message(&self) -> Message<'_> {
        Message { request: &self.request, headers: &self.headers }
    }

    /// Makes one attempt, and returns the status of its answer.
    async fn attempt(&self, left: Duration) -> Result<Option<u16>, NotSent> {
        let call = self.call(left);
        self.client.attempt_http(&call, self.message(), judge_status).await
    }

    fn times_asked(&self) -> usize {
        self.service.asked.lock().unwrap().len()
    }

    fn state(&self) -> StateName {
        self.client.breakers.status()["weather"].state
    }

    fn counted(&self) -> (u32, u32) {
        let recent = self.client.breakers.status()["weather"].recent;
        (recent.calls, recent.failures)
    }
}

const INVOCATION: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn a_breaker_opens_and_says_until_when_and_why_and_is_asked_no_more() {
    let rig = Rig::new(Dependency::default(), 1, |_, _| answer(500));
    for _ in 0..20 {
        assert_eq!(rig.attempt(INVOCATION).await, Ok(Some(500)));
    }
    assert_eq!(rig.state(), StateName::Open);
    let NotSent::Unavailable { failure, reason } = rig.attempt(INVOCATION).await.unwrap_err()
    else {
        panic!("asked")
    };
    let FailureKind::Unavailable { until, longest_wait } = failure.kind else {
        panic!("{failure}")
    };
    assert_eq!(longest_wait, event::DEFAULT_LONGEST_WAIT);
    let wait = until.since(rig.service.time.now());
    assert!(wait > Duration::from_secs(7) && wait <= Duration::from_secs(15), "{wait:?}");
    assert_eq!(reason, breaker::WaitReason::Open(breaker::Cause::FailureRate));
    assert_eq!(failure.code, Code::DependencyUnavailable);
    let start = "enricher weather: dependency `weather`, unavailable since 2026-01-01T00:00:00";
    assert!(failure.reason.starts_with(start), "{failure}");
    assert!(failure.reason.ends_with("its breaker is open (failure-rate)"), "{failure}");
    assert_eq!(rig.times_asked(), 20);
}

#[tokio::test(start_paused = true)]
async fn while_no_call_fails_nothing_is_written() {
    let rig = Rig::new(Dependency::default(), 1, |_, _| answer(200));
    for _ in 0..100 {
        rig.attempt(INVOCATION).await.unwrap();
    }
    let done = BatchSummary { records: 10, waiting: 0 };
    rig.client.end_invocation("enrich", &done).await;
    let calls = rig.store.take_calls();
    assert_eq!((calls.reads, calls.writes, rig.counted()), (1, 0, (100, 0)));
}

#[tokio::test(start_paused = true)]
async fn while_a_breaker_is_open_it_is_told_what_waits_for_it_and_what_goes_on() {
    let rig = Rig::new(Dependency::default(), 1, |_, _| answer(500));
    for _ in 0..21 {
        let _ = rig.attempt(INVOCATION).await;
    }
    let now = rig.service.time.now();
    rig.client.end_invocation("enrich", &BatchSummary { records: 2, waiting: 2 }).await;
    let evidence = rig.store.polling("enrich").evidence;
    assert_eq!(evidence.waited_at, BTreeMap::from([("weather".to_owned(), now)]));
    assert_eq!(evidence.went_on_at, None);

    tokio::time::advance(Duration::from_secs(1)).await;
    rig.client.end_invocation("enrich", &BatchSummary { records: 2, waiting: 1 }).await;
    let evidence = rig.store.polling("enrich").evidence;
    assert_eq!(evidence.went_on_at, Some(rig.service.time.now()));

    // A store that is unavailable delays nothing. The next observation is reported again.
    tokio::time::advance(Duration::from_secs(1)).await;
    rig.store.set_away(true);
    rig.attempt(INVOCATION).await.unwrap_err();
    rig.client.end_invocation("deliver", &BatchSummary { records: 1, waiting: 1 }).await;
    assert_eq!(rig.store.polling("deliver").evidence, breaker::polling::Evidence::default());
}

/// Another environment of the fleet has found that the service is unavailable.
#[tokio::test(start_paused = true)]
async fn an_environment_that_calls_nothing_tells_of_what_goes_on_while_a_breaker_is_open() {
    let rig = Rig::new(Dependency::default(), 1, |_, _| answer(200));
    let now = rig.service.time.now();
    let (until, cause) = (now.plus(Duration::from_secs(300)), breaker::Cause::FailureRate);
    let state = breaker::State::Open { since: now, until, cause };
    let record = Some(breaker::Record { version: 1, state, ..breaker::Record::unwritten() });
    rig.store.put("weather", breaker::Snapshot { record, ..Default::default() });
    let done = BatchSummary { records: 10, waiting: 0 };
    for _ in 0..25 {
        rig.client.end_invocation("enrich", &done).await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(rig.store.polling("enrich").evidence.went_on_at, Some(now.plus(INTERVAL * 2)));
    let calls = rig.store.take_calls();
    assert_eq!((calls.reads, calls.writes), (3, 3), "once in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn calls_at_once_are_bounded_and_who_waits_in_vain_says_nothing_of_the_dependency() {
    let limits = Limits { calls_at_once: 3, calls_per_second: None };
    let dependency = Dependency { limits, ..Dependency::default() };
    let rig = Rig::new(dependency, 1_000, |_, _| answer(200));
    let calls: Vec<_> = (0..10).map(|_| rig.attempt(Duration::from_millis(1_500))).collect();
    let done = futures_util::future::join_all(calls).await;
    assert_eq!(rig.service.most_at_once.load(Ordering::Relaxed), 3);
    // Three are answered, three are cut short, and four get no place in time.
    assert_eq!(done.iter().filter(|done| **done == Ok(Some(200))).count(), 3);
    assert_eq!(done.iter().filter(|done| **done == Ok(None)).count(), 3);
    let busy = done.into_iter().filter_map(Result::err);
    let reasons: Vec<Failure> = busy.map(NotSent::into_failure).collect();
    assert_eq!(reasons.len(), 4);
    for failure in reasons {
        assert!(matches!(failure.kind, FailureKind::Unavailable { .. }), "{failure:?}");
        assert!(failure.reason.contains("its 3 calls at once"), "{failure}");
    }
    assert_eq!(rig.counted(), (3, 0), "what was cut short does not count");
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_of_the_calls_own_is_the_dependencys_failure() {
    let rig = Rig::new(Dependency::default(), 5_000, |_, _| answer(200));
    assert_eq!(rig.attempt(INVOCATION).await, Ok(None));
    assert_eq!(rig.counted(), (1, 1));
    assert_eq!(rig.attempt(Duration::from_millis(1_999)).await, Ok(None));
    assert_eq!(rig.counted(), (1, 1));
    let late = rig.attempt(Duration::ZERO).await.unwrap_err().into_failure();
    assert_eq!((late.code, rig.times_asked()), (Code::RecordTimedOut, 2));
}

#[tokio::test(start_paused = true)]
async fn calls_are_evenly_spaced_by_the_environments_share() {
    let limits = Limits { calls_at_once: 10, calls_per_second: Some(20) };
    let dependency = Dependency { limits, ..Dependency::default() };
    let rig = Rig::new(dependency, 1, |_, _| answer(200));
    let calls: Vec<_> = (0..8).map(|_| rig.attempt(Duration::from_secs(1))).collect();
    let done = futures_util::future::join_all(calls).await;
    // Four environments share 20 calls a second, so each makes one in 200 ms.
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 5);
    let asked = rig.service.asked.lock().unwrap().clone();
    for pair in asked.windows(2) {
        assert!(pair[1].since(pair[0]) >= Duration::from_millis(199), "{asked:?}");
    }
    for failure in done.into_iter().filter_map(Result::err).map(NotSent::into_failure) {
        assert!(matches!(failure.kind, FailureKind::Unavailable { .. }), "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_of_a_kind_that_is_ignored_do_not_count() {
    let ignored = BTreeSet::from([CallFailure::Credentials, CallFailure::Throttled]);
    let dependency = Dependency { ignored, ..Dependency::default() };
    let rig = Rig::new(dependency, 1, |number, _| match number % 3 {
        0 => answer(401),
        1 => answer(429),
        _ => answer(500),
    });
    for _ in 0..9 {
        rig.attempt(INVOCATION).await.unwrap();
    }
    assert_eq!(rig.counted(), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_rotated_secret_is_nobodys_failure() {
    let mut rig = Rig::new(Dependency::default(), 1, |_, request| {
        answer(if request.headers["authorization"] == "token-1" { 200 } else { 401 })
    });
    let template = TextTemplate::parse("{secret:weather}").unwrap();
    let templates = BTreeMap::from([("authorization".to_owned(), template)]);
    rig.headers = HeaderTemplates::new(&templates).unwrap();
    assert_eq!(rig.attempt(INVOCATION).await, Ok(Some(200)));
    assert_eq!((rig.times_asked(), rig.counted()), (2, (1, 0)));
}

async fn attempts_of(rig: &Rig, call: &Call<'_>) -> usize {
    let before = rig.times_asked();
    let mut retrying = rig.client.begin(call);
    loop {
        let asked = rig.client.attempt_http(call, rig.message(), |result| JudgedAnswer {
            signal: DependencySignal::of(&result),
            value: (),
        });
        if asked.await.is_err() || !rig.client.pause_before_next(call, &mut retrying, None).await {
            return rig.times_asked() - before;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retries_end_with_the_attempts_the_budget_and_the_time() {
    let retries = Retries { attempts: 3, budget_percent: 20 };
    let mut dependency = Dependency { retries, ..Dependency::default() };
    dependency.breaker.mode = breaker::Mode::MetricsOnly;
    let rig = Rig::new(dependency, 1, |_, _| answer(500));
    assert_eq!(attempts_of(&rig, &rig.call(INVOCATION)).await, 3);
    assert_eq!(attempts_of(&rig, &rig.call(Duration::from_millis(50))).await, 1);
    // The budget has a reserve of ten, and a fifth of the calls.
    let mut asked = 0;
    for _ in 0..100 {
        asked += attempts_of(&rig, &rig.call(INVOCATION)).await;
    }
    assert!((120..=132).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn no_retry_is_made_where_the_breaker_is_open() {
    let retries = Retries { attempts: 10, budget_percent: 100 };
    let rig = Rig::new(Dependency { retries, ..Dependency::default() }, 1, |_, _| answer(500));
    for _ in 0..30 {
        attempts_of(&rig, &rig.call(INVOCATION)).await;
    }
    assert_eq!(rig.times_asked(), 20);
}
