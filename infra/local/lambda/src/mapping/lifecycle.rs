//! The states of an event source mapping that Lambda's API shows while a mapping is enabled or disabled.
//! The code is pure, and times are in milliseconds since the Unix epoch.

use std::time::Duration;

/// How long a change takes to have an effect. Lambda's documentation gives no time for queues, and "up to
/// 90 seconds to stop and restart polling" for other sources:
/// <https://docs.aws.amazon.com/lambda/latest/dg/msk-starting-positions.html>. The emulation always takes
/// the maximum, so that code that works here also works with shorter times.
pub(super) const TAKES_EFFECT_AFTER: Duration = Duration::from_secs(90);

/// The state of a mapping:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was enabled and does not poll yet.
    Enabling,
    /// It polls its source.
    Enabled,
    /// It was disabled and still polls.
    Disabling,
    /// It does not poll.
    Disabled,
    /// It was updated without a change.
    Updating,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifecycle {
    /// Whether it is enabled until the change takes effect.
    was_enabled: bool,
    enabled: bool,
    effective_ms: u64,
    modified_ms: u64,
    /// Whether it was updated since it was created from the template.
    is_changed: bool,
}

/// The error of an update while another one has not taken effect yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UpdateInProgress;

impl State {
    /// The name in Lambda's API.
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
    /// The state that the template declares, in effect at once.
    pub(super) fn new(enabled: bool, now_ms: u64) -> Self {
        Self {
            was_enabled: enabled,
            enabled,
            effective_ms: now_ms,
            modified_ms: now_ms,
            is_changed: false,
        }
    }

    /// Begins an update, which need not change anything. Returns when it takes effect.
    pub(super) fn update(&mut self, enabled: bool, now_ms: u64) -> Result<u64, UpdateInProgress> {
        if self.due_ms(now_ms).is_some() {
            return Err(UpdateInProgress);
        }
        let takes_ms = u64::try_from(TAKES_EFFECT_AFTER.as_millis()).unwrap_or(u64::MAX);
        *self = Self {
            was_enabled: self.enabled,
            enabled,
            effective_ms: now_ms.saturating_add(takes_ms),
            modified_ms: now_ms,
            is_changed: true,
        };
        Ok(self.effective_ms)
    }

    pub(super) fn state(&self, now_ms: u64) -> State {
        match (self.due_ms(now_ms), self.was_enabled, self.enabled) {
            (None, _, true) => State::Enabled,
            (None, _, false) => State::Disabled,
            (Some(_), false, true) => State::Enabling,
            (Some(_), true, false) => State::Disabling,
            (Some(_), true, true) | (Some(_), false, false) => State::Updating,
        }
    }

    /// Whether the mapping polls its source.
    pub(super) fn is_polling(&self, now_ms: u64) -> bool {
        if self.due_ms(now_ms).is_some() { self.was_enabled } else { self.enabled }
    }

    /// When the pending change takes effect.
    pub(super) fn due_ms(&self, now_ms: u64) -> Option<u64> {
        (now_ms < self.effective_ms).then_some(self.effective_ms)
    }

    pub(super) fn modified_ms(&self) -> u64 {
        self.modified_ms
    }

    /// Whether an update has disabled it.
    pub(super) fn is_disabled_by_update(&self, now_ms: u64) -> bool {
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
        assert_eq!((lifecycle.state(94_999), lifecycle.is_polling(94_999)), before);
        assert_eq!(lifecycle.due_ms(94_999), Some(95_000));
        assert_eq!(lifecycle.update(from, 94_999), Err(UpdateInProgress));
        assert_eq!((lifecycle.state(95_000), lifecycle.is_polling(95_000)), after);
        assert_eq!(lifecycle.due_ms(95_000), None);
        assert_eq!(
            (lifecycle.modified_ms(), lifecycle.is_disabled_by_update(95_000)),
            (5_000, !to)
        );
        assert!(!lifecycle.is_disabled_by_update(94_999));
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
        assert_eq!((lifecycle.state(1_000), lifecycle.is_polling(1_000)), (State::Disabled, false));
        assert!(!lifecycle.is_disabled_by_update(1_000));
    }
}
