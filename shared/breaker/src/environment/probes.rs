//! The permits that this environment has leased.

use std::time::Duration;

use event::Timestamp;

use crate::CLOCK_SKEW;
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

    /// Takes a permit for a call of at most this length.
    pub(super) fn take(&mut self, limit: Duration, now: Timestamp) -> bool {
        let is_in_time = now.plus(limit.saturating_add(CLOCK_SKEW)) < self.lease.ends_at;
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
            None => self.left = self.left.saturating_add(1),
        }
    }

    /// Whether the store is to be told: something came of the lease, or nothing more will, and no call is
    /// under way, unless it has outlasted the lease.
    pub(super) fn are_over(&self, now: Timestamp, is_ending: bool) -> bool {
        if self.lease.ends_at <= now {
            return true;
        }
        let is_nearly_over = self.lease.ends_at <= now.plus(CLOCK_SKEW);
        let is_used = self.results.calls > 0 || self.left == 0;
        self.under_way == 0 && (is_used || is_ending || is_nearly_over)
    }
}
