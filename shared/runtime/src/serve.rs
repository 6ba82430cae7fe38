//! Passes Lambda's invocations to a handler or to the batch loop.

use std::fmt::Debug;
use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use event::Timestamp;
use futures_util::FutureExt;
use lambda_runtime::{Context, Diagnostic, Error, LambdaEvent, service_fn};
use metrics::Recorder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;

use crate::measure::write_lines;
use crate::{BatchResponse, Batches, Clock, Deadline, Queue, Record, Stage, SystemClock, clock};

impl<S: Stage, Q: Queue> Batches<S, Q> {
    /// Processes one invocation. Its log lines have the ids of the request and of the trace.
    pub async fn invoke(&self, event: SqsEvent, context: &Context) -> BatchResponse {
        let span = invocation_span(context);
        let records = event.records.into_iter().map(Record::new).collect();
        self.run(records, &Deadline::of(context)).instrument(span).await
    }
}

/// The fields that each log line of an invocation has.
#[must_use]
pub fn invocation_span(context: &Context) -> tracing::Span {
    tracing::info_span!(
        "invocation",
        request.id = context.request_id,
        xray.trace = context.xray_trace_id.as_deref(),
    )
}

impl Deadline {
    /// The deadline of an invocation, by the system's clock.
    #[must_use]
    pub fn of(context: &Context) -> Self {
        let at = Timestamp::from_unix_ms(i64::try_from(context.deadline).unwrap_or(i64::MAX));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Self::new(at, clock)
    }
}

/// Serves invocations until Lambda ends the environment. Each function uses this and not `lambda_runtime::run`, because
/// only this sets the time of each invocation in the emulation, and writes what was measured in it.
///
/// # Errors
/// If the Runtime API cannot be reached.
pub async fn serve<Payload, Answer, Failure, Handler>(
    metrics: &Recorder,
    handler: Handler,
) -> Result<(), Error>
where
    Payload: DeserializeOwned,
    Answer: Serialize,
    Failure: Into<Diagnostic> + Debug,
    Handler: AsyncFn(Payload, Context) -> Result<Answer, Failure>,
{
    let handler = &handler;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Payload>| {
        let (payload, context) = event.into_parts();
        clock::begin_invocation(&context);
        let answer = handler(payload, context).await;
        write_lines(metrics, SystemClock.now());
        answer
    }))
    .await
}

/// Serves a stage until Lambda ends the environment.
///
/// # Errors
/// If the Runtime API cannot be reached.
pub async fn serve_batches<S: Stage, Q: Queue>(batches: Batches<S, Q>) -> Result<(), Error> {
    let batches = &batches;
    serve(&batches.metrics, async |event: SqsEvent, context: Context| {
        // Without the box, the futures would be nested deeper than the compiler allows.
        Ok::<_, Error>(batches.invoke(event, &context).boxed().await)
    })
    .await
}
