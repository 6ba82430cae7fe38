//! Tracks current work, and how much of it only waits for time to pass.
//!
//! The emulation advances its clock when all work waits for time.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use super::lock;
use clock::Clock;

/// The current work. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct WorkTracker {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    count: usize,
    next: u64,
    due: BTreeSet<(u64, u64)>,
}

/// One piece of work, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Work {
    tracker: WorkTracker,
}

impl Drop for Work {
    fn drop(&mut self) {
        lock(&self.tracker.inner).count -= 1;
    }
}

/// Marks work as waiting for time until it is dropped.
#[derive(Debug)]
pub(super) struct TimedWait {
    tracker: WorkTracker,
    entry: (u64, u64),
}

impl Drop for TimedWait {
    fn drop(&mut self) {
        lock(&self.tracker.inner).due.remove(&self.entry);
    }
}

impl WorkTracker {
    pub(super) fn start(&self) -> Work {
        lock(&self.inner).count += 1;
        Work { tracker: self.clone() }
    }

    /// Waits for a future that receives work from elsewhere. The work is tracked from before the future
    /// takes it, so that it is never overlooked. While the future waits, no work is tracked.
    pub(super) async fn track_output<F: Future>(&self, future: F) -> (F::Output, Work) {
        let mut future = pin!(future);
        poll_fn(|context| {
            let work = self.start();
            future.as_mut().poll(context).map(|brought| (brought, work))
        })
        .await
    }

    /// Whether all current work waits for time to pass.
    pub(super) fn waits_for_time(&self) -> bool {
        let inner = lock(&self.inner);
        inner.count == inner.due.len()
    }

    /// When the first wait ends, in milliseconds since the Unix epoch.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        lock(&self.inner).due.first().map(|(due_ms, _)| *due_ms)
    }
}

impl Work {
    /// Marks the work as waiting until `due_ms` at the latest.
    pub(super) fn waiting_until(&self, due_ms: u64) -> TimedWait {
        let mut inner = lock(&self.tracker.inner);
        inner.next += 1;
        let entry = (due_ms, inner.next);
        inner.due.insert(entry);
        TimedWait { tracker: self.tracker.clone(), entry }
    }

    /// Waits until `due_ms`, and is marked as waiting during that time.
    pub(super) async fn sleep_until(&self, clock: &Clock, due_ms: u64) {
        let _waiting = self.waiting_until(due_ms);
        clock.sleep_until(due_ms).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_a_future_brings_is_under_way_before_it_takes_it() {
        let tracker = WorkTracker::default();
        let (inside, goes_on) = (tracker.clone(), tokio::sync::Notify::new());
        let takes = async {
            goes_on.notified().await;
            inside.waits_for_time()
        };
        let (brought, ()) = tokio::join!(tracker.track_output(takes), async {
            tokio::task::yield_now().await;
            assert!(tracker.waits_for_time(), "the future waits");
            goes_on.notify_one();
        });
        let (was_quiet, work) = brought;
        assert!(!was_quiet && !tracker.waits_for_time());
        drop(work);
        assert!(tracker.waits_for_time());
    }

    #[tokio::test]
    async fn what_only_waits_for_time_is_quiet_and_says_until_when() {
        let (tracker, clock) = (WorkTracker::default(), Clock::manual(1_000));
        assert!(tracker.waits_for_time());
        let (first, second) = (tracker.start(), tracker.start());
        assert!(!tracker.waits_for_time());
        let waiting = first.waiting_until(9_000);
        assert!(!tracker.waits_for_time(), "the second is still busy");
        let sleeper = {
            let clock = clock.clone();
            tokio::spawn(async move { second.sleep_until(&clock, 5_000).await })
        };
        while !tracker.waits_for_time() {
            tokio::task::yield_now().await;
        }
        assert_eq!(tracker.next_due_ms(), Some(5_000));
        clock.advance(Duration::from_secs(4));
        sleeper.await.unwrap();
        assert_eq!(tracker.next_due_ms(), Some(9_000));
        drop(waiting);
        assert!(!tracker.waits_for_time(), "the first is at work again");
        drop(first);
        assert!(tracker.waits_for_time());
    }
}
