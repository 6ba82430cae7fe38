//! The environments of one function. They are started on demand, reused, and ended when idle.
//!
//! An invocation gets the idle environment that was used last, so that the others can be ended. Beyond
//! the concurrency limit of the function, an invocation is throttled as on Lambda
//! (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::binary_file::BinaryWatcher;
use super::environment::{Environment, Request, millis};
use super::outcome::{Invocation, InvokeError, Outcome};
use super::{EnvironmentInfo, EnvironmentState, Shared, lineage, lock};
use template::{Function, RecursiveLoop};

pub(super) struct Pool {
    function: Arc<Function>,
    shared: Arc<Shared>,
    limit: usize,
    state: Mutex<State>,
    watcher: Mutex<BinaryWatcher>,
}

#[derive(Default)]
struct State {
    next_number: u64,
    /// Environments up to this number run a binary that has been replaced.
    replaced: u64,
    /// The number of current invocations, including those whose environment is still starting.
    active: usize,
    busy: BTreeMap<u64, Arc<Environment>>,
    /// The idle environments; the one that was used last comes last.
    idle: Vec<IdleEnvironment>,
    recursive_drops: u64,
}

struct IdleEnvironment {
    environment: Arc<Environment>,
    /// Measured with [`Clock::lived_ms`](clock::Clock::lived_ms).
    since_ms: u64,
}

/// How many environments a new binary replaces.
pub(super) struct ReplacedEnvironments {
    /// Environments that were idle and have ended.
    pub(super) ended: usize,
    /// Environments that end after their invocation.
    pub(super) busy: usize,
}

/// Counts as one of the concurrent invocations until it is dropped.
struct ConcurrencySlot {
    pool: Arc<Pool>,
}

impl Drop for ConcurrencySlot {
    fn drop(&mut self) {
        lock(&self.pool.state).active -= 1;
        self.pool.shared.ended.notify_one();
    }
}

impl Pool {
    pub(super) fn new(function: Function, shared: Arc<Shared>) -> Self {
        let reserved = function
            .reserved_concurrency
            .map_or(usize::MAX, |reserved| usize::try_from(reserved).unwrap_or(0));
        let limit = reserved.min(shared.config.concurrency);
        let watcher = Mutex::new(BinaryWatcher::new(&shared.config.binary(&function)));
        Self { function: Arc::new(function), shared, limit, state: Mutex::default(), watcher }
    }

