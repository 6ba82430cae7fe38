//! Calls to dependencies, within limits of ours and behind circuit breakers that the fleet shares.
//!
//! A call waits for a place among the concurrent calls and for its turn among the calls a second. Then it asks the
//! breaker for a permit, sends the request, and tells the breaker what the answer says about the dependency. A call
//! that is not made says nothing about the dependency. Nor does a call that the end of the invocation cut short.

mod ending;
mod evidence;
mod limits;
mod measures;
mod not_sent;
mod retries;
mod signal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use breaker::{Breakers, Host, Outcome, Permit, Store, WaitReason};
use contracts::{Dependencies, Dependency};
use event::Timestamp;
use metrics::Recorder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use self::evidence::EvidenceCollector;
use self::limits::RateLimit;
pub use self::not_sent::NotSent;
use self::retries::RetryBudget;
pub use self::retries::RetryState;
pub use self::signal::{DependencySignal, JudgedAnswer};
use crate::{
    Answer, BodyError, FilledHeaders, HeaderTemplates, HttpClient, Request, RequestError,
    SecretStore, Secrets,
};

/// Waits, which tests do on paused time.
pub trait Pause: Send + Sync {
    /// Returns after `time`.
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// Waits with tokio's timer. Clock and randomness are those of the host that it wraps.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioPause<W>(pub W);

impl<W: Host> Host for TokioPause<W> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn random(&self) -> u64 {
        self.0.random()
    }
}

impl<W: Send + Sync> Pause for TokioPause<W> {
    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// A client of all dependencies that an environment calls.
pub struct DependencyClient<A, K, B: Store, W: Host> {
    http: A,
    secrets: Secrets<K>,
    breakers: Breakers<B, W>,
    host: W,
    dependencies: Dependencies,
    environments: u32,
    /// The dependencies that were called so far.
    guards: Mutex<BTreeMap<String, Arc<Guard>>>,
    evidence: EvidenceCollector,
    metrics: Recorder,
}

/// An environment's limits for one dependency, beside its breaker.
struct Guard {
    dependency: Dependency,
    places: Arc<Semaphore>,
    rate: Option<Mutex<RateLimit>>,
    budget: Mutex<RetryBudget>,
}

/// One call, of one or more attempts.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The name of the dependency, as the contracts declare it.
    pub dependency: &'a str,
    /// The caller as failures name it, such as `enricher weather`.
    pub who: &'a str,
    /// The longest time for one attempt.
    pub limit: Duration,
    /// When the caller stops waiting: no attempt and no wait goes beyond it.
    pub ends_at: Timestamp,
}

/// The request of an HTTP call.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The request without the headers of `headers`.
    pub request: &'a Request,
    /// The headers that the contract declares, which are filled in for each attempt.
    pub headers: &'a HeaderTemplates,
}

/// An attempt that has ended.
struct Ended {
    began_at: Timestamp,
    was_cut_short: bool,
}

/// The outcome of a request.
struct Exchange {
    result: Result<Answer, RequestError>,
    /// Whether the request had less time than the call's own limit.
    was_cut_short: bool,
}

