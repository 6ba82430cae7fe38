//! Time that passes minute by minute, with what the function does each minute that decides whether queues are
//! polled.

use std::time::Duration;

use emulation::RunningMapping;
use emulation::lambda::mapping::Activity;

use crate::World;

const MINUTE: Duration = Duration::from_secs(60);
/// Between two looks, in real time.
const LOOK: Duration = Duration::from_millis(20);
/// Far beyond what anything takes that a test waits for, in real time.
const MOST_LOOKS: usize = 6_000;

impl World {
    /// An event source mapping of the template.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn mapping(&self, logical_id: &str) -> &RunningMapping {
        let mut mappings = self.emulation().mappings().iter();
        mappings.find(|mapping| mapping.logical_id == logical_id).unwrap()
    }

    /// Waits, in real time, until something is so.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..MOST_LOOKS {
            if is_so(self) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("never: {what}");
    }

    /// Lets so many minutes pass, and after each waits for what follows from it.
    ///
    /// # Panics
    /// When something takes too long.
    pub async fn pass_minutes(&self, count: usize) {
        for _ in 0..count {
            let before = self.looks_at_queues();
            self.emulation().pass(MINUTE);
            self.wait_until("the schedule", |world| world.looks_at_queues() > before).await;
            self.rest().await;
        }
    }

    /// Waits until nothing runs; time that is waited for does not pass.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn rest(&self) {
        let mut looks_at_rest = 0;
        for _ in 0..MOST_LOOKS {
            let progress = self.emulation().progress();
            let is_busy = |activity: &Activity| *activity == Activity::Busy;
            let is_at_rest = progress.lambda_is_idle
                && !progress.mappings.iter().any(|mapping| is_busy(&mapping.activity))
                && !progress
                    .queues
                    .iter()
                    .any(|queue| queue.is_consumed && queue.depth.visible > 0);
            looks_at_rest = if is_at_rest { looks_at_rest + 1 } else { 0 };
            if looks_at_rest == 3 {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("never at rest: {}", self.emulation().progress());
    }

    /// How often the function was invoked.
    fn looks_at_queues(&self) -> u64 {
        let environments = self.emulation().lambda().environments(self.name("PollingFunction"));
        environments.iter().map(|environment| environment.invocations).sum()
    }
}
