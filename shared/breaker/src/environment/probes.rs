//! The permits that this environment has leased.

use std::time::Duration;

use event::Timestamp;

use super::CLOCK_SKEW;
use crate::{Counts, Lease};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Probes {
    pub(super) lease: Lease,
    /// Permits that are not in use.
    left: u32,
    under_way: u32,
    /// What came of those that were used.
    pub(super) results: Counts,
}

impl Probes {
    pub(super) fn new(lease: Lease) -> Self {
        Self { left: lease.permits, lease, under_way: 0, results: Counts::default() }
    }

    /// Until when a lease is asked for, so that each of its calls can end before others take it for
    /// over: a call that begins as late as another one ends, with clocks apart.
    pub(super) fn end(now: Timestamp, limit: Duration) -> Timestamp {
        now.plus(limit * 2 + CLOCK_SKEW * 2)
    }

    /// Takes a permit for a call of at most this length.
    pub(super) fn take(&mut self, limit: Duration, now: Timestamp) -> bool {
        let is_in_time = now.plus(limit + CLOCK_SKEW) < self.lease.ends_at;
        if self.left == 0 || !is_in_time {
            return false;
        }
        self.left -= 1;
        self.under_way += 1;
        true
    }

    /// `None`: nothing came of the call, and its permit is free again.
    pub(super) fn finish(&mut self, call: Option<Counts>) {
        self.under_way = self.under_way.saturating_sub(1);
        match call {
            Some(call) => self.results = self.results.plus(call),
            None => self.left += 1,
        }
    }

    pub(super) fn are_none_under_way(&self) -> bool {
        self.under_way == 0
    }

    /// Whether all that will come of the lease is known: permits that are left can be given back.
    pub(super) fn are_over(&self, now: Timestamp, is_ending: bool) -> bool {
        let is_lease_over = self.lease.ends_at <= now.plus(CLOCK_SKEW);
        self.under_way == 0 && (self.left == 0 || is_ending || is_lease_over)
    }
}
