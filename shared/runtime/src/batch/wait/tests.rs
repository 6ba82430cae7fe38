//! The rules as a table: the kind of failure, the receives, and whether SQS can delay the message.

use event::DEFAULT_LONGEST_WAIT;

use super::*;

const NOW_MS: i64 = 1_000_000;
const MOST: u32 = 15;

fn now() -> Timestamp {
    Timestamp::from_unix_ms(NOW_MS)
}

fn record(receive_count: u32, group: Option<&str>) -> Record {
    let message_id = "m".to_owned();
    Record { message_id, receive_count, group: group.map(str::to_owned), ..Record::default() }
}

fn throttled(s: u64) -> Failure {
    Failure::throttled(Some(Duration::from_secs(s)), "later")
}

fn away(s: u64) -> Failure {
    Failure::unavailable(now().plus(Duration::from_secs(s)), DEFAULT_LONGEST_WAIT, "away")
}

/// `give up`, or `hide` or `park` with the least and the most seconds.
#[track_caller]
fn check(record: &Record, failure: &Failure, expected: &str) {
    let found = match after_failure(record, failure, MOST, now()) {
        Next::GiveUp(why) => {
            assert_eq!(why.code, failure.code);
            "give up".to_owned()
        }
        Next::Hide(wait) => format!("hide {}", wait.as_secs()),
        Next::Park(parking) => format!("park {}", parking.delay.as_secs()),
    };
    let (verb, range) = expected.split_once(": ").unwrap_or((expected, ""));
    let Some((least, most)) = range.split_once('-') else { return assert_eq!(found, verb) };
    let waited = found.strip_prefix(verb).map(|rest| rest.trim().parse::<u64>().unwrap());
    let range = least.parse().unwrap()..=most.parse().unwrap();
    assert!(waited.is_some_and(|s| range.contains(&s)), "{found}, and not {expected}");
}

#[test]
fn on_a_standard_queue() {
    let transient = Failure::transient(Code::DependencyUnavailable, "?");
    let permanent = Failure::permanent(Code::KeyMissing, "?");
    let of = |receives| record(receives, None);
    check(&of(1), &permanent, "give up");
    check(&of(1), &transient, "hide: 1-2");
    check(&of(5), &transient, "hide: 16-32");
    check(&of(7), &transient, "park: 64-128");
    check(&of(14), &transient, "park: 450-900");
    check(&of(15), &transient, "give up");
    check(&of(1), &throttled(60), "hide: 60-60");
    check(&of(1), &throttled(61), "park: 61-67");
    check(&of(1), &throttled(7_200), "park: 810-900");
    check(&of(15), &throttled(1), "give up");
    check(&of(1), &away(0), "park: 1-1");
    check(&of(1), &away(30), "park: 30-33");
    check(&of(900), &away(7_200), "park: 810-900");
}

#[test]
fn on_a_fifo_queue() {
    let transient = Failure::transient(Code::DependencyUnavailable, "?");
    let of = |receives| record(receives, Some("g"));
    check(&of(14), &transient, "hide: 450-900");
    check(&of(15), &transient, "give up");
    check(&of(1), &throttled(7_200), "hide: 7200-7200");
    check(&of(1), &away(7_200), "hide: 7200-7200");
    check(&of(15), &away(7_200), "give up");
}

#[test]
fn only_what_a_service_asked_for_is_waited_for_to_the_end() {
    let not_before = |failure: &Failure| match after_failure(&record(1, None), failure, MOST, now())
    {
        Next::Park(parking) => parking.not_before,
        other => panic!("{other:?}"),
    };
    // Delays are spread around a time, and end after 900 s at the latest.
    assert_eq!(not_before(&throttled(800)), None);
    assert_eq!(not_before(&throttled(901)), Some(now().plus(Duration::from_secs(901))));
    assert_eq!(not_before(&throttled(999_999)), Some(now().plus(LONGEST_WAIT)));
    // An operator may close the breaker sooner, so there is no earliest time.
    assert_eq!(not_before(&away(7_200)), None);
}
