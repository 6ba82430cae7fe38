//! The reasons for which a breaker opens.

/// Why a breaker is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    FailureRate,
    SlowCallRate,
    AbsentRate,
    /// It was half-open for too long without a decision.
    Undecided,
    Operator,
}

impl Cause {
    pub const ALL: [Self; 5] =
        [Self::FailureRate, Self::SlowCallRate, Self::AbsentRate, Self::Undecided, Self::Operator];

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
