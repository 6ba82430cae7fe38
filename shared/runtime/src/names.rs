//! Names that were never used: the one place that takes randomness.

use event::Timestamp;
use uuid::{NoContext, Uuid};

/// A UUID of version 7 (RFC 9562, section 5.7): by its time, so that a listing is in the order of
/// naming, and by 74 random bits, so that no two attempts have one name.
#[must_use]
pub fn unique_name(now: Timestamp) -> String {
    unique(now).to_string()
}

/// Any number: the 62 bits of chance at the end of such a name.
pub(crate) fn any_number(now: Timestamp) -> u64 {
    unique(now).as_u64_pair().1
}

fn unique(now: Timestamp) -> Uuid {
    let ms = u64::try_from(now.unix_ms()).unwrap_or(0);
    let nanos = u32::try_from(ms % 1_000 * 1_000_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, ms / 1_000, nanos))
}

/// When such a name was made; `None` of any other.
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
        let at = |ms| unique_name(Timestamp::from_unix_ms(ms));
        assert_ne!(at(1_767_225_600_000), at(1_767_225_600_000));
        assert!(at(1_767_225_600_000) < at(1_767_225_600_001));
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
