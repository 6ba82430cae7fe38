//! The loop around the breakers of one environment: it asks the store for them.

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

/// What a breaker needs of the world beside its store.
pub trait Host: Send + Sync {
    fn now(&self) -> Timestamp;

    /// Any number: it spreads waits and chooses shares of calls.
    fn random(&self) -> u64;
}

/// All breakers that an environment needs, by the names of their dependencies.
pub struct Breakers<S, W> {
    store: S,
    host: W,
    environments: Mutex<BTreeMap<String, Environment>>,
    /// Held while the store is asked: calls that begin together are one question.
    asking: AsyncMutex<()>,
}

/// Leave to make one call. Dropped without [`Permit::finish`], the call says nothing.
pub struct Permit<'a, S: Store, W: Host> {
    breakers: &'a Breakers<S, W>,
    dependency: String,
    pass: Option<Pass>,
    began: Timestamp,
    limit: Duration,
}

/// Questions to the store that one call waits for, at most: a record that many write is left to them.
const MOST_ASKS: u32 = 6;

/// How long a call waits that could not find out.
const CONTENDED: Duration = Duration::from_secs(1);

impl<S: Store, W: Host> Breakers<S, W> {
    /// `id` is unique among all environments that use the store.
    pub fn new(
        store: S,
        host: W,
        id: &str,
        settings: impl IntoIterator<Item = (String, Settings)>,
    ) -> Self {
        let environments = settings
            .into_iter()
            .map(|(name, settings)| (name, Environment::new(id.to_owned(), settings)))
            .collect();
        let environments = Mutex::new(environments);
        Self { store, host, environments, asking: AsyncMutex::new(()) }
    }

    pub fn store(&self) -> &S {
        &self.store
    }

    /// Leave to call a dependency, for no longer than `limit`. One that has no breaker is always called.
    /// Given up before it is ready, or dropped without [`Permit::finish`], it has done nothing.
    ///
    /// # Errors
    /// [`Wait`]: when to ask again.
    pub async fn admit(&self, dependency: &str, limit: Duration) -> Result<Permit<'_, S, W>, Wait> {
        let _asking = self.asking.lock().await;
        for _ in 0..MOST_ASKS {
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

    /// To be called at the end of each invocation, when no call is under way: afterwards the environment
    /// may freeze, for good.
    pub async fn end_invocation(&self) {
        let _asking = self.asking.lock().await;
        let dependencies: Vec<String> = self.locked().keys().cloned().collect();
        for dependency in dependencies {
            for _ in 0..MOST_ASKS {
                let at = self.moment();
                let request =
                    self.locked().get_mut(&dependency).and_then(|it| it.end_invocation(at));
                let Some(request) = request else { break };
                self.ask(&dependency, request).await;
            }
        }
    }

    /// Reads the store where what is known of a breaker is so old, or older: for an environment that makes no
    /// calls, and is to know all the same what others found out.
    pub async fn refresh(&self, age: Duration) {
        let _asking = self.asking.lock().await;
        let now = self.host.now();
        if self.locked().values().any(|environment| environment.is_older_than(age, now)) {
            let found = self.store.read().await;
            self.have_read(found);
        }
    }

    /// What each of them is like now.
    pub fn status(&self) -> BTreeMap<String, Status> {
        let now = self.host.now();
        let environments = self.locked();
        environments.iter().map(|(name, it)| (name.clone(), it.status(now))).collect()
    }

    /// As [`Breakers::status`], but of those alone that may be other than on most days: of which a failed call is
    /// known, that are not closed, that an operator moved, or whose store is away.
    pub fn unusual_status(&self) -> BTreeMap<String, Status> {
        let now = self.host.now();
        let environments = self.locked();
        let unusual = environments.iter().filter(|(_, it)| !it.is_usual(now));
        unusual.map(|(name, it)| (name.clone(), it.status(now))).collect()
    }

    async fn tell(&self, dependency: &str) {
        let _asking = self.asking.lock().await;
        for _ in 0..MOST_ASKS {
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
                return self.have_read(found);
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

    /// One answer is all breakers' answer.
    fn have_read(&self, mut found: Result<BTreeMap<String, Snapshot>, StoreUnavailable>) {
        let now = self.host.now();
        for (name, environment) in self.locked().iter_mut() {
            let snapshot = match &mut found {
                Ok(found) => Ok(found.remove(name).unwrap_or_default()),
                Err(away) => Err(away.clone()),
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

    /// Whether there may be something to tell the fleet.
    fn finish(&self, dependency: &str, pass: &Pass, outcome: Outcome, took: Duration) -> bool {
        let now = self.host.now();
        let mut environments = self.locked();
        let Some(environment) = environments.get_mut(dependency) else { return false };
        environment.finish(pass, outcome, took, now);
        !environment.is_quiet()
    }
}

impl<S: Store, W: Host> Permit<'_, S, W> {
    /// Takes what came of the call, and tells the fleet if there is something to tell. The outcome counts even
    /// if the telling is given up. A call that took more than twice its limit, and four seconds, was frozen
    /// with its environment, and says nothing.
    pub async fn finish(mut self, outcome: Outcome) {
        if let Some(pass) = self.pass.take() {
            let took = self.breakers.host.now().since(self.began);
            let was_frozen = took > lease_length(self.limit);
            let outcome = if was_frozen { Outcome::Ignored } else { outcome };
            if self.breakers.finish(&self.dependency, &pass, outcome, took) {
                self.breakers.tell(&self.dependency).await;
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
