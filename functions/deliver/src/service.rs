//! The sink: a request for each event, tried as often as its invocation allows.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use contracts::{Sink, Target};
use dedupe::leased::Delivery;
use dedupe::{RecordId, backoff};
use event::{Code, Failure, FailureKind};
use outbound::{
    Answer, Ask, AskError, FilledHeaders, HeaderTemplates, Request, SecretStore, Secrets,
};
use runtime::Deadline;
use runtime::sink::{Event, LeasedSink};
use tokio::sync::Semaphore;

use crate::answer::{Meaning, meaning};
use crate::request::request;
use crate::services::Services;

/// Requests at a time, whatever the batch.
const AT_ONCE: usize = 10;

/// Attempts in one invocation. What fails more often comes again by its queue, later.
const ATTEMPTS: u32 = 4;

/// The longest that one request waits between its attempts in one invocation, all in all: what the
/// others of its batch were answered is completed after it. Who asks for more is left to the queue.
const PATIENCE: Duration = Duration::from_secs(2);

/// Lets time pass.
pub(crate) trait Pause: Send + Sync {
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// Really.
pub(crate) struct Sleep;

impl Pause for Sleep {
    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Delivers to services.
pub(crate) struct Delivering<A, S, P> {
    services: Services,
    client: A,
    secrets: Secrets<S>,
    pause: P,
    permits: Semaphore,
}

/// One event's request, and how long an attempt may take.
pub(crate) struct Prepared {
    request: Request,
    headers: Arc<HeaderTemplates>,
    limit: Duration,
}

impl<A, S, P> Delivering<A, S, P> {
    pub(crate) fn new(services: Services, client: A, secrets: Secrets<S>, pause: P) -> Self {
        Self { services, client, secrets, pause, permits: Semaphore::new(AT_ONCE) }
    }
}

impl<A: Ask, S: SecretStore, P: Pause> Delivering<A, S, P> {
    /// One attempt. What a service refuses for its credentials is sent once more, if a secret has changed
    /// since: that is a rotation, and no fault of anybody.
    ///
    /// # Errors
    /// When a secret that the request needs cannot be had: nothing was sent.
    async fn attempt(
        &self,
        prepared: &Prepared,
        deadline: &Deadline,
    ) -> Result<Result<Answer, AskError>, Failure> {
        let filled = self.secrets.fill(&prepared.headers, deadline.remaining()).await?;
        let answer = self.ask(prepared, &filled, deadline).await;
        let is_refused = matches!(&answer, Ok(answer) if matches!(answer.status, 401 | 403));
        if !is_refused || !self.secrets.renew(&filled).await {
            return Ok(answer);
        }
        let renewed = self.secrets.fill(&prepared.headers, deadline.remaining()).await?;
        Ok(self.ask(prepared, &renewed, deadline).await)
    }

    async fn ask(
        &self,
        prepared: &Prepared,
        filled: &FilledHeaders,
        deadline: &Deadline,
    ) -> Result<Answer, AskError> {
        let mut request = prepared.request.clone();
        request.headers.extend(filled.headers.clone());
        self.client.ask(request, prepared.limit.min(deadline.remaining())).await
    }
}

impl<A: Ask, S: SecretStore, P: Pause> LeasedSink for Delivering<A, S, P> {
    const NAME: &'static str = "deliver";

    type Request = Prepared;

    fn is_own(&self, sink: &Sink) -> bool {
        matches!(sink.target, Target::Http(_))
    }

    fn request(&self, event: &Event<'_>, sink: &Sink) -> Result<Prepared, Failure> {
        let service = self.services.of(&event.envelope.dataset, &sink.name).ok_or_else(|| {
            let reason = format!("`{}` has no service", sink.name);
            Failure::permanent(Code::DependencyRefused, reason)
        })?;
        Ok(Prepared {
            request: request(event, &event.id(sink), service)?,
            headers: Arc::clone(&service.headers),
            limit: service.limit,
        })
    }

    async fn send(
        &self,
        prepared: &Prepared,
        key: &RecordId,
        is_repeat: bool,
        deadline: &Deadline,
    ) -> Delivery {
        // Never closed: an error is no permit, and no reason not to send.
        let _permit = self.permits.acquire().await;
        let who = format!("sink {}", key.sink);
        let mut may_have_taken_effect = is_repeat;
        let mut patience = PATIENCE;
        let mut attempt = 0;
        loop {
            attempt += 1;
            if deadline.remaining().is_zero() {
                return ended(&who, may_have_taken_effect);
            }
            let answer = match self.attempt(prepared, deadline).await {
                Ok(answer) => answer,
                Err(failure) => {
                    let reason = format!("{who}: {}", failure.reason);
                    let refused = Delivery::Refused(Failure { reason: reason.into(), ..failure });
                    return told(refused, may_have_taken_effect);
                }
            };
            let Meaning { delivery, is_worth_another } =
                meaning(answer, &who, may_have_taken_effect);
            let failure = match &delivery {
                Delivery::Taken => return delivery,
                Delivery::Refused(failure) => failure,
                Delivery::Unknown(failure) => {
                    may_have_taken_effect = true;
                    failure
                }
            };
            let wait = wait(failure, attempt, key);
            let is_too_long = wait > patience || wait >= deadline.remaining();
            if !is_worth_another || attempt == ATTEMPTS || is_too_long {
                return told(delivery, may_have_taken_effect);
            }
            patience -= wait;
            self.pause.pause(wait).await;
        }
    }
}

/// As long as the service asks for, and never without a pause.
fn wait(failure: &Failure, attempt: u32, key: &RecordId) -> Duration {
    let usual = backoff(attempt + 2, PATIENCE, key);
    match failure.kind {
        FailureKind::Throttled { retry_after: Some(asked) } => asked.max(usual),
        _ => usual,
    }
}

/// What the last attempt says counts for all of them only if no other may have taken effect.
fn told(last: Delivery, may_have_taken_effect: bool) -> Delivery {
    match last {
        Delivery::Refused(failure) if may_have_taken_effect => Delivery::Unknown(failure),
        other => other,
    }
}

fn ended(who: &str, may_have_taken_effect: bool) -> Delivery {
    let reason = format!("{who}: not asked, since the invocation ends");
    let failure = Failure::transient(Code::RecordTimedOut, reason);
    told(Delivery::Refused(failure), may_have_taken_effect)
}

#[cfg(test)]
mod tests;
