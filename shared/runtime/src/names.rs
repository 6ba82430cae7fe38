//! Unique names. This is the one place that takes randomness from the system.

use event::Timestamp;
use uuid::{NoContext, Uuid};

/// A UUID of version 7 (RFC 9562, section 5.7). It begins with the time, so that names sort by time, and has 74 random
/// bits, so that no two names are the same.
#[must_use]
pub fn unique_name(now: Timestamp) -> String {
    unique(now).to_string()
}

/// The 62 random bits at the end of such a name, as any number.
pub(crate) fn any_number(now: Timestamp) -> u64 {
    unique(now).as_u64_pair().1
}

fn unique(now: Timestamp) -> Uuid {
    let ms = u64::try_from(now.unix_ms()).unwrap_or(0);
    let nanos = u32::try_from(ms % 1_000 * 1_000_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, ms / 1_000, nanos))
}

/// The time at which such a name was made; `None` for any other text.
#[must_use]
pub fn time_of_name(name: &str) -> Option<Timestamp> {
    let (seconds, nanos) = Uuid::try_parse(name).ok()?.get_timestamp()?.to_unix();
    let ms = seconds.checked_mul(1_000)?.checked_add(u64::from(nanos / 1_000_000))?;
    Some(Timestamp::from_unix_ms(i64::try_from(ms).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_are_in_the_order_of_their_times() {
        let now = Timestamp::from_unix_ms(1_767_225_600_000);
        let later = Timestamp::from_unix_ms(1_767_225_600_001);
        assert_ne!(unique_name(now), unique_name(now));
        assert!(unique_name(now) < unique_name(later));
    }

    #[test]
    fn a_name_tells_its_time_and_no_other_does() {
        let at = Timestamp::from_unix_ms(1_767_225_600_789);
        assert_eq!(time_of_name(&unique_name(at)), Some(at));
        for name in ["", "part-0", "9b2cf535-f277-4197-8744-643645a39853"] {
            assert_eq!(time_of_name(name), None, "{name}");
        }
    }
}
