//! The refusal of a request, as problem details (RFC 9457).

use std::fmt;

use serde_json::{Value, json};

/// A refusal of a whole request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) kind: ProblemKind,
    /// A sentence for the operator: what is wrong, and what to do.
    pub(crate) detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProblemKind {
    /// The request has no identity of an operator.
    UnknownOperator,
    UnknownRoute,
    /// The route has another method, which is given here.
    Method(&'static str),
    Malformed,
    TooLarge,
    UnknownBreaker,
    /// The state of the breaker does not allow the act.
    Illegal,
    /// Others changed the breaker at each attempt.
    Contended,
    /// The breakers' table does not answer.
    StoreAway,
    /// The act may have taken effect.
    OutcomeUnknown,
    /// The audit log does not answer. Nothing was changed, since each act has to be in the log.
    AuditAway,
    /// There is no such letter, plan or run.
    UnknownLetters,
    /// The state of a run, a plan or a letter does not allow the act.
    IllegalRedrive,
    /// Redrive does not answer.
    RedriveAway,
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// The problem details: <https://www.rfc-editor.org/rfc/rfc9457>.
    pub(crate) fn body(&self) -> Value {
        json!({
            "type": format!("urn:sluicegate:{}", self.kind.code()),
            "title": self.kind.title(),
            "status": self.kind.status(),
            "detail": self.detail,
        })
    }
}

impl ProblemKind {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::UnknownOperator => 403,
            Self::UnknownRoute | Self::UnknownBreaker | Self::UnknownLetters => 404,
            Self::Method(_) => 405,
            Self::Illegal | Self::IllegalRedrive => 409,
            Self::TooLarge => 413,
            Self::Contended
            | Self::StoreAway
            | Self::OutcomeUnknown
            | Self::AuditAway
            | Self::RedriveAway => 503,
        }
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::UnknownOperator => "operators.unknown-operator",
            Self::UnknownRoute => "operators.unknown-route",
            Self::Method(_) => "operators.method",
            Self::Malformed => "operators.malformed",
            Self::TooLarge => "operators.too-large",
            Self::UnknownBreaker => "operators.unknown-breaker",
            Self::Illegal => "operators.illegal",
            Self::Contended => "operators.contended",
            Self::StoreAway => "operators.store-away",
            Self::OutcomeUnknown => "operators.outcome-unknown",
            Self::AuditAway => "operators.audit-away",
            Self::UnknownLetters => "operators.unknown-letters",
            Self::IllegalRedrive => "operators.illegal-redrive",
            Self::RedriveAway => "operators.redrive-away",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::UnknownOperator => "Nobody is known to have asked",
            Self::UnknownRoute => "There is no such verb",
            Self::Method(_) => "The method is not taken here",
            Self::Malformed => "The request is not understood",
            Self::TooLarge => "The request is too large",
            Self::UnknownBreaker => "No breaker of that name is known",
            Self::Illegal => "The breaker does not change so",
            Self::Contended => "Others change the breaker all the time",
            Self::StoreAway => "The breakers' table does not answer",
            Self::OutcomeUnknown => "Whether it took effect is not known",
            Self::AuditAway => "The audit log does not answer",
            Self::UnknownLetters => "There is no such letter, plan or run",
            Self::IllegalRedrive => "The letters, the plan or the run do not let that happen",
            Self::RedriveAway => "Redrive does not answer",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}
