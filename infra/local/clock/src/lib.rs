#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// A clock that can be moved forward. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: Source,
    advanced_ms: AtomicU64,
    /// The part of `advanced_ms` that was [skipped](Clock::skip).
    skipped_ms: AtomicU64,
    moved: watch::Sender<u64>,
}

#[derive(Debug)]
enum Source {
    System,
    Manual { start_ms: u64 },
}

impl Clock {
    /// The system's time plus what [`Clock::advance`] adds.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Source::System)
    }

    /// A clock that stands still at `start_ms` (milliseconds since the Unix epoch) until it is
    /// advanced.
    #[must_use]
    pub fn manual(start_ms: u64) -> Self {
        Self::new(Source::Manual { start_ms })
    }

    fn new(source: Source) -> Self {
        let moved = watch::Sender::new(0);
        let (advanced_ms, skipped_ms) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { inner: Arc::new(Inner { source, advanced_ms, skipped_ms, moved }) }
    }

    /// The time in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_us() / 1_000
    }

    /// The time in microseconds since the Unix epoch, for measuring durations.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        let base_us = match self.inner.source {
            Source::System => system_us(),
            Source::Manual { start_ms } => start_ms.saturating_mul(1_000),
        };
        base_us.saturating_add(self.advanced_ms().saturating_mul(1_000))
    }

    /// How far the clock was advanced so far, in milliseconds.
    #[must_use]
    pub fn advanced_ms(&self) -> u64 {
        self.inner.advanced_ms.load(Ordering::Acquire)
    }

    /// Moves the time forward, and wakes those who wait for a time.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX / 2);
        let total = self.inner.advanced_ms.fetch_add(by, Ordering::AcqRel) + by;
        self.inner.moved.send_replace(total);
    }

    /// Moves the time forward over a span in which nothing happens. The span is not part of
    /// [`Clock::lived_ms`], so that nothing grows cold in it.
    pub fn skip(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX / 2);
        // `skipped_ms` changes first. `lived_ms` may then be too low for a moment, and is never too
        // high.
        self.inner.skipped_ms.fetch_add(by_ms, Ordering::AcqRel);
        self.advance(by);
    }

    /// The time in milliseconds since the Unix epoch, without what was skipped. Its differences
    /// say how long something was unused.
    #[must_use]
    pub fn lived_ms(&self) -> u64 {
        self.now_ms().saturating_sub(self.inner.skipped_ms.load(Ordering::Acquire))
    }

    /// Continues from a clock that was advanced by `advanced_ms` and showed `now_ms`: advances at
    /// least as far, and to at least that time, even if the system's clock was set back since.
    pub fn resume_from(&self, advanced_ms: u64, now_ms: u64) {
        let missing_ms = advanced_ms.saturating_sub(self.advanced_ms());
        self.advance(Duration::from_millis(missing_ms));
        let missing_ms = now_ms.saturating_sub(self.now_ms());
        self.advance(Duration::from_millis(missing_ms));
    }

    /// Waits until the time is `deadline_ms` or later, whether the time passes or is advanced.
    pub async fn sleep_until(&self, deadline_ms: u64) {
        let mut moved = self.inner.moved.subscribe();
        loop {
            let left = deadline_ms.saturating_sub(self.now_ms());
            if left == 0 {
                return;
            }
            let passes = async {
                match self.inner.source {
                    Source::System => tokio::time::sleep(Duration::from_millis(left)).await,
                    Source::Manual { .. } => std::future::pending().await,
                }
            };
            tokio::select! {
                () = passes => {}
                _ = moved.changed() => {}
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system's time")]
fn system_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_moves_only_when_advanced_and_wakes_its_sleepers() {
        let clock = Clock::manual(1_000);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(61_000).await;
                clock.now_ms()
            }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(60));
        assert_eq!(sleeper.await.unwrap(), 61_000);
    }

    #[test]
    fn what_is_skipped_is_later_and_not_lived() {
        let clock = Clock::manual(1_000);
        clock.advance(Duration::from_secs(2));
        clock.skip(Duration::from_secs(30));
        assert_eq!((clock.now_ms(), clock.lived_ms()), (33_000, 3_000));
        assert_eq!(clock.advanced_ms(), 32_000);
    }

    #[track_caller]
    fn check_goes_on(clock: &Clock, advanced_ms: u64, now_ms: u64, expected_ms: u64) {
        clock.resume_from(advanced_ms, now_ms);
        assert_eq!(clock.now_ms(), expected_ms);
    }

    #[test]
    fn a_clock_goes_on_as_far_ahead_as_it_was_and_never_back() {
        // The other clock showed 5,000 after an advance of 2,000 ms, and 500 ms have passed since.
        check_goes_on(&Clock::manual(3_500), 2_000, 5_000, 5_500);
        // The system's clock was set back.
        check_goes_on(&Clock::manual(1_000), 2_000, 5_000, 5_000);
        let advanced = Clock::manual(3_000);
        advanced.advance(Duration::from_secs(9));
        check_goes_on(&advanced, 2_000, 5_000, 12_000);
    }
}
