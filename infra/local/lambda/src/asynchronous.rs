//! Asynchronous invocations (`Event`), which are accepted at once, run later and attempted three times.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>. A function error
//! is retried after one minute and again after two. Throttling is retried with backoff for up to six
//! hours. After the last attempt the event is logged and dropped, because destinations and dead-letter
//! queues of asynchronous invocations are not emulated.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::environment::{Request, millis};
use super::outcome::InvokeError;
use super::pool::Pool;
use super::work::{Work, WorkTracker};
use super::{Lambda, Shared};

/// The maximum payload of an asynchronous invocation, in bytes:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(super) const PAYLOAD_LIMIT: usize = 1024 * 1024;
/// The maximum size of all payloads that wait, in bytes. Beyond it, invocations are throttled.
const MAX_QUEUED_BYTES: usize = 64 * 1024 * 1024;
/// The least that a waiting invocation counts towards that size, in bytes.
const MIN_RESERVED_BYTES: usize = 1024;
const RETRY_DELAYS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
const THROTTLE_DELAY: Duration = Duration::from_secs(1);
const THROTTLE_DELAY_LIMIT: Duration = Duration::from_secs(300);
const AGE_LIMIT: Duration = Duration::from_secs(6 * 3600);

/// The invocations that were accepted and are not finished.
pub(super) struct AsyncQueue {
    room: Arc<Semaphore>,
    pub(super) tracker: WorkTracker,
}

impl AsyncQueue {
    pub(super) fn new() -> Self {
        Self { room: Arc::new(Semaphore::new(MAX_QUEUED_BYTES)), tracker: WorkTracker::default() }
    }
}

impl Lambda {
    /// Invokes a function asynchronously and returns the request id. The invocation runs later, and is
    /// retried if it fails.
    ///
    /// # Errors
    /// If the invocation was not accepted, because the function is unknown, the payload is too large, or
    /// too many invocations are waiting.
    pub fn invoke_later(&self, function: &str, payload: Bytes) -> Result<String, InvokeError> {
        self.enqueue(function, payload, None)
    }

    /// Accepts an asynchronous invocation and returns its request id.
    pub(super) fn enqueue(
        &self,
        function: &str,
        payload: Bytes,
        trace_id: Option<String>,
    ) -> Result<String, InvokeError> {
        if payload.len() > PAYLOAD_LIMIT {
            let (size, limit) = (payload.len(), PAYLOAD_LIMIT);
            return Err(InvokeError::PayloadTooLarge { size, limit });
        }
        let pool = self.pool(function)?;
        let queue = &self.inner.queue;
        let taken = u32::try_from(payload.len().max(MIN_RESERVED_BYTES)).unwrap_or(u32::MAX);
        let Ok(room) = queue.room.clone().try_acquire_many_owned(taken) else {
            return Err(InvokeError::QueueFull { function: function.to_owned() });
        };
        let id = uuid::Uuid::new_v4().to_string();
        let trace_id = self.trace_id(trace_id);
        let request = Request { id: id.clone(), payload, trace_id, client_context: None };
        let (shared, work) = (self.inner.shared.clone(), queue.tracker.start());
        tokio::spawn(async move {
            tokio::select! {
                () = run(&shared, &work, &pool, request) => {}
                () = shared.wait_until_closing() => {}
            }
            drop(room);
        });
        Ok(id)
    }
}

async fn run(shared: &Shared, work: &Work, pool: &Arc<Pool>, request: Request) {
    let clock = &shared.clock;
    let started_ms = clock.now_ms();
    let mut retries = RETRY_DELAYS.iter();
    let mut throttle_delay = THROTTLE_DELAY;
    loop {
        let delay = match pool.invoke(request.clone()).await {
            Ok(invocation) if invocation.function_error.is_none() => return,
            Ok(_) => retries.next().copied(),
            Err(InvokeError::Throttled { .. } | InvokeError::QueueFull { .. }) => {
                let delay = throttle_delay;
                throttle_delay = (delay * 2).min(THROTTLE_DELAY_LIMIT);
                Some(delay)
            }
            Err(
                InvokeError::NotFound { .. }
                | InvokeError::PayloadTooLarge { .. }
                | InvokeError::RecursiveLoop { .. }
                | InvokeError::ShuttingDown,
            ) => return,
        };
        let now_ms = clock.now_ms();
        let expired = now_ms.saturating_sub(started_ms) >= millis(AGE_LIMIT);
        let Some(delay) = delay.filter(|_| !expired) else {
            tracing::error!(
                function.name = pool.function().name,
                request.id = request.id,
                "an asynchronous invocation failed, has no retries left and is dropped",
            );
            return;
        };
        work.sleep_until(clock, now_ms.saturating_add(millis(delay))).await;
    }
}
