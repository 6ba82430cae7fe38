//! The reasons for which a request is refused.

use event::Failure;
use lambda_runtime::Diagnostic;
use letters::{BadPlan, IllegalRun};
use serde::Serialize;

/// Why a request is refused. The detail says what is wrong and what to do, as a sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemKind,
    pub(crate) detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProblemKind {
    /// The request cannot be understood.
    Malformed,
    /// The request names something that does not exist.
    Unknown,
    /// The current state of what the request names does not allow it.
    Illegal,
    /// Others changed it in each attempt.
    Contended,
    /// The store, a queue or the audit log does not answer.
    Away,
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Malformed, detail)
    }

    pub(crate) fn unknown(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Unknown, detail)
    }

    /// The HTTP status with which the operators' function answers.
    pub(crate) fn status(&self) -> u16 {
        match self.kind {
            ProblemKind::Malformed => 400,
            ProblemKind::Unknown => 404,
            ProblemKind::Illegal => 409,
            ProblemKind::Contended | ProblemKind::Away => 503,
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::new(ProblemKind::Away, format!("{}; try again", failure.reason))
    }
}

impl From<BadPlan> for Problem {
    fn from(bad: BadPlan) -> Self {
        let kind = match bad {
            BadPlan::Unknown(_) => ProblemKind::Unknown,
            BadPlan::Changed(_)
            | BadPlan::OtherStack { .. }
            | BadPlan::Stale { .. }
            | BadPlan::Newer(_) => ProblemKind::Illegal,
        };
        Self::new(kind, bad.to_string())
    }
}

impl From<IllegalRun> for Problem {
    fn from(illegal: IllegalRun) -> Self {
        Self::new(ProblemKind::Illegal, illegal.to_string())
    }
}

/// The error of the invocation, as Lambda returns it to the caller.
impl From<Problem> for Diagnostic {
    fn from(problem: Problem) -> Self {
        let kind = match problem.kind {
            ProblemKind::Malformed => "Redrive.Malformed",
            ProblemKind::Unknown => "Redrive.Unknown",
            ProblemKind::Illegal => "Redrive.Illegal",
            ProblemKind::Contended => "Redrive.Contended",
            ProblemKind::Away => "Redrive.Away",
        };
        Self { error_type: kind.to_owned(), error_message: problem.detail }
    }
}
