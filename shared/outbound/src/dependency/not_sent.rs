//! Why a call was not made, and the failure of its event.

use breaker::{Wait, WaitReason};
use contracts::Dependency;
use event::{Code, Failure, Timestamp};

use super::Call;

/// Why a call was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// The dependency's breaker holds the call back. The event waits, and the wait is not an attempt.
    Unavailable {
        /// The failure of the event, which says until when it waits.
        failure: Failure,
        /// Why the breaker holds the call back.
        reason: WaitReason,
    },
    /// A limit of ours or the end of the invocation prevented the call. It says nothing about the dependency.
    Busy(Failure),
    /// A secret that the headers need could not be read.
    NoSecret(Failure),
}

impl NotSent {
    /// The failure of the event.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Unavailable { failure, .. } | Self::Busy(failure) | Self::NoSecret(failure) => {
                failure
            }
        }
    }

    pub(super) fn unavailable(call: &Call<'_>, dependency: &Dependency, wait: Wait) -> Self {
        let Wait { until, reason, since } = wait;
        let state = match reason {
            WaitReason::Open(cause) => format!("its breaker is open ({})", cause.as_str()),
            WaitReason::Probing => "its breaker is half-open, and others probe it".to_owned(),
            WaitReason::Ramping => {
                "its breaker has just closed, and lets a share of the calls through".to_owned()
            }
            WaitReason::Throttled => "it asked to slow down".to_owned(),
        };
        let since = since.map_or_else(String::new, |since| format!(", unavailable since {since}"));
        let Call { who, dependency: name, .. } = call;
        let reason_text = format!("{who}: dependency `{name}`{since}: {state}");
        let failure = Failure::unavailable(until, dependency.longest_wait, reason_text);
        Self::Unavailable { failure, reason }
    }

    /// The wait for a limit of ours is not an attempt.
    pub(super) fn no_place(call: &Call<'_>, dependency: &Dependency, now: Timestamp) -> Self {
        let (who, limit) = (call.who, dependency.limits.calls_at_once);
        let reason =
            format!("{who}: not asked, since its {limit} calls at once were all under way");
        Self::Busy(Failure::unavailable(now, dependency.longest_wait, reason))
    }

    pub(super) fn no_turn(call: &Call<'_>, dependency: &Dependency, free_at: Timestamp) -> Self {
        let reason = format!("{}: not asked, since its calls a second were used up", call.who);
        Self::Busy(Failure::unavailable(free_at, dependency.longest_wait, reason))
    }

    pub(super) fn out_of_time(call: &Call<'_>) -> Self {
        let reason = format!("{}: not asked, since the invocation ends", call.who);
        Self::Busy(Failure::transient(Code::RecordTimedOut, reason))
    }

    pub(super) fn no_secret(call: &Call<'_>, failure: Failure) -> Self {
        let reason = format!("{}: {}", call.who, failure.reason);
        Self::NoSecret(Failure { reason: reason.into(), ..failure })
    }
}