    pub(super) fn function(&self) -> &Function {
        &self.function
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// The number of current invocations.
    pub(super) fn active(&self) -> usize {
        lock(&self.state).active
    }

    /// Runs one invocation to its end, even if the caller stops waiting for it.
    pub(super) async fn invoke(
        self: &Arc<Self>,
        mut request: Request,
    ) -> Result<Invocation, InvokeError> {
        if self.drop_if_recursive(&request.trace_id) {
            return Err(InvokeError::RecursiveLoop { function: self.function.name.clone() });
        }
        request.trace_id = lineage::extend(&request.trace_id, &self.function.arn).header;
        let (slot, warm) = self.acquire()?;
        let pool = self.clone();
        let running = tokio::spawn(async move { pool.run(slot, warm, request).await });
        running.await.unwrap_or(Err(InvokeError::ShuttingDown))
    }

    /// Drops an invocation with this trace header if it would continue a recursive loop that has to end.
    /// The drop is counted and logged. Returns whether the invocation was dropped.
    pub(super) fn drop_if_recursive(&self, trace_header: &str) -> bool {
        if self.function.recursive_loop == RecursiveLoop::Allow
            || lineage::extend(trace_header, &self.function.arn).before < lineage::MAX_INVOCATIONS
        {
            return false;
        }
        lock(&self.state).recursive_drops += 1;
        tracing::warn!(
            function.name = self.function.name,
            "an invocation was dropped because it was the {}th of a recursive loop; set \
             RecursiveLoop: Allow to allow such loops",
            lineage::MAX_INVOCATIONS + 1
        );
        true
    }

    /// The number of invocations that were dropped to end a loop. CloudWatch calls it
    /// `RecursiveInvocationsDropped`.
    pub(super) fn recursive_drop_count(&self) -> u64 {
        lock(&self.state).recursive_drops
    }

    async fn run(
        self: Arc<Self>,
        slot: ConcurrencySlot,
        warm: Option<Arc<Environment>>,
        request: Request,
    ) -> Result<Invocation, InvokeError> {
        let id = request.id.clone();
        let environment = match warm {
            Some(environment) => environment,
            None => match self.start().await {
                Some(Ok(environment)) => environment,
                Some(Err(failure)) => return Ok(finished(id, &failure, String::new())),
                None => return Err(InvokeError::ShuttingDown),
            },
        };
        let (ended, log_tail) = environment.run(request).await;
        self.release(environment, slot);
        Ok(finished(id, &ended, log_tail))
    }

    /// Acquires a concurrency slot, and an idle environment if there is one.
    fn acquire(
        self: &Arc<Self>,
    ) -> Result<(ConcurrencySlot, Option<Arc<Environment>>), InvokeError> {
        let mut state = lock(&self.state);
        if self.shared.is_closing() {
            return Err(InvokeError::ShuttingDown);
        }
        if state.active >= self.limit {
            let function = self.function.name.clone();
            return Err(InvokeError::Throttled { function, limit: self.limit });
        }
        state.active += 1;
        let mut warm = None;
        while let Some(idle) = state.idle.pop() {
            if idle.environment.is_usable() {
                warm = Some(idle.environment);
                break;
            }
        }
        if let Some(environment) = &warm {
            state.busy.insert(environment.number(), environment.clone());
        }
        Ok((ConcurrencySlot { pool: self.clone() }, warm))
    }

    /// Starts an environment. Returns `None` if the service shuts down in the meantime.
    async fn start(&self) -> Option<Result<Arc<Environment>, Outcome>> {
        let number = {
            let mut state = lock(&self.state);
            state.next_number += 1;
            state.next_number
        };
        let started = tokio::select! {
            started = Environment::start(self.function.clone(), self.shared.clone(), number) => started,
            () = self.shared.wait_until_closing() => return None,
        };
        Some(match started {
            Ok(environment) => {
                let environment = Arc::new(environment);
                lock(&self.state).busy.insert(number, environment.clone());
                // A shutdown kills the environments that are listed. It may have missed this one.
                if self.shared.is_closing() {
                    environment.start_kill();
                }
                Ok(environment)
            }
            Err(failure) => Err(Outcome::InitFailed(failure)),
        })
    }

    fn release(&self, environment: Arc<Environment>, slot: ConcurrencySlot) {
        let mut state = lock(&self.state);
        state.busy.remove(&environment.number());
        let current = environment.number() > state.replaced;
        if current && environment.is_usable() && !self.shared.is_closing() {
            state
                .idle
                .push(IdleEnvironment { environment, since_ms: self.shared.clock.lived_ms() });
        }
        drop(state);
        drop(slot);
    }

    /// When the environment that has been idle the longest is to be ended, unless time is skipped before.
    pub(super) fn next_retirement_ms(&self) -> Option<u64> {
        let state = lock(&self.state);
        let clock = &self.shared.clock;
        let ends_ms = state.idle.first()?.since_ms.saturating_add(millis(self.shared.config.idle));
        Some(clock.now_ms().saturating_add(ends_ms.saturating_sub(clock.lived_ms())))
    }

    /// Ends the environments that have been idle for the configured time.
    pub(super) fn retire_expired(&self) {
        let lived_ms = self.shared.clock.lived_ms();
        let max_idle_ms = millis(self.shared.config.idle);
        lock(&self.state).idle.retain(|idle| idle.since_ms.saturating_add(max_idle_ms) > lived_ms);
    }

    /// Ends all idle environments and returns how many there were.
    pub(super) fn end_idle(&self) -> usize {
        lock(&self.state).idle.drain(..).count()
    }

    /// Detects changes of the binary.
    pub(super) fn watcher(&self) -> MutexGuard<'_, BinaryWatcher> {
        lock(&self.watcher)
    }

    /// Ends all idle environments, and lets the busy ones end after their invocation.
    pub(super) fn replace_all(&self) -> ReplacedEnvironments {
        let mut state = lock(&self.state);
        state.replaced = state.next_number;
        ReplacedEnvironments { ended: state.idle.drain(..).count(), busy: state.active }
    }

    pub(super) fn has_environments(&self) -> bool {
        let state = lock(&self.state);
        !state.idle.is_empty() || state.active > 0
    }

    /// Kills all environments, including busy ones.
    pub(super) fn kill_all(&self) {
        self.end_idle();
        lock(&self.state).busy.values().for_each(|environment| environment.start_kill());
    }

    /// Kills the oldest environment that runs an invocation. Returns false if there is none.
    pub(super) fn kill_one(&self) -> bool {
        let state = lock(&self.state);
        let victim =
            state.busy.values().find(|environment| environment.current_request_id().is_some());
        victim.inspect(|environment| environment.start_kill()).is_some()
    }

    /// Kills the busy environment with this session token, if it belongs to this pool.
    pub(super) fn kill(&self, token: &str) {
        let state = lock(&self.state);
        let victims = state.busy.values().filter(|environment| environment.token() == token);
        victims.for_each(|environment| environment.start_kill());
    }

    pub(super) fn environments(&self) -> Vec<EnvironmentInfo> {
        let state = lock(&self.state);
        let mut environments = Vec::new();
        for environment in state.busy.values() {
            let request_id = environment.current_request_id().unwrap_or_default();
            environments.push(environment.info(EnvironmentState::Busy { request_id }));
        }
        for idle in &state.idle {
            if idle.environment.is_usable() {
                environments.push(idle.environment.info(EnvironmentState::Idle));
            }
        }
        environments
    }
}

fn finished(request_id: String, ended: &Outcome, log_tail: String) -> Invocation {
    Invocation {
        payload: ended.payload(&request_id),
        function_error: (!ended.is_response()).then_some("Unhandled"),
        request_id,
        log_tail,
    }
}