impl<A, K, B, W> DependencyClient<A, K, B, W>
where
    A: HttpClient,
    K: SecretStore,
    B: Store,
    W: Host + Pause + Clone,
{
    /// A client of dependencies with these settings. One that they do not have is called with the defaults.
    pub fn new(
        http: A,
        secrets: Secrets<K>,
        breakers: BreakerParts<B, W>,
        dependencies: Dependencies,
    ) -> Self {
        let BreakerParts { store, host, environment, environments, metrics } = breakers;
        let breakers = Breakers::new(store, host.clone(), &environment, []);
        Self {
            http,
            secrets,
            breakers,
            host,
            dependencies,
            environments,
            guards: Mutex::default(),
            evidence: EvidenceCollector::default(),
            metrics,
        }
    }

    /// The limits and the breaker of a dependency, which begin with its first call.
    fn guard(&self, dependency: &str) -> Arc<Guard> {
        let mut guards = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(guard) = guards.get(dependency) {
            return Arc::clone(guard);
        }
        let settings = self.dependencies.of(dependency);
        self.breakers.add(dependency, settings.breaker.clone());
        let guard = Arc::new(Guard::new(settings, self.environments));
        guards.insert(dependency.to_owned(), Arc::clone(&guard));
        guard
    }

    /// The time of the clock that calls end by.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.host.now()
    }

    /// Begins a call, which adds its share of a retry to the dependency's budget. Returns the state of the call's own
    /// retries.
    pub fn begin(&self, call: &Call<'_>) -> RetryState {
        let guard = self.guard(call.dependency);
        guard.budget.lock().unwrap_or_else(PoisonError::into_inner).deposit();
        RetryState::default()
    }

    /// Makes one attempt of any kind. `ask` gets the time that it has, and returns its answer's value for the caller,
    /// and what the answer says about the dependency.
    ///
    /// # Errors
    /// Why `ask` was not called.
    pub async fn attempt<T, F>(
        &self,
        call: &Call<'_>,
        ask: impl FnOnce(Duration) -> F,
    ) -> Result<T, NotSent>
    where
        F: Future<Output = JudgedAnswer<T>>,
    {
        let _place = self.enter(call).await?;
        let permit = self.admit(call).await?;
        let began_at = self.host.now();
        let remaining = self.remaining(call);
        let judged = ask(call.limit.min(remaining)).await;
        let ended = Ended { began_at, was_cut_short: remaining < call.limit };
        Ok(self.finish(call, permit, judged, ended).await)
    }

    /// Makes one attempt over HTTP. `judge` turns the answer into its value for the caller, and what it says about the
    /// dependency. If the service refuses the credentials and a secret has been rotated since, the request is sent once
    /// more with the new secret, and the refusal does not count.
    ///
    /// # Errors
    /// Why no request was sent, or only one with outdated credentials.
    pub async fn attempt_http<T>(
        &self,
        call: &Call<'_>,
        message: Message<'_>,
        judge: impl FnOnce(Result<Answer, RequestError>) -> JudgedAnswer<T>,
    ) -> Result<T, NotSent> {
        let _place = self.enter(call).await?;
        let mut filled = self.fill(call, message).await?;
        let mut permit = self.admit(call).await?;
        let mut began_at = self.host.now();
        let mut exchange = self.ask(call, message, &filled).await;
        if exchange.are_credentials_refused() && self.renew(call, &filled).await {
            permit.finish(Outcome::Ignored).await;
            filled = self.fill(call, message).await?;
            permit = self.admit(call).await?;
            began_at = self.host.now();
            exchange = self.ask(call, message, &filled).await;
        }
        let Exchange { result, was_cut_short } = exchange;
        let ended = Ended { began_at, was_cut_short };
        Ok(self.finish(call, permit, judge(result), ended).await)
    }

    /// Tells the breaker the outcome of an attempt. A timeout that the end of the invocation caused says nothing about
    /// the dependency.
    async fn finish<T>(
        &self,
        call: &Call<'_>,
        permit: Permit<'_, B, W>,
        judged: JudgedAnswer<T>,
        ended: Ended,
    ) -> T {
        let JudgedAnswer { signal, value } = judged;
        let is_ignored = signal.is_among(&self.guard(call.dependency).dependency.ignored);
        let is_ours = ended.was_cut_short && signal.is_timeout();
        let outcome = if is_ignored || is_ours { Outcome::Ignored } else { signal.outcome() };
        self.measure(call, &outcome, self.host.now().since(ended.began_at));
        permit.finish(outcome).await;
        value
    }

    /// Waits before another attempt, at least as long as the service asked for (`asked`). Returns false at once if
    /// there must be no other attempt, by the dependency's number of attempts, its retry budget or the time that is
    /// left.
    pub async fn pause_before_next(
        &self,
        call: &Call<'_>,
        retrying: &mut RetryState,
        asked: Option<Duration>,
    ) -> bool {
        let guard = self.guard(call.dependency);
        let attempts = guard.dependency.retries.attempts;
        let Some(wait) = retrying.next_wait(attempts, asked, self.host.random()) else {
            return false;
        };
        if wait >= self.remaining(call)
            || !guard.budget.lock().unwrap_or_else(PoisonError::into_inner).withdraw()
        {
            return false;
        }
        self.host.pause(wait).await;
        true
    }

    /// After a failed call, the outcome that replaces it if the dependency is known to be unavailable by now, possibly
    /// because of this call. Its event then waits as all others do. Otherwise a failed probe would count as an attempt,
    /// and an event that probes often would become a dead letter before the longest wait.
    #[must_use]
    pub fn unavailable_dependency(&self, call: &Call<'_>) -> Option<NotSent> {
        let wait = self.breakers.status().remove(call.dependency)?.wait?;
        self.evidence.note_held_back(call.dependency);
        Some(NotSent::unavailable(call, &self.guard(call.dependency).dependency, wait))
    }

    /// Takes a place among the concurrent calls, and waits for a turn.
    async fn enter(&self, call: &Call<'_>) -> Result<OwnedSemaphorePermit, NotSent> {
        let guard = self.guard(call.dependency);
        let remaining = self.remaining(call);
        if remaining.is_zero() {
            return Err(NotSent::out_of_time(call));
        }
        // The semaphore is never closed, so an error means that the time is over. A place that is free only when the
        // time is over comes too late, too.
        let places = Arc::clone(&guard.places);
        let acquired = timeout(remaining, places.acquire_owned()).await.ok().and_then(Result::ok);
        let Some(place) = acquired.filter(|_| !self.remaining(call).is_zero()) else {
            self.evidence.note_limited();
            self.count_held_back(call);
            let now = self.host.now();
            return Err(NotSent::no_place(call, &guard.dependency, now));
        };
        if let Some(rate) = &guard.rate {
            let (now, remaining) = (self.host.now(), self.remaining(call));
            let turn = rate.lock().unwrap_or_else(PoisonError::into_inner).turn(now, remaining);
            let wait = turn.map_err(|free_at| {
                self.evidence.note_limited();
                self.count_held_back(call);
                NotSent::no_turn(call, &guard.dependency, free_at)
            })?;
            if !wait.is_zero() {
                self.host.pause(wait).await;
            }
        }
        Ok(place)
    }

    async fn fill(&self, call: &Call<'_>, message: Message<'_>) -> Result<FilledHeaders, NotSent> {
        let filled = self.secrets.fill(message.headers, self.remaining(call)).await;
        filled.map_err(|failure| NotSent::no_secret(call, failure))
    }

    async fn renew(&self, call: &Call<'_>, refused: &FilledHeaders) -> bool {
        let renewed = timeout(self.remaining(call), self.secrets.renew(refused)).await;
        renewed.unwrap_or(false)
    }

    async fn admit(&self, call: &Call<'_>) -> Result<Permit<'_, B, W>, NotSent> {
        let limit = call.limit.min(self.remaining(call));
        if limit.is_zero() {
            return Err(NotSent::out_of_time(call));
        }
        let admitted = self.breakers.admit(call.dependency, limit).await;
        admitted.map_err(|wait| {
            self.count_held_back(call);
            match wait.reason {
                WaitReason::Open(_) | WaitReason::Probing => {
                    self.evidence.note_held_back(call.dependency);
                }
                WaitReason::Ramping | WaitReason::Throttled => self.evidence.note_limited(),
            }
            NotSent::unavailable(call, &self.guard(call.dependency).dependency, wait)
        })
    }

    async fn ask(&self, call: &Call<'_>, message: Message<'_>, filled: &FilledHeaders) -> Exchange {
        let mut request = message.request.clone();
        request.headers.extend(filled.headers.clone());
        let remaining = self.remaining(call);
        let result = self.http.ask(request, call.limit.min(remaining)).await;
        Exchange { result, was_cut_short: remaining < call.limit }
    }

    fn remaining(&self, call: &Call<'_>) -> Duration {
        call.ends_at.since(self.host.now())
    }
}

