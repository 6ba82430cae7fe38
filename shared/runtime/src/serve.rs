//! From Lambda's invocations to the batch loop.

use std::fmt::Debug;
use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use event::Timestamp;
use futures_util::FutureExt;
use lambda_runtime::{Context, Diagnostic, Error, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;

use crate::{BatchResponse, Batches, Clock, Deadline, Queue, Record, Stage, SystemClock, clock};

impl<S: Stage, Q: Queue> Batches<S, Q> {
    /// One invocation, its log lines carrying its request and trace ids.
    pub async fn invoke(&self, event: SqsEvent, context: &Context) -> BatchResponse {
        let span = invocation_span(context);
        let records = event.records.into_iter().map(Record::new).collect();
        self.run(records, &Deadline::of(context)).instrument(span).await
    }
}

/// What each log line of an invocation carries.
#[must_use]
pub fn invocation_span(context: &Context) -> tracing::Span {
    tracing::info_span!(
        "invocation",
        request.id = context.request_id,
        xray.trace = context.xray_trace_id.as_deref(),
    )
}

impl Deadline {
    /// The invocation's, by the system's clock.
    #[must_use]
    pub fn of(context: &Context) -> Self {
        let at = Timestamp::from_unix_ms(i64::try_from(context.deadline).unwrap_or(i64::MAX));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Self::new(at, clock)
    }
}

/// Serves invocations until Lambda ends the environment, each at its own time. Every function serves
/// through this: what calls `lambda_runtime::run` itself has the wrong time in the emulation.
///
/// # Errors
/// When the Runtime API cannot be reached.
pub async fn serve<Payload, Answer, Failure, Handler>(handler: Handler) -> Result<(), Error>
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
        handler(payload, context).await
    }))
    .await
}

/// Serves a stage until Lambda ends the environment.
///
/// # Errors
/// When the Runtime API cannot be reached.
pub async fn serve_batches<S: Stage, Q: Queue>(batches: Batches<S, Q>) -> Result<(), Error> {
    let batches = &batches;
    serve(async |event: SqsEvent, context: Context| {
        // Boxed, or the layers of futures nest deeper than the compiler follows.
        Ok::<_, Error>(batches.invoke(event, &context).boxed().await)
    })
    .await
}
