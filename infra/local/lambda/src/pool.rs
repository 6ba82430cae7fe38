//! The environments of one function: started on demand, kept warm, reused, retired.
//!
//! The one used last is used first, so that the others can be retired. A function runs no more
//! often at once than its limit: beyond it, an invocation is throttled, as on Lambda
//! (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::environment::{Environment, Request, millis};
use super::outcome::{Ended, Invocation, InvokeError};
use super::reload::Watched;
use super::{EnvironmentInfo, EnvironmentState, Shared, lineage, locked};
use template::{Function, RecursiveLoop};

pub(super) struct Pool {
    function: Arc<Function>,
    shared: Arc<Shared>,
    limit: usize,
    state: Mutex<State>,
    watched: Mutex<Watched>,
}

#[derive(Default)]
struct State {
    next_number: u64,
    /// Environments up to this number run a binary that has been replaced.
    replaced: u64,
    /// Invocations under way, those whose environment is still starting included.
    active: usize,
    busy: BTreeMap<u64, Arc<Environment>>,
    /// The one used last comes last.
    idle: Vec<Idle>,
    recursive_drops: u64,
}

struct Idle {
    environment: Arc<Environment>,
    /// By [`Clock::lived_ms`](clock::Clock::lived_ms).
    since_ms: u64,
}

/// A place among the concurrent invocations, given back when dropped.
struct Slot {
    pool: Arc<Pool>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        locked(&self.pool.state).active -= 1;
        self.pool.shared.ended.notify_one();
    }
}

impl Pool {
    pub(super) fn new(function: Function, shared: Arc<Shared>) -> Self {
        let own = function.reserved_concurrency.map(|own| usize::try_from(own).unwrap_or(0));
        let limit = own.unwrap_or(usize::MAX).min(shared.config.concurrency);
        let watched = Mutex::new(Watched::begin(&shared.config.binary(&function)));
        Self { function: Arc::new(function), shared, limit, state: Mutex::default(), watched }
    }

