//! A service in memory, whose answers a test sets.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use event::{Code, Failure};
use sluicegate_dedupe::Claim;
use sluicegate_dedupe::leased::{Attempt, Delivery, Target};

#[derive(Default)]
pub(crate) struct MemoryTarget(Mutex<State>);

#[derive(Default)]
struct State {
    answers: VecDeque<Delivery>,
    calls: Vec<String>,
}

impl MemoryTarget {
    /// The results of the next deliveries. All deliveries after them are taken.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Delivery>) {
        self.lock().answers.extend(answers);
    }

    /// The deliveries in their order: key, payload, and whether it was a repeated attempt.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target for MemoryTarget {
    async fn deliver(&self, _: usize, claim: &Claim, attempt: Attempt) -> Delivery {
        let mut state = self.lock();
        let again = if attempt == Attempt::Repeated { " again" } else { "" };
        state.calls.push(format!("{}:{}{again}", claim.id.key, claim.fingerprint));
        state.answers.pop_front().unwrap_or(Delivery::Taken)
    }
}

/// The service does not answer in time.
pub(crate) fn unknown() -> Delivery {
    Delivery::Unknown(Failure::transient(Code::DependencyUnavailable, "no answer"))
}

/// The service refuses this event, and will refuse it again.
pub(crate) fn refused() -> Delivery {
    Delivery::Refused(Failure::permanent(Code::DependencyRefused, "bad request"))
}
