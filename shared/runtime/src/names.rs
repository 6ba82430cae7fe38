//! Names that were never used: the one place that takes randomness.

use event::Timestamp;
use uuid::{NoContext, Uuid};

/// A UUID of version 7 (RFC 9562, section 5.7): by its time, so that a listing is in the order of
/// naming, and by 74 random bits, so that no two attempts have one name.
#[must_use]
pub fn unique_name(now: Timestamp) -> String {
    let ms = u64::try_from(now.unix_ms()).unwrap_or(0);
    let nanos = u32::try_from(ms % 1_000 * 1_000_000).unwrap_or(0);
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, ms / 1_000, nanos)).to_string()
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
}