/// The parts of a client's breakers.
pub struct BreakerParts<B, W> {
    /// The store that the fleet shares.
    pub store: B,
    /// The clock, the randomness and the waiting of breakers and calls.
    pub host: W,
    /// The environment's name, which must be unique among all that use the store.
    pub environment: String,
    /// The most environments of the function at the same time. They share the calls a second.
    pub environments: u32,
    /// Collects what is measured of the calls.
    pub metrics: Recorder,
}

impl Guard {
    fn new(dependency: Dependency, environments: u32) -> Self {
        let places = usize::try_from(dependency.limits.calls_at_once).unwrap_or(1);
        let rate = dependency.limits.calls_per_second;
        let budget = RetryBudget::new(dependency.retries.budget_percent);
        Self {
            places: Arc::new(Semaphore::new(places)),
            rate: rate.map(|fleet| Mutex::new(RateLimit::share(fleet, environments))),
            budget: Mutex::new(budget),
            dependency,
        }
    }
}

impl Exchange {
    fn are_credentials_refused(&self) -> bool {
        matches!(&self.result, Ok(answer) if matches!(answer.status, 401 | 403))
    }
}

/// What a body that cannot be read says about the dependency.
impl From<&BodyError> for contracts::CallFailure {
    fn from(error: &BodyError) -> Self {
        match error {
            BodyError::TooLong { .. } | BodyError::Coding { .. } => Self::BadAnswer,
            BodyError::BrokenOff => Self::Connection,
            BodyError::TimedOut { .. } => Self::Timeout,
        }
    }
}
