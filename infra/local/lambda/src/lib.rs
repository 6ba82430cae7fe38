#![doc = include_str!("../README.md")]

mod asynchronous;
mod body;
mod clock_offset;
mod environment;
mod http;
mod invoke;
mod lineage;
mod logs;
pub mod mapping;
mod memory;
mod outcome;
mod output;
mod pool;
mod process;
mod reload;
mod report;
mod rest;
mod runtime_api;
mod variables;
mod waits;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, watch};

pub use self::http::HttpApi;
pub use self::http::Identity;
pub use self::logs::{LogLine, LogSink, Origin};
pub use self::outcome::timestamp;
pub use self::outcome::{Invocation, InvokeError};

use self::asynchronous::Queue;
use self::environment::Request;
use self::pool::Pool;
use self::process::Census;
use clock::Clock;
use faults::Adversary;
use template::Function;

/// Largest payload of a synchronous invocation, in bytes:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// How functions are run.
#[derive(Clone, Debug)]
pub struct Config {
    pub region: String,
    /// What functions get as `AWS_ENDPOINT_URL`.
    pub endpoint: String,
    /// The folder of the functions' binaries.
    pub binaries: PathBuf,
    /// How often a function may run at once, unless it reserves less; also how many processes of
    /// it there are at most.
    pub concurrency: usize,
    /// How long an environment is kept without work.
    pub idle: Duration,
    /// How long a process may take until it asks for work.
    pub init_timeout: Duration,
    /// Whether processes are stopped between invocations, as Lambda freezes environments.
    pub freeze: bool,
    /// Who kills environments and sets their clocks wrong.
    pub adversary: Option<Adversary>,
}

impl Config {
    /// 10 at once, kept for 10 minutes, 10 seconds to start (Lambda's own limit), not frozen.
    #[must_use]
    pub fn new(region: &str, endpoint: &str, binaries: PathBuf) -> Self {
        Self {
            region: region.to_owned(),
            endpoint: endpoint.to_owned(),
            binaries,
            concurrency: 10,
            idle: Duration::from_secs(600),
            init_timeout: Duration::from_secs(10),
            freeze: false,
            adversary: None,
        }
    }

    fn binary(&self, function: &Function) -> PathBuf {
        self.binaries.join(&function.binary)
    }
}

/// Why a function cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    #[error(
        "the binary of function {function} is not at {path}: build it with cargo build --bin {binary}"
    )]
    NoBinary { function: String, binary: String, path: String },
    #[error("two functions are named {function}")]
    Duplicate { function: String },
}

/// An invocation that has just been handed to its function.
#[derive(Clone, Copy, Debug)]
pub struct InvocationStart<'a> {
    pub function: &'a str,
    pub request_id: &'a str,
    pub pid: u32,
    /// 1 for the first invocation of its environment.
    pub ordinal: u64,
}

/// An environment, for tests and status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentInfo {
    pub pid: u32,
    pub state: EnvironmentState,
    pub invocations: u64,
    pub peak_memory_mb: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvironmentState {
    Idle,
    Busy { request_id: String },
}

/// What a caller says besides the payload.
#[derive(Default)]
struct Caller {
    trace_id: Option<String>,
    /// JSON on one line.
    client_context: Option<String>,
}

