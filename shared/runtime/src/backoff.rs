//! How long a message waits before its next try.

use std::time::Duration;

/// The first wait, before jitter.
const FIRST: Duration = Duration::from_secs(2);

/// The longest: what SQS allows for the delay of a message, so that parking and retrying have one bound.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>
pub(crate) const LONGEST: Duration = Duration::from_secs(15 * 60);

/// How long a transient failure is tried at the least before its record is a dead letter, by what the
/// template says for `MAX_RECEIVE_COUNT`: longer than most incidents take to be noticed and mended.
#[cfg(test)]
const PATIENCE: Duration = Duration::from_secs(45 * 60);

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

/// The delay of a parked message that has to wait so long: up to a tenth longer, at least a second, at most
/// [`LONGEST`].
///
/// Whatever waits for one dependency was told the same time. Spread over a tenth of the wait, which is as
/// long as the dependency was away, the messages do not all ask it in the second in which it is back. What
/// waits for longer than one delay comes back early instead, so that it stays spread.
#[must_use]
pub(crate) fn delay(wait: Duration, message_id: &str, parks: u32) -> Duration {
    let wait = wait.max(SHORTEST_DELAY);
    let tenth = u64::try_from(wait.min(LONGEST).as_millis() / 10).unwrap_or(u64::MAX).max(1);
    let spread = Duration::from_millis(hash(message_id, parks) % tenth);
    let later = wait.saturating_add(spread);
    if later <= LONGEST { later } else { LONGEST - spread }
}

/// SQS counts delays in whole seconds, and without one a message would be back at once.
const SHORTEST_DELAY: Duration = Duration::from_secs(1);

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

    /// The receives that the template allows: the waits between them, as short as jitter makes them.
    #[test]
    fn the_template_s_receives_take_at_least_forty_five_minutes() {
        let template = include_str!("../../../template.yaml");
        let declared = template.split("  MaxReceiveCount:\n").nth(1).unwrap();
        let default = declared.lines().find_map(|line| line.trim().strip_prefix("Default: "));
        let receives: u32 = default.unwrap().trim_matches('\'').parse().unwrap();
        let shortest = |receives| {
            let ids = (0..2_000).map(|n| format!("message-{n}"));
            ids.map(|id| backoff(receives, &id)).min().unwrap()
        };
        let waits: Duration = (1..receives).map(shortest).sum();
        assert!(waits >= PATIENCE, "{receives} receives take {waits:?}");
        let fewer: Duration = (1..receives - 1).map(shortest).sum();
        assert!(fewer < PATIENCE, "{} receives would do", receives - 1);
    }

    #[test]
    fn a_delay_is_a_little_longer_than_the_wait_and_never_longer_than_sqs_allows() {
        for (wait_s, least_s, most_s) in [
            (0.0, 1.0, 1.1),
            (0.5, 1.0, 1.1),
            (30.0, 30.0, 33.0),
            (600.0, 600.0, 660.0),
            (890.0, 810.0, 900.0),
            (900.0, 810.0, 900.0),
            (36_000.0, 810.0, 900.0),
        ] {
            let wait = Duration::from_secs_f64(wait_s);
            let delays = (0..100).map(|n| delay(wait, &format!("message-{n}"), 3));
            let delays: std::collections::BTreeSet<_> = delays.collect();
            let (first, last) = (delays.first().unwrap(), delays.last().unwrap());
            let (first, last) = (first.as_secs_f64(), last.as_secs_f64());
            assert!(least_s <= first && last <= most_s, "{wait:?}: {first} to {last}");
            assert!(last - first > (most_s - least_s) / 2.0, "{wait:?}: {first} to {last}");
        }
        assert_ne!(delay(PATIENCE, "m", 1), delay(PATIENCE, "m", 2));
    }

    #[test]
    fn messages_of_one_moment_spread_out() {
        let waits: std::collections::BTreeSet<_> =
            (0..100).map(|n| backoff(5, &format!("message-{n}"))).collect();
        assert!(waits.len() > 90, "{} distinct waits", waits.len());
    }
}
