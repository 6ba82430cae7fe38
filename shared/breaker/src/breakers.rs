//! All breakers of one environment, and the loop that asks the store for them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event::Timestamp;
use futures_util::lock::Mutex as AsyncMutex;

use crate::environment::lease_length;
use crate::{
    Admission, Answer, Environment, Moment, Outcome, Pass, Request, Settings, Snapshot, Status,
    Store, StoreUnavailable, Wait, WaitReason,
};

/// The clock and the random numbers that a breaker needs.
pub trait Host: Send + Sync {
    /// The present time.
    fn now(&self) -> Timestamp;

    /// Any number. It spreads waits and chooses which calls are let through.
    fn random(&self) -> u64;
}

/// All breakers that an environment needs, by the names of their dependencies.
pub struct Breakers<S, W> {
    store: S,
    host: W,
    id: String,
    environments: Mutex<BTreeMap<String, Environment>>,
    /// When [`Breakers::refresh`] last read the store.
    refreshed_at: Mutex<Option<Timestamp>>,
    /// Locked while the store is asked, so that calls that begin at the same time ask it once.
    asking: AsyncMutex<()>,
}

/// Permission for one call. If it is dropped without [`Permit::finish`], the call does not count.
pub struct Permit<'a, S: Store, W: Host> {
    breakers: &'a Breakers<S, W>,
    dependency: String,
    pass: Option<Pass>,
    began: Timestamp,
    limit: Duration,
}

/// The most requests to the store that one call waits for. If a record is written by many at the same time, this call
/// leaves it to the others.
const MOST_REQUESTS: u32 = 6;

/// How long a call waits if these requests did not decide whether it may be made.
const CONTENDED: Duration = Duration::from_secs(1);

impl<S: Store, W: Host> Breakers<S, W> {
    /// The breakers of an environment. `id` is unique among all environments that use the store, and `settings` has an
    /// entry for each dependency that has a breaker from the start.
    pub fn new(
        store: S,
        host: W,
        id: &str,
        settings: impl IntoIterator<Item = (String, Settings)>,
    ) -> Self {
        let mut environments = BTreeMap::new();
        for (name, settings) in settings {
            environments.insert(name, Environment::new(id.to_owned(), settings));
        }
        Self {
            store,
            host,
            id: id.to_owned(),
            environments: Mutex::new(environments),
            refreshed_at: Mutex::default(),
            asking: AsyncMutex::new(()),
        }
    }

    /// Adds the breaker of a dependency that has none so far.
    pub fn add(&self, dependency: &str, settings: Settings) {
        let id = self.id.clone();
        let mut environments = self.locked();
        environments.entry(dependency.to_owned()).or_insert_with(|| Environment::new(id, settings));
    }

