//! The time, as a port.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use event::Timestamp;

use crate::env::{Lookup, Process};

/// In milliseconds, before or behind: what the local emulation sets to give each environment a clock
/// of its own, as clocks of machines differ. Not set on Lambda.
const OFFSET: &str = "SLUICEGATE_CLOCK_OFFSET_MS";

/// Tells the time; tests own theirs.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The machine's time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one adapter to the system's time")]
    fn now(&self) -> Timestamp {
        static OFFSET_MS: LazyLock<i64> = LazyLock::new(|| offset_ms(&Process));
        shifted(SystemTime::now(), *OFFSET_MS).into()
    }
}

/// What is no number is no offset.
fn offset_ms(lookup: &dyn Lookup) -> i64 {
    lookup.get(OFFSET).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn shifted(now: SystemTime, offset_ms: i64) -> SystemTime {
    let by = Duration::from_millis(offset_ms.unsigned_abs());
    let shifted = if offset_ms < 0 { now.checked_sub(by) } else { now.checked_add(by) };
    shifted.unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[track_caller]
    fn check(set: Option<&str>, expected_ms: i64) {
        let variables: BTreeMap<&str, &str> = set.map(|text| (OFFSET, text)).into_iter().collect();
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
        let now: Timestamp = shifted(start, offset_ms(&variables)).into();
        assert_eq!(now, Timestamp::from_unix_ms(60_000 + expected_ms));
    }

    #[test]
    fn a_clock_is_the_systems_unless_the_emulation_sets_it_wrong() {
        check(None, 0);
        check(Some("1500"), 1_500);
        check(Some("-1500"), -1_500);
        check(Some("soon"), 0);
    }
}
