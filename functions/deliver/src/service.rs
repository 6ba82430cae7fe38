//! The sink: a request for each event, tried as often as its invocation allows.

use std::sync::Arc;
use std::time::Duration;

use breaker::polling::{BatchSummary, EvidenceStore};
use breaker::{Store, Surroundings};
use contracts::{Sink, Target};
use dedupe::RecordId;
use dedupe::leased::Delivery;
use event::{Code, Failure, FailureKind};
use outbound::{
    Ask, Call, DependencyClient, HeaderTemplates, Judged, Message, NotAsked, Pause, Request,
    SecretStore, Sign,
};
use runtime::Deadline;
use runtime::sink::{Event, LeasedSink};

use crate::answer::{Meaning, meaning};
use crate::request::request;
use crate::services::Services;

/// Delivers to services.
pub(crate) struct Delivering<A, K, B: Store, W: Surroundings> {
    services: Services,
    client: DependencyClient<A, K, B, W>,
}

/// One event's request, and how long an attempt may take.
pub(crate) struct Prepared {
    request: Request,
    headers: Arc<HeaderTemplates>,
    limit: Duration,
    dependency: String,
}

impl<A, K, B: Store, W: Surroundings> Delivering<A, K, B, W> {
    pub(crate) fn new(services: Services, client: DependencyClient<A, K, B, W>) -> Self {
        Self { services, client }
    }
}

impl<A, K, B, W> LeasedSink for Delivering<A, K, B, W>
where
    A: Ask,
    K: SecretStore,
    B: Store + EvidenceStore,
    W: Surroundings + Pause + Clone,
{
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
            dependency: service.dependency.clone(),
        })
    }

    async fn send(
        &self,
        prepared: &Prepared,
        key: &RecordId,
        is_repeat: bool,
        deadline: &Deadline,
    ) -> Delivery {
        let who = format!("sink {}", key.sink);
        let call = Call {
            dependency: &prepared.dependency,
            who: &who,
            limit: prepared.limit,
            ends_at: deadline.now().plus(deadline.remaining()),
        };
        let message = Message { request: &prepared.request, headers: &prepared.headers };
        let mut may_have_taken_effect = is_repeat;
        let mut retrying = self.client.begin(&call);
        loop {
            let attempt = self.client.attempt_http(&call, message, |result| Judged {
                sign: Sign::of(&result),
                value: meaning(result, &who, may_have_taken_effect),
            });
            let Meaning { delivery, is_worth_another } = match attempt.await {
                Ok(meaning) => meaning,
                Err(not_asked) => {
                    let refused = Delivery::Refused(not_asked.into_failure());
                    return outcome(refused, may_have_taken_effect);
                }
            };
            let failure = match &delivery {
                Delivery::Taken => return delivery,
                Delivery::Refused(failure) => failure,
                Delivery::Unknown(failure) => {
                    may_have_taken_effect = true;
                    failure
                }
            };
            let asked = asked_wait(failure);
            if !is_worth_another
                || !self.client.pause_before_next(&call, &mut retrying, asked).await
            {
                let held_back = self.client.held_back(&call).map(NotAsked::into_failure);
                return outcome(waiting(delivery, held_back), may_have_taken_effect);
            }
        }
    }

    async fn end_invocation(&self, summary: &BatchSummary) {
        self.client.end_invocation(Self::NAME, summary).await;
    }
}

/// How long the service asks to be left alone.
fn asked_wait(failure: &Failure) -> Option<Duration> {
    match failure.kind {
        FailureKind::Throttled { retry_after } => retry_after,
        FailureKind::Permanent | FailureKind::Transient | FailureKind::Unavailable { .. } => None,
    }
}

/// The same, where what may succeed later waits for a dependency that is known to be unavailable.
fn waiting(delivery: Delivery, held_back: Option<Failure>) -> Delivery {
    match (delivery, held_back) {
        (Delivery::Refused(failure), Some(wait)) if failure.kind != FailureKind::Permanent => {
            Delivery::Refused(wait)
        }
        (Delivery::Unknown(_), Some(wait)) => Delivery::Unknown(wait),
        (delivery, _) => delivery,
    }
}

/// What the last attempt says counts for all of them only if no other may have taken effect.
fn outcome(last: Delivery, may_have_taken_effect: bool) -> Delivery {
    match last {
        Delivery::Refused(failure) if may_have_taken_effect => Delivery::Unknown(failure),
        other => other,
    }
}

#[cfg(test)]
mod tests;
