//! Calls to dependencies, under limits of our own and behind circuit breakers that the fleet shares.
//!
//! A call is made in this order: a place among the calls at once, a turn by the calls a second, the
//! breaker's leave, the request, and what its answer says of the dependency. Whatever keeps a call from being
//! made says nothing of the dependency; nor does a time limit that was the invocation's and not the call's.

mod ending;
mod evidence;
mod limits;
mod not_sent;
mod retries;
mod signal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use breaker::{Breakers, Host, Outcome, Permit, Settings, Store, WaitReason};
use contracts::Dependency;
use event::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};
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

/// Lets time pass.
pub trait Pause: Send + Sync {
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// Time and chance as they are, with pauses by tokio's timer.
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
    guards: BTreeMap<String, Guard>,
    witness: EvidenceCollector,
}

/// What an environment keeps of one dependency, beside its breaker.
struct Guard {
    dependency: Dependency,
    places: Semaphore,
    rate: Option<Mutex<RateLimit>>,
    budget: Mutex<RetryBudget>,
}

/// One call, of one or more attempts.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub dependency: &'a str,
    /// Who calls, as a person knows it, such as `enricher weather`.
    pub who: &'a str,
    /// How long one attempt may take.
    pub limit: Duration,
    /// When the caller needs an answer, whatever it is.
    pub ends_at: Timestamp,
}

/// What an HTTP call sends.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Without the headers below.
    pub request: &'a Request,
    pub headers: &'a HeaderTemplates,
}

/// What came of a request.
struct Asked {
    result: Result<Answer, RequestError>,
    /// It had less time than the call's own limit.
    was_cut_short: bool,
}

