//! The permits for probes that this environment has leased.

use std::time::Duration;

use event::Timestamp;

use crate::CLOCK_SKEW;
use crate::{Counts, Lease};

/// A lease, and what became of its permits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Probes {
    pub(super) lease: Lease,
    /// The permits that are not in use.
    left: u32,
    /// The permits whose probes have not ended.
    under_way: u32,
    /// What came of the probes that have ended.
    pub(super) results: Counts,
}

impl Probes {
    pub(super) fn new(lease: Lease) -> Self {
        Self { left: lease.permits, lease, under_way: 0, results: Counts::default() }
    }

    /// Takes a permit for a call of at most this length, if the call can end before the lease does.
    pub(super) fn take(&mut self, limit: Duration, now: Timestamp) -> bool {
        let is_in_time = now.plus(limit.saturating_add(CLOCK_SKEW)) < self.lease.ends_at;
        if self.left == 0 || !is_in_time {
            return false;
        }
        self.left -= 1;
        self.under_way += 1;
        true
    }

    /// Takes what came of a probe. `None` means that nothing did, and that its permit is free again.
    pub(super) fn finish(&mut self, call: Option<Counts>) {
        self.under_way = self.under_way.saturating_sub(1);
        match call {
            Some(call) => self.results = self.results.plus(call),
            None => self.left = self.left.saturating_add(1),
        }
    }

    /// Whether the results have to be written: there are some or there will be no more, and no probe is under way
    /// unless it has outlasted the lease.
    pub(super) fn are_over(&self, now: Timestamp, is_ending: bool) -> bool {
        if self.lease.ends_at <= now {
            return true;
        }
        let is_nearly_over = self.lease.ends_at <= now.plus(CLOCK_SKEW);
        let is_used = self.results.calls > 0 || self.left == 0;
        self.under_way == 0 && (is_used || is_ending || is_nearly_over)
    }
}
