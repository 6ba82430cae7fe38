//! The port to the time.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use breaker::Host;
use event::Timestamp;
use lambda_runtime::Context;

use crate::env::{Lookup, Process};
use crate::names::any_number;
use crate::random::RandomNumbers;

/// The local emulation sets this variable for each environment that it starts. It holds how many milliseconds the
/// emulation's clock was ahead of the system's at the start, or behind it. It is not set on Lambda.
const VARIABLE: &str = "SLUICEGATE_CLOCK_OFFSET_MS";
/// The member of an invocation's client context (`custom`) that holds the present offset; the offset is 0 if it is
/// missing. It counts only if the variable is set, because on Lambda any caller can send a client context.
const MEMBER: &str = "sluicegate-clock-offset-ms";

/// Tells the time. Tests have clocks of their own.
pub trait Clock: Send + Sync {
    /// The present time.
    fn now(&self) -> Timestamp;
}

/// The time of the system. In the emulation, which skips times in which nothing happens, it is the emulation's time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one adapter to the system's time")]
    fn now(&self) -> Timestamp {
        shifted(SystemTime::now(), OFFSET.ms()).into()
    }
}

/// The clock and the random numbers of breakers.
impl Host for SystemClock {
    fn now(&self) -> Timestamp {
        Clock::now(self)
    }

    fn random(&self) -> u64 {
        RANDOM_NUMBERS.next()
    }
}

/// The offset of this process.
static OFFSET: LazyLock<Offset> = LazyLock::new(|| Offset::read(&Process));

/// The random numbers of this process.
static RANDOM_NUMBERS: LazyLock<RandomNumbers> =
    LazyLock::new(|| RandomNumbers::new(any_number(Clock::now(&SystemClock))));

/// Takes over the offset that an invocation carries.
pub(crate) fn begin_invocation(context: &Context) {
    OFFSET.begin_invocation(context);
}

/// The offset in milliseconds; `None` outside the emulation.
struct Offset(Option<AtomicI64>);

impl Offset {
    /// Reads the variable. A value that is not a number was not set by the emulation.
    fn read(lookup: &dyn Lookup) -> Self {
        Self(lookup.get(VARIABLE).and_then(|text| text.parse().ok()).map(AtomicI64::new))
    }

    fn ms(&self) -> i64 {
        self.0.as_ref().map_or(0, |offset_ms| offset_ms.load(Ordering::Relaxed))
    }

    fn begin_invocation(&self, context: &Context) {
        let Some(offset_ms) = &self.0 else { return };
        let text = context.client_context.as_ref().and_then(|client| client.custom.get(MEMBER));
        let sent_ms = text.and_then(|text| text.parse().ok()).unwrap_or(0);
        offset_ms.store(sent_ms, Ordering::Relaxed);
    }
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

    fn offset(set: Option<&str>) -> Offset {
        let variables: BTreeMap<&str, &str> =
            set.map(|text| (VARIABLE, text)).into_iter().collect();
        Offset::read(&variables)
    }

    /// An invocation whose client context holds this offset.
    fn invocation(offset: Option<&str>) -> Context {
        let custom: BTreeMap<&str, &str> = offset.map(|text| (MEMBER, text)).into_iter().collect();
        let mut context = Context::default();
        context.client_context =
            serde_json::from_value(serde_json::json!({ "custom": custom })).unwrap();
        context
    }

    #[track_caller]
    fn check(set: Option<&str>, expected_ms: i64) {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
        let now: Timestamp = shifted(start, offset(set).ms()).into();
        assert_eq!(now, Timestamp::from_unix_ms(60_000 + expected_ms));
    }

    #[test]
    fn a_clock_is_the_systems_unless_the_emulation_sets_it_otherwise() {
        check(None, 0);
        check(Some("1500"), 1_500);
        check(Some("-1500"), -1_500);
        check(Some("soon"), 0);
    }

    #[test]
    fn in_the_emulation_the_time_comes_with_each_invocation() {
        let offset = offset(Some("1500"));
        for (sent, expected_ms) in [(Some("62000"), 62_000), (Some("-7"), -7), (None, 0)] {
            offset.begin_invocation(&invocation(sent));
            assert_eq!(offset.ms(), expected_ms);
        }
        offset.begin_invocation(&invocation(Some("5")));
        offset.begin_invocation(&Context::default());
        assert_eq!(offset.ms(), 0, "the offset is 0 without a client context");
    }

    #[test]
    fn elsewhere_no_caller_moves_the_clock() {
        let offset = offset(None);
        offset.begin_invocation(&invocation(Some("62000")));
        assert_eq!(offset.ms(), 0);
    }
}