    /// The store that was given to [`Breakers::new`].
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Permission to call a dependency for at most `limit`. A dependency without a breaker may always be called.
    /// Nothing has happened if the future is dropped early, or the permit is dropped without [`Permit::finish`].
    ///
    /// # Errors
    /// [`Wait`]: why the call may not be made, and when to ask again.
    pub async fn admit(&self, dependency: &str, limit: Duration) -> Result<Permit<'_, S, W>, Wait> {
        let _asking = self.asking.lock().await;
        for _ in 0..MOST_REQUESTS {
            let at = self.moment();
            let admission = match self.locked().get_mut(dependency) {
                Some(environment) => environment.admit(limit, at),
                None => Admission::Call(Pass::Uncounted),
            };
            match admission {
                Admission::Call(pass) => return Ok(self.permit(dependency, pass, at.now, limit)),
                Admission::Wait(wait) => return Err(wait),
                Admission::Ask(request) => self.ask(dependency, request).await,
            }
        }
        let until = self.host.now().plus(CONTENDED);
        Err(Wait { until, reason: WaitReason::Probing, since: None })
    }

    /// Writes what is still to be written. It is called at the end of each invocation, when no call is under way.
    /// Afterwards the environment may freeze and never go on.
    pub async fn end_invocation(&self) {
        let _asking = self.asking.lock().await;
        let dependencies: Vec<String> = self.locked().keys().cloned().collect();
        for dependency in dependencies {
            for _ in 0..MOST_REQUESTS {
                let at = self.moment();
                let request =
                    self.locked().get_mut(&dependency).and_then(|it| it.end_invocation(at));
                let Some(request) = request else { break };
                self.ask(&dependency, request).await;
            }
        }
    }

    /// Reads the store if one of the breakers was last read at least `age` ago, or if there is none and the store was.
    /// It is for an environment that makes no calls, and still has to learn what others found out. So breakers that
    /// only the store has are added, with the settings that `settings_of` gives for a dependency.
    pub async fn refresh(&self, age: Duration, settings_of: impl Fn(&str) -> Settings) {
        let _asking = self.asking.lock().await;
        let now = self.host.now();
        if !self.is_older_than(age, now) {
            return;
        }
        *self.refreshed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        let found = self.store.read().await;
        for dependency in found.iter().flat_map(BTreeMap::keys) {
            self.add(dependency, settings_of(dependency));
        }
        self.apply_read(found);
    }

    fn is_older_than(&self, age: Duration, now: Timestamp) -> bool {
        let environments = self.locked();
        if environments.is_empty() {
            let refreshed_at = *self.refreshed_at.lock().unwrap_or_else(PoisonError::into_inner);
            return refreshed_at.is_none_or(|refreshed_at| now.since(refreshed_at) >= age);
        }
        environments.values().any(|environment| environment.is_older_than(age, now))
    }

    /// The status of each breaker, by dependency.
    pub fn status(&self) -> BTreeMap<String, Status> {
        let now = self.host.now();
        let environments = self.locked();
        environments.iter().map(|(name, it)| (name.clone(), it.status(now))).collect()
    }

    /// The status of the breakers that are not in their usual state: a failed call is known, they are not closed, an
    /// operator's act is in force, or their store is unavailable. It is a cheaper form of [`Breakers::status`].
    pub fn unusual_status(&self) -> BTreeMap<String, Status> {
        let now = self.host.now();
        let environments = self.locked();
        let unusual = environments.iter().filter(|(_, it)| !it.is_usual(now));
        unusual.map(|(name, it)| (name.clone(), it.status(now))).collect()
    }

    async fn send_requests(&self, dependency: &str) {
        let _asking = self.asking.lock().await;
        for _ in 0..MOST_REQUESTS {
            let at = self.moment();
            let request = self.locked().get_mut(dependency).and_then(|it| it.next_request(at));
            let Some(request) = request else { return };
            self.ask(dependency, request).await;
        }
    }

    async fn ask(&self, dependency: &str, request: Request) {
        let answer = match request {
            Request::Read => {
                let found = self.store.read().await;
                return self.apply_read(found);
            }
            Request::Replace { expected, record } => {
                let replaced = self.store.replace(dependency, expected, &record).await;
                Answer::ReplaceOutcome(record, replaced)
            }
            Request::Publish(publication) => {
                let window = self.locked().get(dependency).map(|it| it.settings().window);
                let Some(window) = window else { return };
                let published = self.store.publish(dependency, window, &publication).await;
                Answer::PublishOutcome(publication, published)
            }
        };
        let now = self.host.now();
        if let Some(environment) = self.locked().get_mut(dependency) {
            environment.apply_answer(answer, now);
        }
    }

    /// Gives each breaker its part of one answer.
    fn apply_read(&self, mut found: Result<BTreeMap<String, Snapshot>, StoreUnavailable>) {
        let now = self.host.now();
        for (name, environment) in self.locked().iter_mut() {
            let snapshot = match &mut found {
                Ok(found) => Ok(found.remove(name).unwrap_or_default()),
                Err(unavailable) => Err(unavailable.clone()),
            };
            environment.apply_answer(Answer::Read(snapshot), now);
        }
    }

    fn permit(
        &self,
        dependency: &str,
        pass: Pass,
        began: Timestamp,
        limit: Duration,
    ) -> Permit<'_, S, W> {
        let dependency = dependency.to_owned();
        Permit { breakers: self, dependency, pass: Some(pass), began, limit }
    }

    fn moment(&self) -> Moment {
        Moment { now: self.host.now(), roll: self.host.random() }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Environment>> {
        self.environments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what came of a call. The result is whether something may have to be written.
    fn finish(&self, dependency: &str, pass: &Pass, outcome: Outcome, took: Duration) -> bool {
        let now = self.host.now();
        let mut environments = self.locked();
        let Some(environment) = environments.get_mut(dependency) else { return false };
        environment.finish(pass, outcome, took, now);
        !environment.is_quiet()
    }
}

impl<S: Store, W: Host> Permit<'_, S, W> {
    /// Takes what came of the call, and writes to the store if there is something to write. The outcome counts even if
    /// this future is dropped while it writes. A call that took more than twice its limit and four seconds was frozen
    /// with its environment, and does not count.
    pub async fn finish(mut self, outcome: Outcome) {
        if let Some(pass) = self.pass.take() {
            let took = self.breakers.host.now().since(self.began);
            let was_frozen = took > lease_length(self.limit);
            let outcome = if was_frozen { Outcome::Ignored } else { outcome };
            if self.breakers.finish(&self.dependency, &pass, outcome, took) {
                self.breakers.send_requests(&self.dependency).await;
            }
        }
    }
}

impl<S: Store, W: Host> Drop for Permit<'_, S, W> {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.breakers.finish(&self.dependency, &pass, Outcome::Ignored, Duration::ZERO);
        }
    }
}
