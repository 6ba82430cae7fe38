//! Why a breaker opens.

/// Why a breaker is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Too large a share of the calls failed ([`Settings::failure_rate`](crate::Settings::failure_rate)).
    FailureRate,
    /// Too large a share of the calls was slow ([`Settings::slow_call_rate`](crate::Settings::slow_call_rate)).
    SlowCallRate,
    /// Too large a share of the answers had nothing for their event
    /// ([`Settings::absent_rate`](crate::Settings::absent_rate)).
    AbsentRate,
    /// The breaker was half-open for too long without a decision.
    Undecided,
    /// An operator forced it open.
    Operator,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 5] =
        [Self::FailureRate, Self::SlowCallRate, Self::AbsentRate, Self::Undecided, Self::Operator];

    /// The name in stored records and in logs. It never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FailureRate => "failure-rate",
            Self::SlowCallRate => "slow-call-rate",
            Self::AbsentRate => "absent-rate",
            Self::Undecided => "undecided",
            Self::Operator => "operator",
        }
    }
}
