//! Locks of message groups, so that there are never two batches of one group at the same time.
//!
//! A FIFO queue already delivers a group to one consumer while its messages are hidden. These locks also
//! cover the case that the visibility timeout ends during a slow invocation.

use std::collections::HashSet;
use std::sync::Mutex;

use tokio::sync::Notify;

use super::super::lock;

#[derive(Debug, Default)]
pub(super) struct GroupLocks {
    busy: Mutex<HashSet<String>>,
    freed: Notify,
}

/// The groups of one batch, which stay locked until this is dropped.
#[derive(Debug)]
pub(super) struct GroupGuard<'a> {
    groups: &'a GroupLocks,
    names: HashSet<String>,
}

impl Drop for GroupGuard<'_> {
    fn drop(&mut self) {
        lock(&self.groups.busy).retain(|name| !self.names.contains(name));
        self.groups.freed.notify_waiters();
    }
}

impl GroupLocks {
    /// Waits until none of the groups is locked, and locks all of them at once.
    pub(super) async fn lock(&self, names: HashSet<String>) -> GroupGuard<'_> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // This is enabled before the check, so that no notification is missed in between.
            freed.as_mut().enable();
            {
                let mut busy = lock(&self.busy);
                if busy.is_disjoint(&names) {
                    busy.extend(names.iter().cloned());
                    return GroupGuard { groups: self, names };
                }
            }
            freed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn names(names: &str) -> HashSet<String> {
        names.split_whitespace().map(ToOwned::to_owned).collect()
    }

    #[tokio::test]
    async fn a_group_is_held_once_and_passed_on_when_it_is_freed() {
        let groups = GroupLocks::default();
        let first = groups.lock(names("a b")).await;
        let other = groups.lock(names("c")).now_or_never();
        assert!(other.is_some(), "a group of its own need not wait");
        let mut second = Box::pin(groups.lock(names("b d")));
        assert!((&mut second).now_or_never().is_none());
        assert!(groups.lock(names("d")).now_or_never().is_some(), "waiting holds nothing");
        drop(first);
        let second = second.await;
        assert!(groups.lock(names("a")).now_or_never().is_some());
        assert!(groups.lock(names("b")).now_or_never().is_none());
        drop(second);
        assert!(groups.lock(names("b")).now_or_never().is_some());
    }
}