type Hook = Arc<dyn Fn(&InvocationStart<'_>) + Send + Sync>;

/// The service; clones share its functions. The last one dropped ends their processes;
/// [`Lambda::shutdown`] also waits for them.
#[derive(Clone)]
pub struct Lambda {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    pools: RwLock<BTreeMap<String, Arc<Pool>>>,
    queue: Queue,
}

/// What all pools and environments use.
struct Shared {
    clock: Clock,
    config: Config,
    sink: Arc<dyn LogSink>,
    hook: Mutex<Option<Hook>>,
    census: Census,
    closing: watch::Sender<bool>,
    /// Notified when an invocation has ended.
    ended: Notify,
}

impl Shared {
    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    async fn closing(&self) {
        // The sender is in `self`: waiting cannot fail.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.closing.send_replace(true);
        let pools = self.pools.get_mut().unwrap_or_else(PoisonError::into_inner);
        pools.values().for_each(|pool| pool.kill_all());
    }
}

impl Lambda {
    /// A service without functions. To be called within a tokio runtime.
    #[must_use]
    pub fn new(clock: Clock, config: Config, sink: Arc<dyn LogSink>) -> Self {
        let shared = Arc::new(Shared {
            clock,
            config,
            sink,
            hook: Mutex::default(),
            census: Census::new(),
            closing: watch::Sender::new(false),
            ended: Notify::new(),
        });
        let inner = Arc::new(Inner { shared, pools: RwLock::default(), queue: Queue::new() });
        tokio::spawn(retire(Arc::downgrade(&inner)));
        tokio::spawn(reload::watch(Arc::downgrade(&inner)));
        Self { inner }
    }

    /// Makes a function known; it is started when it is first invoked.
    ///
    /// # Errors
    /// When its binary is not there, or its name is taken.
    pub fn add(&self, function: Function) -> Result<(), AddError> {
        let path = self.inner.shared.config.binary(&function);
        if !path.is_file() {
            return Err(AddError::NoBinary {
                function: function.name,
                binary: function.binary,
                path: path.display().to_string(),
            });
        }
        let mut pools = self.inner.pools.write().unwrap_or_else(PoisonError::into_inner);
        if pools.contains_key(&function.name) {
            return Err(AddError::Duplicate { function: function.name });
        }
        let pool = Pool::new(function, self.inner.shared.clone());
        pools.insert(pool.function().name.clone(), Arc::new(pool));
        Ok(())
    }

    /// Invokes a function and waits for its answer: [`Invocation::function_error`] tells whether
    /// it failed.
    ///
    /// # Errors
    /// When it was not invoked: unknown, at its limit, payload too large, or shutting down.
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Invocation, InvokeError> {
        self.invoke_as(function, payload, Caller::default()).await
    }

    async fn invoke_as(
        &self,
        function: &str,
        payload: Bytes,
        caller: Caller,
    ) -> Result<Invocation, InvokeError> {
        if payload.len() > PAYLOAD_LIMIT {
            let (size, limit) = (payload.len(), PAYLOAD_LIMIT);
            return Err(InvokeError::PayloadTooLarge { size, limit });
        }
        let pool = self.pool(function)?;
        let id = uuid::Uuid::new_v4().to_string();
        let trace_id = self.trace_id(caller.trace_id);
        let client_context = caller.client_context;
        pool.invoke(Request { id, payload, trace_id, client_context }).await
    }

    /// How many invocations of a function were dropped, because they would have gone on with a recursive
    /// loop.
    #[must_use]
    pub fn recursive_invocations_dropped(&self, function: &str) -> u64 {
        self.pool(function).map_or(0, |pool| pool.recursive_drops())
    }

    /// Calls `hook` at the start of each invocation, before the function has read it.
    pub fn on_invocation_start(&self, hook: impl Fn(&InvocationStart<'_>) + Send + Sync + 'static) {
        *locked(&self.inner.shared.hook) = Some(Arc::new(hook));
    }

    /// Kills (SIGKILL) an environment that is in the middle of an invocation; false without one.
    #[must_use]
    pub fn kill_one(&self, function: &str) -> bool {
        self.pool(function).is_ok_and(|pool| pool.kill_one())
    }

    /// Kills the environment whose session token this is, if it is in the middle of an invocation.
    pub fn kill(&self, token: &str) {
        self.pools().iter().for_each(|pool| pool.kill(token));
    }

    /// The started environments of a function.
    #[must_use]
    pub fn environments(&self, function: &str) -> Vec<EnvironmentInfo> {
        self.pool(function).map_or_else(|_| Vec::new(), |pool| pool.environments())
    }

    /// Ends a function's idle environments, so that its next invocation is a cold start; says how
    /// many there were.
    pub fn retire_idle(&self, function: &str) -> usize {
        self.pool(function).map_or(0, |pool| pool.retire_all())
    }

    /// How often a function may run at once.
    ///
    /// # Errors
    /// When there is no such function.
    pub fn concurrency(&self, function: &str) -> Result<usize, InvokeError> {
        self.pool(function).map(|pool| pool.limit())
    }

    /// Whether nothing runs, and no asynchronous invocation waits for anything but time.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.inner.queue.waits.is_quiet() && self.pools().iter().all(|pool| pool.active() == 0)
    }

    /// When the next asynchronous invocation is tried again, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<u64> {
        self.inner.queue.waits.next_due_ms()
    }

    /// Ends everything: running invocations are killed, and no process is left when it returns.
    pub async fn shutdown(&self) {
        self.inner.shared.closing.send_replace(true);
        self.pools().iter().for_each(|pool| pool.kill_all());
        self.inner.shared.census.empty().await;
    }

    fn pool(&self, function: &str) -> Result<Arc<Pool>, InvokeError> {
        let pools = self.inner.pools.read().unwrap_or_else(PoisonError::into_inner);
        let pool = pools.get(function).cloned();
        pool.ok_or_else(|| InvokeError::NotFound { function: function.to_owned() })
    }

    fn pools(&self) -> Vec<Arc<Pool>> {
        let pools = self.inner.pools.read().unwrap_or_else(PoisonError::into_inner);
        pools.values().cloned().collect()
    }

    /// The caller's, or a new one.
    fn trace_id(&self, of_caller: Option<String>) -> String {
        let sound = of_caller.filter(|header| lineage::is_sound(header));
        sound.unwrap_or_else(|| self.new_trace_id())
    }

    /// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>
    fn new_trace_id(&self) -> String {
        let seconds = self.inner.shared.clock.now_ms() / 1000;
        let random = uuid::Uuid::new_v4().simple().to_string();
        let parent = &uuid::Uuid::new_v4().simple().to_string()[..16];
        format!("Root=1-{seconds:08x}-{};Parent={parent};Sampled=0", &random[..24])
    }
}

/// Retires idle environments until the service is gone.
async fn retire(inner: std::sync::Weak<Inner>) {
    loop {
        let Some(strong) = inner.upgrade() else { return };
        let lambda = Lambda { inner: strong };
        let shared = lambda.inner.shared.clone();
        let pools = lambda.pools();
        drop(lambda);
        pools.iter().for_each(|pool| pool.retire_expired());
        let due_ms = pools.iter().filter_map(|pool| pool.next_retirement_ms()).min();
        drop(pools);
        let due = async {
            match due_ms {
                Some(due_ms) => shared.clock.sleep_until(due_ms).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = shared.ended.notified() => {}
            () = shared.closing() => return,
        }
    }
}

/// Locks, whether or not another holder panicked: no state here is left half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
