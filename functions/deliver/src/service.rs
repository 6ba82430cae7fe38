//! The sink for services. It sends a request for each event, and repeats it as often as the invocation allows.

use std::sync::Arc;
use std::time::Duration;

use breaker::polling::{BatchSummary, EvidenceStore};
use breaker::{Host, Store};
use contracts::{Sink, Target};
use dedupe::leased::{Attempt, Delivery};
use event::{Code, Failure, FailureKind};
use outbound::{
    Call, DependencyClient, DependencySignal, HeaderTemplates, HttpClient, JudgedAnswer, Message,
    NotSent, Pause, Request, SecretStore,
};
use runtime::sink::{DeliveryContext, Event, LeasedSink};

use crate::answer::{Meaning, meaning};
use crate::request::request;
use crate::services::Services;

/// Delivers events to services.
pub(crate) struct Delivering<A, K, B: Store, W: Host> {
    services: Services,
    client: DependencyClient<A, K, B, W>,
}

/// The request of one event, and the longest time for an attempt.
pub(crate) struct Prepared {
    request: Request,
    headers: Arc<HeaderTemplates>,
    limit: Duration,
    dependency: String,
}

impl<A, K, B: Store, W: Host> Delivering<A, K, B, W> {
    pub(crate) fn new(services: Services, client: DependencyClient<A, K, B, W>) -> Self {
        Self { services, client }
    }
}

impl<A, K, B, W> LeasedSink for Delivering<A, K, B, W>
where
    A: HttpClient,
    K: SecretStore,
    B: Store + EvidenceStore,
    W: Host + Pause + Clone,
{
    const NAME: &'static str = "deliver";

    type Request = Prepared;

    fn is_own(&self, sink: &Sink) -> bool {
        matches!(sink.target, Target::Http(_))
    }

    fn request(&self, event: &Event<'_>, sink: &Sink) -> Result<Prepared, Failure> {
        let services = self.services.of(event.contract)?;
        let service = services.get(&sink.name).ok_or_else(|| {
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

    async fn send(&self, prepared: &Prepared, context: DeliveryContext<'_>) -> Delivery {
        let DeliveryContext { key, mut attempt, deadline } = context;
        let who = format!("sink {}", key.sink);
        let call = Call {
            dependency: &prepared.dependency,
            who: &who,
            limit: prepared.limit,
            ends_at: deadline.now().plus(deadline.remaining()),
        };
        let message = Message { request: &prepared.request, headers: &prepared.headers };
        let mut retrying = self.client.begin(&call);
        loop {
            let judged = self.client.attempt_http(&call, message, |result| JudgedAnswer {
                signal: DependencySignal::of(&result),
                value: meaning(result, &who, attempt),
            });
            let Meaning { delivery, is_worth_another } = match judged.await {
                Ok(meaning) => meaning,
                Err(not_asked) => {
                    let refused = Delivery::Refused(not_asked.into_failure());
                    return outcome(refused, attempt);
                }
            };
            let failure = match &delivery {
                Delivery::Taken => return delivery,
                Delivery::Refused(failure) => failure,
                Delivery::Unknown(failure) => {
                    attempt = Attempt::Repeated;
                    failure
                }
            };
            let asked = asked_wait(failure);
            if !is_worth_another
                || !self.client.pause_before_next(&call, &mut retrying, asked).await
            {
                let held_back =
                    self.client.unavailable_dependency(&call).map(NotSent::into_failure);
                return outcome(wait_for_dependency(delivery, held_back), attempt);
            }
        }
    }

    async fn end_invocation(&self, summary: &BatchSummary) {
        self.client.end_invocation(Self::NAME, summary).await;
    }
}

/// How long the service asks to be left alone, if it does.
fn asked_wait(failure: &Failure) -> Option<Duration> {
    match failure.kind {
        FailureKind::Throttled { retry_after } => retry_after,
        FailureKind::Permanent | FailureKind::Transient | FailureKind::Unavailable { .. } => None,
    }
}

/// Replaces the failure of a delivery that may succeed later by the wait for its dependency, if that is known to be
/// unavailable.
fn wait_for_dependency(delivery: Delivery, held_back: Option<Failure>) -> Delivery {
    match (delivery, held_back) {
        (Delivery::Refused(failure), Some(wait)) if failure.kind != FailureKind::Permanent => {
            Delivery::Refused(wait)
        }
        (Delivery::Unknown(_), Some(wait)) => Delivery::Unknown(wait),
        (delivery, _) => delivery,
    }
}

/// The outcome of all attempts. A refusal of the last attempt counts only if no earlier one may have taken effect.
fn outcome(last: Delivery, attempt: Attempt) -> Delivery {
    match last {
        Delivery::Refused(failure) if attempt == Attempt::Repeated => Delivery::Unknown(failure),
        other => other,
    }
}

#[cfg(test)]
mod tests;
