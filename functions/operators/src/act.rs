//! The acts by which an operator changes a breaker.

use breaker::{Event, Forced, ForcedState, IllegalTransition, Record};
use event::Timestamp;
use serde::Serialize;

/// One act on a breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) kind: ActKind,
    /// The operator's reason.
    pub(crate) why: String,
    /// When a lasting act ends; `None` if it lasts until it is released, or does not last.
    pub(crate) until: Option<Timestamp>,
    /// Whether the breaker may be one that is not known yet.
    pub(crate) is_new: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ActKind {
    ForceOpen,
    ForceClose,
    Disable,
    Reset,
    Release,
}

impl ActKind {
    pub(crate) const ALL: [Self; 5] =
        [Self::ForceOpen, Self::ForceClose, Self::Disable, Self::Reset, Self::Release];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ForceOpen => "force-open",
            Self::ForceClose => "force-close",
            Self::Disable => "disable",
            Self::Reset => "reset",
            Self::Release => "release",
        }
    }

    /// The state that a lasting act forces; `None` for an act that does not last.
    pub(crate) fn forces(self) -> Option<ForcedState> {
        match self {
            Self::ForceOpen => Some(ForcedState::Open),
            Self::ForceClose => Some(ForcedState::Closed),
            Self::Disable => Some(ForcedState::Disabled),
            Self::Reset | Self::Release => None,
        }
    }
}

impl Act {
    /// The breaker's event for this act.
    pub(crate) fn event(&self, operator: &str, now: Timestamp) -> Event {
        match (self.kind, self.kind.forces()) {
            (_, Some(to)) => Event::Force(Forced {
                to,
                by: operator.to_owned(),
                why: self.why.clone(),
                since: now,
                until: self.until,
            }),
            (ActKind::Reset, None) => Event::Reset,
            (_, None) => Event::Release,
        }
    }
}

/// Why an act is refused, as a sentence for the operator.
pub(crate) fn refusal(
    breaker: &str,
    kind: ActKind,
    illegal: IllegalTransition,
    record: &Record,
    now: Timestamp,
) -> String {
    let state = record.state.name().as_str();
    match (illegal, &record.forced) {
        (IllegalTransition::NotForced, Some(forced)) => {
            let ended = forced.until.unwrap_or(now);
            format!(
                "`{breaker}` is {state} by itself: what {} forced ended at {ended}, so there is nothing \
                 to release",
                forced.by
            )
        }
        (IllegalTransition::NotForced, None) => format!(
            "`{breaker}` is {state} by itself: no operator forces or disables it, so there is nothing to \
             release"
        ),
        (illegal, _) => format!("`{breaker}` does not take {}: {illegal}", kind.as_str()),
    }
}
