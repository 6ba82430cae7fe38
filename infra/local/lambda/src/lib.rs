#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod asynchronous;
mod binary_file;
mod body;
mod clock_offset;
mod config;
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
mod settled;
mod variables;
mod work;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use tokio::sync::{Notify, watch};

pub use self::binary_file::FileStamp;
pub use self::config::Config;
pub use self::http::HttpApi;
pub use self::http::Identity;
pub use self::logs::{LogLine, LogSink, Origin};
pub use self::outcome::timestamp;
pub use self::outcome::{Invocation, InvokeError};
pub use self::settled::Settled;

use self::asynchronous::AsyncQueue;
use self::environment::Request;
use self::pool::Pool;
use self::process::ProcessCount;
use clock::Clock;
use template::Function;

/// The maximum payload of a synchronous invocation, in bytes:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// Why a function cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The binary does not exist.
    #[error(
        "the binary of function {function} is not at {path}: build it with cargo build --bin {binary}"
    )]
    NoBinary {
        /// The name of the function.
        function: String,
        /// The name of the binary.
        binary: String,
        /// Where it was expected.
        path: String,
    },
    /// There is already a function of that name.
    #[error("two functions are named {function}")]
    Duplicate {
        /// The name of the function.
        function: String,
    },
}

/// An invocation that its function has just received.
#[derive(Clone, Copy, Debug)]
pub struct InvocationStart<'a> {
    /// The name of the function.
    pub function: &'a str,
    /// The request id of the invocation.
    pub request_id: &'a str,
    /// The process that runs it.
    pub pid: u32,
    /// The number of the invocation in its environment, from 1.
    pub ordinal: u64,
}

/// An execution environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentInfo {
    /// The id of its process.
    pub pid: u32,
    /// Whether it runs an invocation.
    pub state: EnvironmentState,
    /// How many invocations it has received.
    pub invocations: u64,
    /// The largest resident size of its process, in megabytes.
    pub peak_memory_mb: u64,
}

/// Whether an environment runs an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvironmentState {
    /// It waits for an invocation.
    Idle,
    /// It runs an invocation.
    Busy {
        /// The request id of the invocation.
        request_id: String,
    },
}

/// What a caller sends besides the payload.
#[derive(Default)]
struct Caller {
    trace_id: Option<String>,
    /// JSON on one line.
    client_context: Option<String>,
}

