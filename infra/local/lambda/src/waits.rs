//! What is under way, and what of it waits for nothing but time.
//!
//! The emulation moves its clock when all that is left waits for time; this is how it knows.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use super::locked;
use clock::Clock;

/// Things under way; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    under_way: usize,
    next: u64,
    due: BTreeSet<(u64, u64)>,
}

/// One thing under way, until it is dropped.
#[derive(Debug)]
pub(super) struct UnderWay {
    waits: Waits,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        locked(&self.waits.inner).under_way -= 1;
    }
}

/// The mark of something that waits, until it is dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    waits: Waits,
    entry: (u64, u64),
}

impl Drop for Waiting {
    fn drop(&mut self) {
        locked(&self.waits.inner).due.remove(&self.entry);
    }
}

impl Waits {
    pub(super) fn enter(&self) -> UnderWay {
        locked(&self.inner).under_way += 1;
        UnderWay { waits: self.clone() }
    }

    /// Waits for what a future brings, which is under way from before the future takes it from where it
    /// was. While the future itself waits, nothing is.
    pub(super) async fn entered_by<F: Future>(&self, future: F) -> (F::Output, UnderWay) {
        let mut future = pin!(future);
        poll_fn(|context| {
            let under_way = self.enter();
            future.as_mut().poll(context).map(|brought| (brought, under_way))
        })
        .await
    }

    /// Whether everything under way waits for time to pass.
    pub(super) fn is_quiet(&self) -> bool {
        let inner = locked(&self.inner);
        inner.under_way == inner.due.len()
    }

    /// When the first of the waits ends, in milliseconds since the Unix epoch.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        locked(&self.inner).due.first().map(|(due_ms, _)| *due_ms)
    }
}

impl UnderWay {
    /// Marks this as waiting until `due_ms` at the latest.
    pub(super) fn waiting_until(&self, due_ms: u64) -> Waiting {
        let mut inner = locked(&self.waits.inner);
        inner.next += 1;
        let entry = (due_ms, inner.next);
        inner.due.insert(entry);
        Waiting { waits: self.waits.clone(), entry }
    }

    /// Waits until `due_ms`, marked so.
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
        let waits = Waits::default();
        let (inside, goes_on) = (waits.clone(), tokio::sync::Notify::new());
        let takes = async {
            goes_on.notified().await;
            inside.is_quiet()
        };
        let (brought, ()) = tokio::join!(waits.entered_by(takes), async {
            tokio::task::yield_now().await;
            assert!(waits.is_quiet(), "the future waits");
            goes_on.notify_one();
        });
        let (was_quiet, under_way) = brought;
        assert!(!was_quiet && !waits.is_quiet());
        drop(under_way);
        assert!(waits.is_quiet());
    }

    #[tokio::test]
    async fn what_only_waits_for_time_is_quiet_and_says_until_when() {
        let (waits, clock) = (Waits::default(), Clock::manual(1_000));
        assert!(waits.is_quiet());
        let (first, second) = (waits.enter(), waits.enter());
        assert!(!waits.is_quiet());
        let waiting = first.waiting_until(9_000);
        assert!(!waits.is_quiet(), "the second is still busy");
        let sleeper = {
            let clock = clock.clone();
            tokio::spawn(async move { second.sleep_until(&clock, 5_000).await })
        };
        while !waits.is_quiet() {
            tokio::task::yield_now().await;
        }
        assert_eq!(waits.next_due_ms(), Some(5_000));
        clock.advance(Duration::from_secs(4));
        sleeper.await.unwrap();
        assert_eq!(waits.next_due_ms(), Some(9_000));
        drop(waiting);
        assert!(!waits.is_quiet(), "the first is at work again");
        drop(first);
        assert!(waits.is_quiet());
    }
}