    pub(super) fn function(&self) -> &Function {
        &self.function
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Invocations under way.
    pub(super) fn active(&self) -> usize {
        locked(&self.state).active
    }

    /// Runs one invocation to its end, also when nobody waits for it any more.
    pub(super) async fn invoke(
        self: &Arc<Self>,
        mut request: Request,
    ) -> Result<Invocation, InvokeError> {
        if self.drops_recursive(&request.trace_id) {
            return Err(InvokeError::RecursiveLoop { function: self.function.name.clone() });
        }
        request.trace_id = lineage::next(&request.trace_id, &self.function.arn).header;
        let (slot, warm) = self.acquire()?;
        let pool = self.clone();
        let running = tokio::spawn(async move { pool.run(slot, warm, request).await });
        running.await.unwrap_or(Err(InvokeError::ShuttingDown))
    }

    /// Whether an invocation with this trace header would go on with a loop that has to end: then it is
    /// dropped, counted and logged.
    pub(super) fn drops_recursive(&self, trace_header: &str) -> bool {
        if self.function.recursive_loop == RecursiveLoop::Allow
            || lineage::next(trace_header, &self.function.arn).before < lineage::MOST
        {
            return false;
        }
        locked(&self.state).recursive_drops += 1;
        tracing::warn!(
            function.name = self.function.name,
            "an invocation was dropped: it was the {}th of a recursive loop, which RecursiveLoop: Allow \
             would let go on",
            lineage::MOST + 1
        );
        true
    }

    /// Invocations that were dropped to end a loop; CloudWatch's `RecursiveInvocationsDropped`.
    pub(super) fn recursive_drops(&self) -> u64 {
        locked(&self.state).recursive_drops
    }

    async fn run(
        self: Arc<Self>,
        slot: Slot,
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

    /// A place, with a warm environment if there is one.
    fn acquire(self: &Arc<Self>) -> Result<(Slot, Option<Arc<Environment>>), InvokeError> {
        let mut state = locked(&self.state);
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
        Ok((Slot { pool: self.clone() }, warm))
    }

    /// Starts an environment; `None` when everything shuts down meanwhile.
    async fn start(&self) -> Option<Result<Arc<Environment>, Ended>> {
        let number = {
            let mut state = locked(&self.state);
            state.next_number += 1;
            state.next_number
        };
        let started = tokio::select! {
            started = Environment::start(self.function.clone(), self.shared.clone(), number) => started,
            () = self.shared.closing() => return None,
        };
        Some(match started {
            Ok(environment) => {
                let environment = Arc::new(environment);
                locked(&self.state).busy.insert(number, environment.clone());
                // Whoever closes kills what is listed: look again, now that this one is.
                if self.shared.is_closing() {
                    environment.kill_soon();
                }
                Ok(environment)
            }
            Err(failure) => Err(Ended::InitFailed(failure)),
        })
    }

    fn release(&self, environment: Arc<Environment>, slot: Slot) {
        let mut state = locked(&self.state);
        state.busy.remove(&environment.number());
        let current = environment.number() > state.replaced;
        if current && environment.is_usable() && !self.shared.is_closing() {
            state.idle.push(Idle { environment, since_ms: self.shared.clock.lived_ms() });
        }
        drop(state);
        drop(slot);
    }

    /// When the environment that has been idle longest is to be retired, if nothing is skipped until then.
    pub(super) fn next_retirement_ms(&self) -> Option<u64> {
        let state = locked(&self.state);
        let clock = &self.shared.clock;
        let ends_ms = state.idle.first()?.since_ms.saturating_add(millis(self.shared.config.idle));
        Some(clock.now_ms().saturating_add(ends_ms.saturating_sub(clock.lived_ms())))
    }

    /// Ends the environments that have been idle for the configured time.
    pub(super) fn retire_expired(&self) {
        let lived_ms = self.shared.clock.lived_ms();
        let keep = millis(self.shared.config.idle);
        let expired = |idle: &Idle| idle.since_ms.saturating_add(keep) <= lived_ms;
        locked(&self.state).idle.retain(|idle| !expired(idle));
    }

    /// Ends all idle environments and says how many there were.
    pub(super) fn retire_all(&self) -> usize {
        locked(&self.state).idle.drain(..).count()
    }

    /// The binary, as it was when it was last looked at.
    pub(super) fn watched(&self) -> MutexGuard<'_, Watched> {
        locked(&self.watched)
    }

    /// Ends all idle environments, and lets the busy ones end with their invocation; says how many
    /// each are.
    pub(super) fn replace_all(&self) -> (usize, usize) {
        let mut state = locked(&self.state);
        state.replaced = state.next_number;
        (state.idle.drain(..).count(), state.active)
    }

    /// Kills all environments, busy ones included.
    pub(super) fn kill_all(&self) {
        self.retire_all();
        locked(&self.state).busy.values().for_each(|environment| environment.kill_soon());
    }

    /// Kills an environment that is in the middle of an invocation, the longest running first.
    pub(super) fn kill_one(&self) -> bool {
        let state = locked(&self.state);
        let victim = state.busy.values().find(|environment| environment.current().is_some());
        victim.inspect(|environment| environment.kill_soon()).is_some()
    }

    /// Kills the busy environment with this session token, if it is here.
    pub(super) fn kill(&self, token: &str) {
        let state = locked(&self.state);
        let victims = state.busy.values().filter(|environment| environment.token() == token);
        victims.for_each(|environment| environment.kill_soon());
    }

    pub(super) fn environments(&self) -> Vec<EnvironmentInfo> {
        let state = locked(&self.state);
        let info = |environment: &Environment, state| EnvironmentInfo {
            pid: environment.pid(),
            state,
            invocations: environment.invocations(),
            peak_memory_mb: environment.peak_mb(),
        };
        let busy = state.busy.values().map(|environment| {
            let request_id = environment.current().unwrap_or_default();
            info(environment, EnvironmentState::Busy { request_id })
        });
        let idle = state.idle.iter().filter(|idle| idle.environment.is_usable());
        let idle = idle.map(|idle| info(&idle.environment, EnvironmentState::Idle));
        busy.chain(idle).collect()
    }
}

fn finished(request_id: String, ended: &Ended, log_tail: String) -> Invocation {
    Invocation {
        payload: ended.payload(&request_id),
        function_error: (!ended.is_response()).then_some("Unhandled"),
        request_id,
        log_tail,
    }
}