type StartHook = Arc<dyn Fn(&InvocationStart<'_>) + Send + Sync>;

/// The Lambda service. Clones share its functions. Dropping the last clone kills the processes;
/// [`Lambda::shutdown`] also waits until they have ended.
#[derive(Clone)]
pub struct Lambda {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    pools: RwLock<BTreeMap<String, Arc<Pool>>>,
    queue: AsyncQueue,
}

/// The state that all pools and environments share.
struct Shared {
    clock: Clock,
    config: Config,
    sink: Arc<dyn LogSink>,
    hook: Mutex<Option<StartHook>>,
    processes: ProcessCount,
    closing: watch::Sender<bool>,
    /// Notified when an invocation has ended.
    ended: Notify,
}

impl Shared {
    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    async fn wait_until_closing(&self) {
        // This cannot fail, because `self` holds the sender.
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
    /// Creates a service without functions. Must be called within a tokio runtime.
    #[must_use]
    pub fn new(clock: Clock, config: Config, sink: Arc<dyn LogSink>) -> Self {
        let shared = Arc::new(Shared {
            clock,
            config,
            sink,
            hook: Mutex::default(),
            processes: ProcessCount::new(),
            closing: watch::Sender::new(false),
            ended: Notify::new(),
        });
        let inner = Arc::new(Inner { shared, pools: RwLock::default(), queue: AsyncQueue::new() });
        tokio::spawn(retire_idle_environments(Arc::downgrade(&inner)));
        tokio::spawn(reload::watch_binaries(Arc::downgrade(&inner)));
        Self { inner }
    }

    /// Adds a function. Its first process starts when the function is first invoked.
    ///
    /// # Errors
    /// If the binary does not exist, or another function has the same name.
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

    /// Invokes a function and waits for its response. [`Invocation::function_error`] says whether the
    /// function failed.
    ///
    /// # Errors
    /// If the function was not invoked, because it is unknown or at its concurrency limit, because the
    /// payload is too large, or because the service is shutting down.
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

    /// How many invocations of a function were dropped to end a recursive loop.
    #[must_use]
    pub fn recursive_invocations_dropped(&self, function: &str) -> u64 {
        self.pool(function).map_or(0, |pool| pool.recursive_drop_count())
    }

    /// Sets a function that is called at the start of each invocation, before the invoked function has
    /// read its event.
    pub fn on_invocation_start(&self, hook: impl Fn(&InvocationStart<'_>) + Send + Sync + 'static) {
        *lock(&self.inner.shared.hook) = Some(Arc::new(hook));
    }

    /// Kills an environment of the function that runs an invocation, with SIGKILL. Returns false if
    /// there is none.
    #[must_use]
    pub fn kill_one(&self, function: &str) -> bool {
        self.pool(function).is_ok_and(|pool| pool.kill_one())
    }

    /// Kills the environment with this session token if it runs an invocation.
    pub fn kill(&self, token: &str) {
        self.pools().iter().for_each(|pool| pool.kill(token));
    }

    /// The started environments of a function.
    #[must_use]
    pub fn environments(&self, function: &str) -> Vec<EnvironmentInfo> {
        self.pool(function).map_or_else(|_| Vec::new(), |pool| pool.environments())
    }

    /// Ends the idle environments of a function, so that its next invocation is a cold start. Returns
    /// how many there were.
    pub fn retire_idle(&self, function: &str) -> usize {
        self.pool(function).map_or(0, |pool| pool.end_idle())
    }

    /// The maximum number of concurrent invocations of a function.
    ///
    /// # Errors
    /// If there is no such function.
    pub fn concurrency(&self, function: &str) -> Result<usize, InvokeError> {
        self.pool(function).map(|pool| pool.limit())
    }

    /// Whether no invocation runs and all asynchronous invocations wait for time to pass.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.inner.queue.tracker.waits_for_time()
            && self.pools().iter().all(|pool| pool.active() == 0)
    }

    /// When the next asynchronous invocation is retried, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<u64> {
        self.inner.queue.tracker.next_due_ms()
    }

    /// Kills all environments, including those that run an invocation, and waits until all processes
    /// have ended.
    pub async fn shutdown(&self) {
        self.inner.shared.closing.send_replace(true);
        self.pools().iter().for_each(|pool| pool.kill_all());
        self.inner.shared.processes.wait_until_zero().await;
    }

    fn pool(&self, function: &str) -> Result<Arc<Pool>, InvokeError> {
        let pools = self.inner.pools.read().unwrap_or_else(PoisonError::into_inner);
        let pool = pools.get(function).cloned();
        pool.ok_or_else(|| InvokeError::NotFound { function: function.to_owned() })
    }

    /// Replaces the environments of all functions that use a layer, since its files have changed. Idle ones end at once,
    /// and busy ones after their invocation. `name` is how the log lines call it.
    pub fn reload_layer(&self, layer: &Path, name: &str) {
        reload::replace_users(&self.pools(), layer, name, self.inner.shared.sink.as_ref());
    }

    fn pools(&self) -> Vec<Arc<Pool>> {
        let pools = self.inner.pools.read().unwrap_or_else(PoisonError::into_inner);
        pools.values().cloned().collect()
    }

    /// The trace header of the caller if it is valid, otherwise a new one.
    fn trace_id(&self, of_caller: Option<String>) -> String {
        match of_caller {
            Some(header) if lineage::is_valid_header(&header) => header,
            Some(_) | None => self.new_trace_id(),
        }
    }

    /// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>
    fn new_trace_id(&self) -> String {
        let seconds = self.inner.shared.clock.now_ms() / 1000;
        let random = uuid::Uuid::new_v4().simple().to_string();
        let parent = &uuid::Uuid::new_v4().simple().to_string()[..16];
        format!("Root=1-{seconds:08x}-{};Parent={parent};Sampled=0", &random[..24])
    }
}

/// Ends idle environments when their time is over, until the service is dropped.
async fn retire_idle_environments(inner: std::sync::Weak<Inner>) {
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
            () = shared.wait_until_closing() => return,
        }
    }
}

/// Locks a mutex and ignores poisoning. That is safe because no code here panics halfway through a
/// change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
