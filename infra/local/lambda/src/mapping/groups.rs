//! Message groups at work: of one group there are never two batches at once.
//!
//! A FIFO queue keeps a group to one receiver while its messages are hidden; this also holds when
//! their visibility timeout ends during a slow invocation.

use std::collections::HashSet;
use std::sync::Mutex;

use tokio::sync::Notify;

use super::super::locked;

#[derive(Debug, Default)]
pub(super) struct Groups {
    busy: Mutex<HashSet<String>>,
    freed: Notify,
}

/// Groups held by one batch, until it is dropped.
#[derive(Debug)]
pub(super) struct Held<'a> {
    groups: &'a Groups,
    names: HashSet<String>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        locked(&self.groups.busy).retain(|name| !self.names.contains(name));
        self.groups.freed.notify_waiters();
    }
}

impl Groups {
    /// Waits until none of the groups is held, and takes all of them at once.
    pub(super) async fn hold(&self, names: HashSet<String>) -> Held<'_> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Listening starts before looking, so that nothing is freed unheard in between.
            freed.as_mut().enable();
            {
                let mut busy = locked(&self.busy);
                if busy.is_disjoint(&names) {
                    busy.extend(names.iter().cloned());
                    return Held { groups: self, names };
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
        let groups = Groups::default();
        let first = groups.hold(names("a b")).await;
        let other = groups.hold(names("c")).now_or_never();
        assert!(other.is_some(), "a group of its own need not wait");
        let mut second = Box::pin(groups.hold(names("b d")));
        assert!((&mut second).now_or_never().is_none());
        assert!(groups.hold(names("d")).now_or_never().is_some(), "waiting holds nothing");
        drop(first);
        let second = second.await;
        assert!(groups.hold(names("a")).now_or_never().is_some());
        assert!(groups.hold(names("b")).now_or_never().is_none());
        drop(second);
        assert!(groups.hold(names("b")).now_or_never().is_some());
    }
}
