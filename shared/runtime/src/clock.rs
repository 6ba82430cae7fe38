//! The time, as a port.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use breaker::Host;
use event::Timestamp;
use lambda_runtime::Context;

use crate::env::{Lookup, Process};
use crate::names::any_number;
use crate::random::RandomNumbers;

/// What the local emulation sets for each environment it starts: what the environment's clock adds to its
/// system's at the start, in milliseconds, before or behind. Not set on Lambda.
const VARIABLE: &str = "SLUICEGATE_CLOCK_OFFSET_MS";
/// The custom member of an invocation's client context that says what it is by now; nothing, if it is not
/// there. Believed only where the variable is set: on Lambda a client context is what any caller likes.
const MEMBER: &str = "sluicegate-clock-offset-ms";

/// Tells the time; tests own theirs.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The machine's time. In the emulation, which skips times in which nothing happens, the emulation's.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one adapter to the system's time")]
    fn now(&self) -> Timestamp {
        shifted(SystemTime::now(), OFFSET.ms()).into()
    }
}

/// What breakers need of the machine.
impl Host for SystemClock {
    fn now(&self) -> Timestamp {
        Clock::now(self)
    }

    fn random(&self) -> u64 {
        RANDOM_NUMBERS.next()
    }
}

/// This process's.
static OFFSET: LazyLock<Offset> = LazyLock::new(|| Offset::read(&Process));

/// This process's.
static RANDOM_NUMBERS: LazyLock<RandomNumbers> =
    LazyLock::new(|| RandomNumbers::new(any_number(Clock::now(&SystemClock))));

/// Takes over the time that an invocation comes with.
pub(crate) fn begin_invocation(context: &Context) {
    OFFSET.begin_invocation(context);
}

/// What is added to the system's time; `None` where nobody may say so.
struct Offset(Option<AtomicI64>);

impl Offset {
    /// What is no number is not the emulation's.
    fn read(lookup: &dyn Lookup) -> Self {
        Self(lookup.get(VARIABLE).and_then(|text| text.parse().ok()).map(AtomicI64::new))
    }

    fn ms(&self) -> i64 {
        self.0.as_ref().map_or(0, |offset_ms| offset_ms.load(Ordering::Relaxed))
    }

    fn begin_invocation(&self, context: &Context) {
        let Some(offset_ms) = &self.0 else { return };
        let told = context.client_context.as_ref().and_then(|client| client.custom.get(MEMBER));
        let told = told.and_then(|text| text.parse().ok()).unwrap_or(0);
        offset_ms.store(told, Ordering::Relaxed);
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

    /// An invocation whose client context says `told`.
    fn invocation(told: Option<&str>) -> Context {
        let custom: BTreeMap<&str, &str> = told.map(|text| (MEMBER, text)).into_iter().collect();
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
        for (told, expected_ms) in [(Some("62000"), 62_000), (Some("-7"), -7), (None, 0)] {
            offset.begin_invocation(&invocation(told));
            assert_eq!(offset.ms(), expected_ms);
        }
        offset.begin_invocation(&invocation(Some("5")));
        offset.begin_invocation(&Context::default());
        assert_eq!(offset.ms(), 0, "without a client context it is nothing, too");
    }

    #[test]
    fn elsewhere_no_caller_moves_the_clock() {
        let offset = offset(None);
        offset.begin_invocation(&invocation(Some("62000")));
        assert_eq!(offset.ms(), 0);
    }
}
