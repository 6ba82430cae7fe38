//! The recent calls of one environment.

use std::collections::{BTreeMap, VecDeque};

use event::Timestamp;

use crate::counts::Slot;
use crate::{Counts, Settings, Window};

/// The calls of one generation that are within the window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Recent {
    window: Window,
    /// The single calls in a window of calls, the oldest first.
    calls: VecDeque<(Timestamp, Counts)>,
    /// The sum of `calls`, including those that are too old by now.
    all_calls: Counts,
    /// The counts in a window of time.
    slots: BTreeMap<Slot, Counts>,
}

impl Recent {
    pub(crate) fn new(window: Window) -> Self {
        let (calls, all_calls) = (VecDeque::new(), Counts::default());
        Self { window, calls, all_calls, slots: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, call: Counts, now: Timestamp) {
        match self.window {
            Window::Count(size) => {
                self.calls.push_back((now, call));
                self.all_calls = self.all_calls.plus(call);
                let size = usize::try_from(size.max(1)).unwrap_or(usize::MAX);
                while self.calls.len() > size || self.is_oldest_outside(now) {
                    if let Some((_, oldest)) = self.calls.pop_front() {
                        self.all_calls = self.all_calls.minus(oldest);
                    }
                }
            }
            Window::Time(_) => {
                let counts = self.slots.entry(self.window.slot(now)).or_default();
                *counts = counts.plus(call);
                self.slots.retain(|slot, _| self.window.has(*slot, now));
            }
        }
    }

    pub(crate) fn sum(&self, now: Timestamp) -> Counts {
        match self.window {
            Window::Count(_) => {
                let mut sum = Counts::default();
                for (at, call) in &self.calls {
                    if self.is_within(*at, now) {
                        sum = sum.plus(*call);
                    }
                }
                sum
            }
            Window::Time(_) => self.window.sum(&self.slots, now),
        }
    }

    fn is_oldest_outside(&self, now: Timestamp) -> bool {
        self.calls.front().is_some_and(|(at, _)| !self.is_within(*at, now))
    }

    /// Whether the window contains this time. A time far ahead was taken before the clock went back, and is outside.
    fn is_within(&self, at: Timestamp, now: Timestamp) -> bool {
        let horizon = self.window.horizon();
        now.since(at) < horizon && at.since(now) < horizon
    }

    /// Whether one of the calls counts towards a rate, even if it is too old by now. It is asked before and after each
    /// call, and therefore does not go through all calls of a window of calls.
    pub(crate) fn has_sign(&self, settings: &Settings) -> bool {
        let mut slots = self.slots.values();
        self.all_calls.has_sign(settings) || slots.any(|counts| counts.has_sign(settings))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1_000)
    }

    fn failed() -> Counts {
        Counts { calls: 1, failures: 1, ..Counts::default() }
    }

    fn answered() -> Counts {
        Counts { calls: 1, ..Counts::default() }
    }

    #[test]
    fn a_window_of_calls_forgets_the_oldest_beyond_its_size_and_what_is_too_old() {
        let mut recent = Recent::new(Window::Count(3));
        recent.add(failed(), at(0));
        for second in 1..=3 {
            assert!(recent.has_sign(&Settings::default()));
            recent.add(answered(), at(second));
        }
        assert!(!recent.has_sign(&Settings::default()), "the failure is the fourth last");
        recent.add(failed(), at(4));
        assert_eq!(recent.sum(at(4)), Counts { calls: 3, failures: 1, ..Counts::default() });
        assert_eq!(recent.sum(at(62)).calls, 2, "after a minute, older calls do not count");
        assert_eq!(recent.sum(at(64)).calls, 0);
        recent.add(answered(), at(5));
        assert!(recent.has_sign(&Settings::default()), "the failure is the second last");
        recent.add(answered(), at(70));
        assert!(!recent.has_sign(&Settings::default()), "it is too old");
    }

    #[test]
    fn calls_of_before_the_clock_went_back_by_a_whole_window_are_forgotten() {
        let mut recent = Recent::new(Window::Count(3));
        recent.add(failed(), at(60));
        assert_eq!((recent.sum(at(1)).calls, recent.sum(at(0)).calls), (1, 0));
    }

    #[test]
    fn a_window_of_time_counts_all_of_its_calls() {
        let mut recent = Recent::new(Window::Time(Duration::from_secs(10)));
        for second in 0..20 {
            recent.add(if second < 10 { failed() } else { answered() }, at(second));
        }
        assert_eq!(recent.sum(at(19)), Counts { calls: 10, ..Counts::default() });
        assert_eq!(recent.sum(at(25)).calls, 4);
    }
}
