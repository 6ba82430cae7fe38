//! Counts of calls in slots of time.
//!
//! A slot is a tenth of the window's horizon. Its number counts the slots since the epoch, so that a slot is the same
//! in all environments. The fleet shares as many slots as a horizon has.

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;

use crate::{Cause, Settings, Window};

/// How many slots a horizon has, and how many the fleet shares.
pub const SLOTS: u64 = 10;

/// How many calls were made, and what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// All calls.
    pub calls: u32,
    /// The calls that failed.
    pub failures: u32,
    /// The calls that took too long, whether they failed or not.
    pub slow: u32,
    /// The calls whose answer had nothing for their event.
    pub absent: u32,
}

/// The number of a slot: how many slots of the same length came before it since the epoch.
pub type Slot = u64;

/// The calls of one breaker that the fleet shares, for windows of one length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SharedCounts {
    /// The [generation](crate::Record::generation) that these calls belong to.
    pub generation: u64,
    /// At each place, which is `slot % SLOTS`, the newest slot that was published, and its counts.
    pub places: BTreeMap<u64, (Slot, Counts)>,
}

/// An environment's counts that are to be added to those of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Publication {
    /// The generation that the calls belong to.
    pub generation: u64,
    /// The counts to add, by slot.
    pub added: BTreeMap<Slot, Counts>,
    /// The fleet's counts as the environment read them. Nothing is added if another environment has begun a slot or a
    /// generation since.
    pub seen: SharedCounts,
}

impl Counts {
    /// The sum of both counts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            failures: self.failures.saturating_add(other.failures),
            slow: self.slow.saturating_add(other.slow),
            absent: self.absent.saturating_add(other.absent),
        }
    }

    /// The counts without `added`, which was added before.
    pub(crate) fn minus(self, added: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(added.calls),
            failures: self.failures.saturating_sub(added.failures),
            slow: self.slow.saturating_sub(added.slow),
            absent: self.absent.saturating_sub(added.absent),
        }
    }

    /// Why a breaker trips at these counts, if it does.
    #[must_use]
    pub fn cause(self, settings: &Settings) -> Option<Cause> {
        if self.calls < settings.minimum_in_window() {
            return None;
        }
        self.rate_reached(settings, self.calls)
    }

    /// The first rate that is reached if `whole` is the number of all calls.
    pub(crate) fn rate_reached(self, settings: &Settings, whole: u32) -> Option<Cause> {
        if self.failures > 0 && settings.failure_rate.is_reached(self.failures, whole) {
            return Some(Cause::FailureRate);
        }
        if self.slow > 0 && settings.slow_call_rate.is_reached(self.slow, whole) {
            return Some(Cause::SlowCallRate);
        }
        let absent = settings.absent_rate.filter(|_| self.absent > 0);
        absent.filter(|rate| rate.is_reached(self.absent, whole)).map(|_| Cause::AbsentRate)
    }

    /// Whether one of the calls counts towards a rate.
    #[must_use]
    pub(crate) fn has_sign(self, settings: &Settings) -> bool {
        self.failures > 0 || self.slow > 0 || (self.absent > 0 && settings.absent_rate.is_some())
    }
}

impl Window {
    /// The length of each of its slots.
    #[must_use]
    pub fn slot_length(self) -> Duration {
        self.horizon() / 10
    }

    /// The slot that this time is in.
    #[must_use]
    pub fn slot(self, at: Timestamp) -> Slot {
        let length_ms = u64::try_from(self.slot_length().as_millis()).unwrap_or(u64::MAX).max(1);
        u64::try_from(at.unix_ms()).unwrap_or(0) / length_ms
    }

    /// Whether a slot is within the window. A slot that is ahead of `now` comes from another clock and counts as
    /// present.
    #[must_use]
    pub fn has(self, slot: Slot, now: Timestamp) -> bool {
        self.slot(now).abs_diff(slot) < SLOTS
    }

    /// The sum of the slots that are within the window. A window of calls takes the newest slots until it has enough
    /// calls.
    #[must_use]
    pub fn sum(self, slots: &BTreeMap<Slot, Counts>, now: Timestamp) -> Counts {
        let mut sum = Counts::default();
        for (slot, counts) in slots.iter().rev() {
            if !self.has(*slot, now) {
                continue;
            }
            sum = sum.plus(*counts);
            if matches!(self, Self::Count(size) if sum.calls >= size) {
                break;
            }
        }
        sum
    }
}

impl SharedCounts {
    /// The counts by slot, if they are of this generation; otherwise none.
    #[must_use]
    pub fn slots(&self, generation: u64) -> BTreeMap<Slot, Counts> {
        if self.generation != generation {
            return BTreeMap::new();
        }
        self.places.values().copied().collect()
    }

