//! How long a message waits before its next try.

use std::time::Duration;

use event::{Backoff, jitter};

/// The longest delay that SQS allows for a message. Parking and retrying share this bound.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>
pub(crate) const LONGEST: Duration = Duration::from_secs(15 * 60);

/// SQS counts delays in whole seconds, and a message without a delay would come back at once.
const SHORTEST_DELAY: Duration = Duration::from_secs(1);

/// A transient failure is tried for at least this long before its record becomes a dead letter, with the
/// `MAX_RECEIVE_COUNT` of the template. Most incidents are noticed and fixed sooner.
#[cfg(test)]
const LEAST_RETRY_TIME: Duration = Duration::from_secs(45 * 60);

const RETRIES: Backoff = Backoff { first: Duration::from_secs(2), longest: LONGEST };

/// The wait before a message is received again, from how often it was received so far (at least 1). It is between half
/// and all of `2 s · 2^(receives - 1)`, and at most 15 minutes.
///
/// The jitter is derived from the message's id, so that messages that failed together spread out.
#[must_use]
pub(crate) fn retry_delay(receives: u32, message_id: &str) -> Duration {
    RETRIES.wait(receives, message_id)
}

/// The delay of a parked message that has to wait for `wait`. It is up to a tenth longer than that, at least a second
/// and at most [`LONGEST`].
///
/// All messages that wait for one dependency were given the same time. They are spread over a tenth of the wait, so
/// that they do not all call the dependency in the second in which it is available again. If the wait is longer than
/// one delay, the message comes back early instead, so that it stays spread.
#[must_use]
pub(crate) fn parking_delay(wait: Duration, message_id: &str, parks: u32) -> Duration {
    let wait = wait.max(SHORTEST_DELAY);
    let spread = jitter(wait.min(LONGEST) / 10, message_id, parks);
    let later = wait.saturating_add(spread);
    if later <= LONGEST { later } else { LONGEST - spread }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_jitter_up_to_fifteen_minutes() {
        for (receives, whole_s) in [(0, 2), (1, 2), (2, 4), (3, 8), (9, 512), (10, 900), (99, 900)]
        {
            for id in ["a", "b", "c", "0f0f"] {
                let wait = retry_delay(receives, id).as_secs_f64();
                let whole = f64::from(whole_s);
                assert!((whole / 2.0..=whole).contains(&wait), "{receives} {id}: {wait}");
            }
        }
    }

    fn shortest_delay(receives: u32) -> Duration {
        let ids = (0..2_000).map(|n| format!("message-{n}"));
        ids.map(|id| retry_delay(receives, &id)).min().unwrap()
    }

    /// Adds up the waits between the receives that the template allows, each as short as jitter makes it.
    #[test]
    fn the_template_s_receives_take_at_least_forty_five_minutes() {
        let template = include_str!("../../../template.yaml");
        let declared = template.split("  MaxReceiveCount:\n").nth(1).unwrap();
        let default = declared.lines().find_map(|line| line.trim().strip_prefix("Default: "));
        let receives: u32 = default.unwrap().trim_matches('\'').parse().unwrap();
        let waits: Duration = (1..receives).map(shortest_delay).sum();
        assert!(waits >= LEAST_RETRY_TIME, "{receives} receives take {waits:?}");
        let fewer: Duration = (1..receives - 1).map(shortest_delay).sum();
        assert!(fewer < LEAST_RETRY_TIME, "{} receives would do", receives - 1);
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
            let delays = (0..100).map(|n| parking_delay(wait, &format!("message-{n}"), 3));
            let delays: std::collections::BTreeSet<_> = delays.collect();
            let (first, last) = (delays.first().unwrap(), delays.last().unwrap());
            let (first, last) = (first.as_secs_f64(), last.as_secs_f64());
            assert!(least_s <= first && last <= most_s, "{wait:?}: {first} to {last}");
            assert!(last - first > (most_s - least_s) / 2.0, "{wait:?}: {first} to {last}");
        }
        assert_ne!(
            parking_delay(LEAST_RETRY_TIME, "m", 1),
            parking_delay(LEAST_RETRY_TIME, "m", 2)
        );
    }

    #[test]
    fn messages_of_one_moment_spread_out() {
        let waits: std::collections::BTreeSet<_> =
            (0..100).map(|n| retry_delay(5, &format!("message-{n}"))).collect();
        assert!(waits.len() > 90, "{} distinct waits", waits.len());
    }
}
