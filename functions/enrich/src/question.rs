//! The question to an enricher, and the reasons for having no answer.

use std::time::Duration;

use breaker::{Host, Store};
use contracts::Enricher;
use event::{Code, Failure, FailureKind, Timestamp};
use outbound::{Call, DependencyClient, HttpClient, NotSent, Pause, RetryState, SecretStore};
use serde_json::Value;

/// The event that an enricher is asked about.
pub(crate) struct Question<'a> {
    pub(crate) dataset: &'a str,
    pub(crate) payload: &'a Value,
    /// The payload as JSON text, byte for byte as the event has it.
    pub(crate) text: &'a str,
    /// The time by which all attempts have to end.
    pub(crate) ends_at: Timestamp,
}

impl Question<'_> {
    /// The call that asks this question. `who` names the enricher in reasons of failures; `limit` is for one attempt.
    pub(crate) fn call<'c>(
        &self,
        enricher: &'c Enricher,
        who: &'c str,
        limit: Duration,
    ) -> Call<'c> {
        Call { dependency: &enricher.dependency, who, limit, ends_at: self.ends_at }
    }
}

/// Why there is no answer.
#[derive(Clone)]
pub(crate) enum NoAnswer {
    /// The dependency was asked, and the last attempt failed.
    Failed(Failure),
    /// The dependency was not asked.
    NotSent(NotSent),
}

impl NoAnswer {
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::NotSent(not_asked) => not_asked.into_failure(),
        }
    }
}

/// Waits until a failed call may be tried again.
///
/// # Errors
/// Where there is no further try: the call's failure, or that the dependency's breaker has opened in the meantime.
pub(crate) async fn wait_for_next_attempt<A, K, B, W>(
    client: &DependencyClient<A, K, B, W>,
    call: &Call<'_>,
    retrying: &mut RetryState,
    failure: Failure,
) -> Result<(), NoAnswer>
where
    A: HttpClient,
    K: SecretStore,
    B: Store,
    W: Host + Pause + Clone,
{
    let asked = match failure.kind {
        FailureKind::Permanent => return Err(NoAnswer::Failed(failure)),
        FailureKind::Throttled { retry_after } => retry_after,
        FailureKind::Transient | FailureKind::Unavailable { .. } => None,
    };
    // The dependency refused the credentials, so it would refuse another attempt too.
    let is_worth_another = failure.code != Code::DependencyRefused;
    if is_worth_another && client.pause_before_next(call, retrying, asked).await {
        return Ok(());
    }
    let held_back = client.unavailable_dependency(call).map(NoAnswer::NotSent);
    Err(held_back.unwrap_or(NoAnswer::Failed(failure)))
}