    /// Whether one of the calls of this generation counts towards a rate.
    pub(crate) fn has_sign(&self, generation: u64, settings: &Settings) -> bool {
        let mut places = self.places.values();
        self.generation == generation && places.any(|(_, counts)| counts.has_sign(settings))
    }
}

impl Publication {
    /// The shared counts after this publication. `None` if `found` is not as the environment has seen it.
    #[must_use]
    pub fn applied_to(&self, found: &SharedCounts) -> Option<SharedCounts> {
        if found.generation != self.seen.generation {
            return None;
        }
        let mut shared = found.clone();
        if self.is_first_of_generation() {
            shared = SharedCounts { generation: self.generation, places: BTreeMap::new() };
        }
        for (&slot, &added) in &self.added {
            let place = slot % SLOTS;
            let seen = self.seen.places.get(&place).map(|(slot, _)| *slot);
            if found.places.get(&place).map(|(slot, _)| *slot) != seen {
                return None;
            }
            let before = shared.places.get(&place).filter(|(there, _)| *there == slot);
            let counts = before.map_or(added, |(_, counts)| counts.plus(added));
            shared.places.insert(place, (slot, counts));
        }
        Some(shared)
    }

    /// Whether it replaces the counts of another generation.
    #[must_use]
    pub fn is_first_of_generation(&self) -> bool {
        self.seen.generation != self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Percent;

    fn counts(calls: u32, failures: u32) -> Counts {
        Counts { calls, failures, ..Counts::default() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1_000)
    }

    #[test]
    fn a_rate_counts_from_the_minimum_of_calls_on() {
        let settings = Settings::default();
        assert_eq!(counts(19, 19).cause(&settings), None);
        assert_eq!(counts(20, 10).cause(&settings), Some(Cause::FailureRate));
        assert_eq!(counts(20, 9).cause(&settings), None);
        assert_eq!(counts(0, 0).cause(&Settings { minimum_calls: 0, ..settings }), None);
    }

    #[test]
    fn slow_calls_and_absent_answers_have_rates_of_their_own() {
        let half = Percent::try_from(50).unwrap();
        let settings = Settings { slow_call_rate: half, ..Settings::default() };
        let slow = Counts { calls: 20, slow: 10, ..Counts::default() };
        assert_eq!(slow.cause(&settings), Some(Cause::SlowCallRate));
        let absent = Counts { calls: 20, absent: 20, ..Counts::default() };
        assert_eq!(absent.cause(&settings), None, "counted alone, unless a rate is given");
        let settings = Settings { absent_rate: Some(half), ..settings };
        assert_eq!(absent.cause(&settings), Some(Cause::AbsentRate));
    }

    #[test]
    fn a_window_of_time_holds_what_is_not_older() {
        let window = Window::Time(Duration::from_secs(100));
        let slots = BTreeMap::from([(0, counts(1, 0)), (1, counts(2, 0)), (10, counts(4, 0))]);
        assert_eq!(window.sum(&slots, at(99)).calls, 3 + 4, "a slot ahead is another clock's");
        assert_eq!(window.sum(&slots, at(100)).calls, 2 + 4);
        assert_eq!(window.sum(&slots, at(110)).calls, 4);
        assert_eq!(window.sum(&slots, at(10_000)).calls, 0);
    }

    #[test]
    fn a_window_of_calls_holds_the_newest_slots_that_have_as_many() {
        let window = Window::Count(10);
        let slots = BTreeMap::from([(7, counts(9, 9)), (8, counts(4, 0)), (9, counts(6, 6))]);
        assert_eq!(window.sum(&slots, at(9 * 6)), counts(10, 6));
        assert_eq!(Window::Count(11).sum(&slots, at(9 * 6)), counts(19, 15));
    }

    fn publication(slot: Slot, seen: &SharedCounts) -> Publication {
        let added = BTreeMap::from([(slot, counts(1, 1))]);
        Publication { generation: 1, added, seen: seen.clone() }
    }

    #[test]
    fn a_publication_adds_to_a_slot_and_begins_it_where_an_older_one_was() {
        let empty = SharedCounts::default();
        let first = publication(5, &empty).applied_to(&empty).unwrap();
        assert_eq!(first.slots(1), BTreeMap::from([(5, counts(1, 1))]));
        let second = publication(5, &first).applied_to(&first).unwrap();
        assert_eq!(second.slots(1), BTreeMap::from([(5, counts(2, 2))]));
        assert_eq!(second.slots(2), BTreeMap::new(), "counts of another generation do not count");
        let third = publication(15, &second).applied_to(&second).unwrap();
        assert_eq!(third.slots(1), BTreeMap::from([(15, counts(1, 1))]));
        assert_eq!(publication(15, &second).applied_to(&third), None, "another began it");
        assert_eq!(publication(25, &second).applied_to(&third), None, "another replaced it");
    }
}
