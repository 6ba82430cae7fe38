//! How long a message stays hidden before its next try.

use std::time::Duration;

/// The first wait, before jitter.
const FIRST: Duration = Duration::from_secs(2);

/// The longest: what SQS allows for a delay, so that parking and retrying have one bound.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Exponential backoff with equal jitter, from how often the message was received (at least 1):
/// between half of and the whole of `2 s · 2^(receives - 1)`, at most 15 minutes.
///
/// Jitter comes from the message's id, so that the messages of one bad moment spread out and each
/// one's wait can be told beforehand. "Equal Jitter" of
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
#[must_use]
pub fn backoff(receives: u32, message_id: &str) -> Duration {
    let doublings = receives.saturating_sub(1).min(16);
    let whole = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let half = whole / 2;
    let spread = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_millis(hash(message_id, receives) % spread)
}

/// FNV-1a, 64 bit: <https://www.ietf.org/archive/id/draft-eastlake-fnv-29.html>.
fn hash(text: &str, salt: u32) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let bytes = text.bytes().chain(salt.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_jitter_up_to_fifteen_minutes() {
        for (receives, whole_s) in [(0, 2), (1, 2), (2, 4), (3, 8), (9, 512), (10, 900), (99, 900)]
        {
            for id in ["a", "b", "c", "0f0f"] {
                let wait = backoff(receives, id).as_secs_f64();
                let whole = f64::from(whole_s);
                assert!((whole / 2.0..=whole).contains(&wait), "{receives} {id}: {wait}");
            }
        }
    }

    #[test]
    fn messages_of_one_moment_spread_out() {
        let waits: std::collections::BTreeSet<_> =
            (0..100).map(|n| backoff(5, &format!("message-{n}"))).collect();
        assert!(waits.len() > 90, "{} distinct waits", waits.len());
    }
}
