//! Whether a mapping is enabled, from when on, and what Lambda calls that. Pure; times are milliseconds
//! since the Unix epoch.

use std::time::Duration;

/// How long a change takes until it has an effect. Lambda promises nothing for queues, and for its other
/// sources "up to 90 seconds to stop and restart polling":
/// <https://docs.aws.amazon.com/lambda/latest/dg/msk-starting-positions.html>. It is the most here, so that
/// whoever copes with it copes with less.
pub(super) const TAKES_EFFECT_AFTER: Duration = Duration::from_secs(90);

/// <https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Enabling,
    Enabled,
    Disabling,
    Disabled,
    /// A change to what it was already.
    Updating,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifecycle {
    /// Until the change has taken effect.
    before: bool,
    enabled: bool,
    effective_ms: u64,
    modified_ms: u64,
    /// Whether it is no longer as the template has it.
    is_changed: bool,
}

/// Another change has not taken effect yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InTransition;

impl State {
    /// As Lambda writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabling => "Enabling",
            Self::Enabled => "Enabled",
            Self::Disabling => "Disabling",
            Self::Disabled => "Disabled",
            Self::Updating => "Updating",
        }
    }
}

impl Lifecycle {
    /// As the template has it, in effect at once.
    pub(super) fn new(enabled: bool, now_ms: u64) -> Self {
        Self {
            before: enabled,
            enabled,
            effective_ms: now_ms,
            modified_ms: now_ms,
            is_changed: false,
        }
    }

    /// Begins a change, to what it is already as well; says when it takes effect.
    pub(super) fn update(&mut self, enabled: bool, now_ms: u64) -> Result<u64, InTransition> {
        if self.due_ms(now_ms).is_some() {
            return Err(InTransition);
        }
        let takes_ms = u64::try_from(TAKES_EFFECT_AFTER.as_millis()).unwrap_or(u64::MAX);
        *self = Self {
            before: self.enabled,
            enabled,
            effective_ms: now_ms.saturating_add(takes_ms),
            modified_ms: now_ms,
            is_changed: true,
        };
        Ok(self.effective_ms)
    }

    pub(super) fn state(&self, now_ms: u64) -> State {
        match (self.due_ms(now_ms), self.before, self.enabled) {
            (None, _, true) => State::Enabled,
            (None, _, false) => State::Disabled,
            (Some(_), false, true) => State::Enabling,
            (Some(_), true, false) => State::Disabling,
            (Some(_), true, true) | (Some(_), false, false) => State::Updating,
        }
    }

    /// Whether it polls its source.
    pub(super) fn polls(&self, now_ms: u64) -> bool {
        if self.due_ms(now_ms).is_some() { self.before } else { self.enabled }
    }

    /// When the change that is under way takes effect.
    pub(super) fn due_ms(&self, now_ms: u64) -> Option<u64> {
        (now_ms < self.effective_ms).then_some(self.effective_ms)
    }

    pub(super) fn modified_ms(&self) -> u64 {
        self.modified_ms
    }

    /// Whether it polls no more, though the template has it otherwise or it was enabled meanwhile.
    pub(super) fn was_disabled(&self, now_ms: u64) -> bool {
        self.is_changed && self.state(now_ms) == State::Disabled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// State and polling right before and right after a change takes effect.
    #[track_caller]
    fn check(from: bool, to: bool, before: (State, bool), after: (State, bool)) {
        let mut lifecycle = Lifecycle::new(from, 1_000);
        assert_eq!(lifecycle.due_ms(1_000), None, "what the template says is so at once");
        assert_eq!(lifecycle.update(to, 5_000), Ok(95_000));
        assert_eq!((lifecycle.state(94_999), lifecycle.polls(94_999)), before);
        assert_eq!(lifecycle.due_ms(94_999), Some(95_000));
        assert_eq!(lifecycle.update(from, 94_999), Err(InTransition));
        assert_eq!((lifecycle.state(95_000), lifecycle.polls(95_000)), after);
        assert_eq!(lifecycle.due_ms(95_000), None);
        assert_eq!((lifecycle.modified_ms(), lifecycle.was_disabled(95_000)), (5_000, !to));
        assert!(!lifecycle.was_disabled(94_999));
        assert_eq!(lifecycle.update(from, 95_000), Ok(185_000));
    }

    #[test]
    fn a_change_takes_effect_later_and_none_comes_before_it_has() {
        check(true, false, (State::Disabling, true), (State::Disabled, false));
        check(false, true, (State::Enabling, false), (State::Enabled, true));
        check(true, true, (State::Updating, true), (State::Enabled, true));
        check(false, false, (State::Updating, false), (State::Disabled, false));
    }

    #[test]
    fn what_the_template_disables_was_not_disabled_since() {
        let lifecycle = Lifecycle::new(false, 1_000);
        assert_eq!((lifecycle.state(1_000), lifecycle.polls(1_000)), (State::Disabled, false));
        assert!(!lifecycle.was_disabled(1_000));
    }
}