impl<A, K, B, W> DependencyClient<A, K, B, W>
where
    A: HttpClient,
    K: SecretStore,
    B: Store,
    W: Host + Pause + Clone,
{
    /// A client of these dependencies, by their names.
    pub fn new(
        http: A,
        secrets: Secrets<K>,
        breakers: BreakerParts<B, W>,
        dependencies: BTreeMap<String, Dependency>,
    ) -> Self {
        let BreakerParts { store, host, environment, environments } = breakers;
        let mut settings: Vec<(String, Settings)> = Vec::new();
        let mut guards = BTreeMap::new();
        for (name, dependency) in dependencies {
            settings.push((name.clone(), dependency.breaker.clone()));
            guards.insert(name, Guard::new(dependency, environments));
        }
        let breakers = Breakers::new(store, host.clone(), &environment, settings);
        Self { http, secrets, breakers, host, guards, witness: EvidenceCollector::default() }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.host.now()
    }

    /// Begins a call, which has attempts and time of its own.
    pub fn begin(&self, call: &Call<'_>) -> RetryState {
        if let Some(guard) = self.guards.get(call.dependency) {
            guard.budget.lock().unwrap_or_else(PoisonError::into_inner).deposit();
        }
        RetryState::default()
    }

    /// Makes one attempt of any kind: `ask` has so much time for it, and says what its answer means, to the
    /// caller and of the dependency.
    ///
    /// # Errors
    /// [`NotSent`]: nothing was asked.
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
        let remaining = self.remaining(call);
        let judged = ask(call.limit.min(remaining)).await;
        let was_cut_short = remaining < call.limit;
        Ok(self.finish(call, permit, judged, was_cut_short).await)
    }

    /// Makes one attempt over HTTP. `judge` says what its answer means, to the caller and of the dependency.
    /// What is refused for its credentials is sent once more, if a secret has changed since: that is a
    /// rotation, and no fault of anybody.
    ///
    /// # Errors
    /// [`NotSent`]: nothing was sent, or only what was refused for old credentials.
    pub async fn attempt_http<T>(
        &self,
        call: &Call<'_>,
        message: Message<'_>,
        judge: impl FnOnce(Result<Answer, RequestError>) -> JudgedAnswer<T>,
    ) -> Result<T, NotSent> {
        let _place = self.enter(call).await?;
        let mut filled = self.fill(call, message).await?;
        let mut permit = self.admit(call).await?;
        let mut asked = self.ask(call, message, &filled).await;
        if asked.are_credentials_refused() && self.renew(call, &filled).await {
            permit.finish(Outcome::Ignored).await;
            filled = self.fill(call, message).await?;
            permit = self.admit(call).await?;
            asked = self.ask(call, message, &filled).await;
        }
        let Asked { result, was_cut_short } = asked;
        Ok(self.finish(call, permit, judge(result), was_cut_short).await)
    }

    /// Tells the breaker what came of an attempt. A time limit that was the invocation's says nothing of the
    /// dependency.
    async fn finish<T>(
        &self,
        call: &Call<'_>,
        permit: Permit<'_, B, W>,
        judged: JudgedAnswer<T>,
        was_cut_short: bool,
    ) -> T {
        let JudgedAnswer { signal, value } = judged;
        let guard = self.guards.get(call.dependency);
        let is_ignored = guard.is_some_and(|guard| signal.is_among(&guard.dependency.ignored));
        let is_ours = was_cut_short && signal.is_timeout();
        let outcome = if is_ignored || is_ours { Outcome::Ignored } else { signal.outcome() };
        permit.finish(outcome).await;
        value
    }

    /// Waits before another attempt, at least as long as the service asked for. Whether there is to be
    /// another one: within the dependency's number of attempts, its budget, and the time that is left.
    pub async fn pause_before_next(
        &self,
        call: &Call<'_>,
        retrying: &mut RetryState,
        asked: Option<Duration>,
    ) -> bool {
        let Some(guard) = self.guards.get(call.dependency) else { return false };
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

    /// What a failed call is where the dependency is known to be unavailable by now, be it by this very call:
    /// its event waits with all others. A probe that fails would count as an attempt otherwise, and an event
    /// that probes often would be given up before the longest wait.
    #[must_use]
    pub fn unavailable_dependency(&self, call: &Call<'_>) -> Option<NotSent> {
        let wait = self.breakers.status().remove(call.dependency)?.wait?;
        let dependency = &self.guards.get(call.dependency)?.dependency;
        self.witness.note_held_back(call.dependency);
        Some(NotSent::unavailable(call, dependency, wait))
    }

    /// Takes a place among the calls at once, and waits for a turn. `None` for a dependency that is not known.
    async fn enter(&self, call: &Call<'_>) -> Result<Option<SemaphorePermit<'_>>, NotSent> {
        let Some(guard) = self.guards.get(call.dependency) else { return Ok(None) };
        let remaining = self.remaining(call);
        if remaining.is_zero() {
            return Err(NotSent::out_of_time(call));
        }
        // Never closed: an error is the time that is over, as is a place that comes with the end.
        let place = timeout(remaining, guard.places.acquire()).await;
        let Some(place) =
            place.ok().and_then(Result::ok).filter(|_| !self.remaining(call).is_zero())
        else {
            self.witness.note_limited();
            let now = self.host.now();
            return Err(NotSent::no_place(call, &guard.dependency, now));
        };
        if let Some(rate) = &guard.rate {
            let (now, remaining) = (self.host.now(), self.remaining(call));
            let turn = rate.lock().unwrap_or_else(PoisonError::into_inner).turn(now, remaining);
            let wait = turn.map_err(|free_at| {
                self.witness.note_limited();
                NotSent::no_turn(call, &guard.dependency, free_at)
            })?;
            if !wait.is_zero() {
                self.host.pause(wait).await;
            }
        }
        Ok(Some(place))
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
            match wait.reason {
                WaitReason::Open(_) | WaitReason::Probing => {
                    self.witness.note_held_back(call.dependency);
                }
                WaitReason::Ramping | WaitReason::Throttled => self.witness.note_limited(),
            }
            let guard = self.guards.get(call.dependency);
            let dependency = guard.map(|guard| guard.dependency.clone()).unwrap_or_default();
            NotSent::unavailable(call, &dependency, wait)
        })
    }

    async fn ask(&self, call: &Call<'_>, message: Message<'_>, filled: &FilledHeaders) -> Asked {
        let mut request = message.request.clone();
        request.headers.extend(filled.headers.clone());
        let remaining = self.remaining(call);
        let result = self.http.ask(request, call.limit.min(remaining)).await;
        Asked { result, was_cut_short: remaining < call.limit }
    }

    fn remaining(&self, call: &Call<'_>) -> Duration {
        call.ends_at.since(self.host.now())
    }
}

/// What a client's breakers are made of.
pub struct BreakerParts<B, W> {
    pub store: B,
    pub host: W,
    /// The environment's name: unique among all that use the store.
    pub environment: String,
    /// How many environments of the function there can be at a time: they share the calls a second.
    pub environments: u32,
}

impl Guard {
    fn new(dependency: Dependency, environments: u32) -> Self {
        let places = usize::try_from(dependency.limits.calls_at_once).unwrap_or(1);
        let rate = dependency.limits.calls_per_second;
        let budget = RetryBudget::new(dependency.retries.budget_percent);
        Self {
            places: Semaphore::new(places),
            rate: rate.map(|fleet| Mutex::new(RateLimit::share(fleet, environments))),
            budget: Mutex::new(budget),
            dependency,
        }
    }
}

impl Asked {
    fn are_credentials_refused(&self) -> bool {
        matches!(&self.result, Ok(answer) if matches!(answer.status, 401 | 403))
    }
}

/// What a body that cannot be read says of the dependency.
impl From<&BodyError> for contracts::CallFailure {
    fn from(error: &BodyError) -> Self {
        match error {
            BodyError::TooLong { .. } | BodyError::Coding { .. } => Self::BadAnswer,
            BodyError::BrokenOff => Self::Connection,
            BodyError::TimedOut { .. } => Self::Timeout,
        }
    }
}
