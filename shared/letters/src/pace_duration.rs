//! How long a run takes at a given pace.

use std::time::Duration;

use crate::Pace;
use crate::pace::pause_between;

impl Pace {
    /// How long a run of `letters` letters takes at this pace, from the first letter to the last. It assumes that the
    /// canary is judged at once, that sending takes no time, and that nothing makes the run wait.
    #[must_use]
    pub fn duration(&self, letters: u64) -> Duration {
        let mut left = u128::from(letters.saturating_sub(self.canary));
        let step_ms = u128::from(self.step_s) * 1_000;
        let mut taken_ms = 0;
        for step in 0..self.rates.len() {
            let rate = Rate::new(self.rate(step));
            let pauses = step_ms.div_ceil(rate.pause_ms);
            // A step without length sends nothing. In any other step nothing is sent at its very end.
            let Some(last) = pauses.checked_sub(1) else { continue };
            let sent = rate.sent_after(last * rate.pause_ms);
            if left <= sent {
                return milliseconds(taken_ms + rate.time_for(left));
            }
            left -= sent;
            taken_ms += pauses * rate.pause_ms;
        }
        milliseconds(taken_ms + Rate::new(self.rate(self.rates.len())).time_for(left))
    }
}

/// Letters a second, and the time between two sends at this rate.
struct Rate {
    /// 0 means as fast as possible.
    per_second: u128,
    pause_ms: u128,
}

impl Rate {
    fn new(per_second: u64) -> Self {
        Self { per_second: per_second.into(), pause_ms: pause_between(per_second).as_millis() }
    }

    /// How many letters are sent within `ms` milliseconds after the begin of a step. A second's worth is sent at once,
    /// and then as many as are due.
    fn sent_after(&self, ms: u128) -> u128 {
        match self.per_second {
            0 => u128::MAX,
            rate => rate * (ms + 1_000) / 1_000,
        }
    }

    /// How many milliseconds after the begin of a step this many letters are sent.
    fn time_for(&self, letters: u128) -> u128 {
        match self.per_second {
            0 => 0,
            rate => {
                let due_ms = (letters * 1_000).div_ceil(rate).saturating_sub(1_000);
                due_ms.div_ceil(self.pause_ms) * self.pause_ms
            }
        }
    }
}

fn milliseconds(ms: u128) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}
