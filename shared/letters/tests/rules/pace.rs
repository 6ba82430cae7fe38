//! When a run sends, waits and pauses, by its pace.

use std::time::Duration;

use proptest::prelude::*;
use sluicegate_letters::{CanarySeen, Next, OpenBreaker, Pace, Progress, Run, Signals};

use crate::at;

fn run(position: u64, size: u64) -> Run {
    Run { position, sent: position, ..Run::of_plan(size) }
}

fn pace() -> Pace {
    Pace { canary: 10, rates: vec![1, 20], step_s: 10, most_per_second: 100, ..Pace::default() }
}

fn signals() -> Signals {
    Signals { sent: 1_000, ..Signals::default() }
}

#[test]
fn a_few_letters_go_first_and_then_none_until_it_is_known_what_became_of_them() {
    let pace = pace();
    let begun = Progress::begin(&pace, at(0));
    let (progress, next) = begun.next(&pace, &run(0, 1_000), &signals(), at(0));
    assert_eq!((progress, next), (Progress::Canary, Next::Send(10)));
    let on_their_way = Signals { canary: CanarySeen { done: 3, on_their_way: 7 }, ..signals() };
    let (progress, next) = progress.next(&pace, &run(10, 1_000), &on_their_way, at(1_000));
    assert_eq!(progress, Progress::Judging { since: at(1_000) });
    assert!(
        matches!(&next, Next::Wait { note, .. } if note.contains("7 on their way")),
        "{next:?}"
    );
    // One letter came back, so the run pauses.
    let back = Signals { came_back: 1, ..on_their_way.clone() };
    let (_, next) = progress.next(&pace, &run(10, 1_000), &back, at(2_000));
    assert!(
        matches!(&next, Next::Pause { note } if note.contains("1 of the first 10")),
        "{next:?}"
    );
    // It is still not known what became of seven letters, so the run pauses too.
    let (_, next) = progress.next(&pace, &run(10, 1_000), &on_their_way, at(301_000));
    assert!(matches!(&next, Next::Pause { note } if note.contains("after 300 s")), "{next:?}");
    let done = Signals { canary: CanarySeen { done: 10, on_their_way: 0 }, ..signals() };
    let (progress, next) = progress.next(&pace, &run(10, 1_000), &done, at(2_000));
    assert_eq!(progress, Progress::Ramp { step: 0, since: at(2_000), position: 10 });
    assert_eq!(next, Next::Send(1));
}

#[test]
fn the_rate_grows_step_by_step_up_to_the_most() {
    let pace = pace();
    let mut progress = Progress::Ramp { step: 0, since: at(0), position: 0 };
    let (mut position, mut sent_in_second) = (0, Vec::new());
    for second in 0..40_i64 {
        let before = position;
        // The run asks ten times a second.
        for tenth in 0..10 {
            let now = at(second * 1_000 + tenth * 100);
            let (then, next) = progress.next(&pace, &run(position, 100_000), &signals(), now);
            progress = then;
            if let Next::Send(letters) = next {
                position += letters;
            }
        }
        sent_in_second.push(position - before);
    }
    let within = |seconds: std::ops::Range<usize>, rate: u64| {
        let sent: u64 = sent_in_second[seconds.clone()].iter().sum();
        let expected = rate * seconds.len() as u64;
        assert!(sent >= expected && sent <= expected + 2 * rate, "{seconds:?}: {sent_in_second:?}");
    };
    within(0..10, 1);
    within(10..20, 20);
    within(20..40, 100);
}

#[test]
fn it_stops_itself_where_too_many_come_back() {
    let pace = Pace { stop_percent: 10, stop_at_least: 5, ..pace() };
    let ramp = Progress::Ramp { step: 1, since: at(0), position: 0 };
    for (sent, came_back, is_stopped) in
        [(20, 4, false), (20, 5, true), (100, 10, false), (100, 11, true)]
    {
        let signals = Signals { sent, came_back, ..Signals::default() };
        let (_, next) = ramp.next(&pace, &run(sent, 1_000), &signals, at(0));
        assert_eq!(
            matches!(next, Next::Pause { .. }),
            is_stopped,
            "{came_back} of {sent}: {next:?}"
        );
    }
}

#[test]
fn it_waits_while_a_breaker_is_open_or_too_much_waits_in_the_queue() {
    let pace = Pace { most_waiting: 50, ..pace() };
    let ramp = Progress::Ramp { step: 0, since: at(0), position: 0 };
    let breaker = OpenBreaker { dependency: "weather".to_owned(), until: Some(at(4_000)) };
    let open = Signals { open_breaker: Some(breaker), ..signals() };
    let (_, next) = ramp.next(&pace, &run(0, 9), &open, at(0));
    assert!(
        matches!(&next, Next::Wait { time, note } if *time == Duration::from_secs(4) && note.contains("weather")),
        "{next:?}"
    );
    let full = Signals { waiting: 50, ..signals() };
    let (progress, next) = ramp.next(&pace, &run(0, 9), &full, at(5_000));
    assert!(matches!(&next, Next::Wait { note, .. } if note.contains("50 messages")), "{next:?}");
    // The letters that were not sent while the queue was full are not sent at once.
    let (_, next) = progress.next(&pace, &run(0, 9), &signals(), at(5_000));
    assert_eq!(next, Next::Send(1));
    let unlimited = Pace::unlimited();
    let begun = Progress::begin(&unlimited, at(0));
    let (_, next) =
        begun.next(&unlimited, &run(0, 9), &Signals { waiting: 9_999, ..signals() }, at(0));
    assert!(matches!(next, Next::Send(letters) if letters > 100), "{next:?}");
}

/// The operator who resumes a run knows what came back, so that the canary is not judged again.
#[test]
fn a_run_that_is_resumed_goes_on() {
    let pace = pace();
    let judging = Progress::Judging { since: at(0) };
    let resumed = judging.resumed(&run(10, 1_000), at(9_000));
    assert_eq!(resumed, Progress::Ramp { step: 0, since: at(9_000), position: 10 });
    assert_eq!(Progress::Canary.resumed(&run(0, 9), at(0)), Progress::Canary);
    let (_, next) = resumed.next(&pace, &run(10, 1_000), &Signals::default(), at(9_000));
    assert_eq!(next, Next::Send(1));
}

proptest! {
    /// At any time, no more letters were sent than the rate allows, with a second's worth at the begin of a step.
    #[test]
    fn no_more_is_sent_than_the_rate_allows(
        rate in 1_u64..200,
        waits in proptest::collection::vec(0_i64..5_000, 1..100),
    ) {
        let pace = Pace { canary: 0, rates: Vec::new(), most_per_second: rate, ..Pace::default() };
        let mut progress = Progress::begin(&pace, at(0));
        let (mut now, mut position) = (0, 0);
        for wait in waits {
            now += wait;
            let (then, next) = progress.next(&pace, &run(position, u64::MAX), &signals(), at(now));
            progress = then;
            if let Next::Send(letters) = next {
                prop_assert!(letters > 0);
                position += letters;
            }
            let most = rate * (u64::try_from(now).unwrap() + 1_000) / 1_000;
            prop_assert!(position <= most, "{position} after {now} ms, {most} are due");
        }
    }
}

/// How long a run takes if sending takes no time and the canary is judged at once, found by going through its steps.
fn stepped(pace: &Pace, letters: u64) -> Duration {
    let (mut now, mut position) = (0, 0);
    let mut progress = Progress::begin(pace, at(now));
    while position < letters {
        let (then, next) = progress.next(pace, &run(position, letters), &signals(), at(now));
        progress = then;
        match next {
            Next::Send(most) => position += most.min(letters - position),
            Next::Wait { time, .. } => now += i64::try_from(time.as_millis()).unwrap(),
            Next::Pause { note } => panic!("{note}"),
        }
    }
    Duration::from_millis(u64::try_from(now).unwrap())
}

#[test]
fn a_hundred_thousand_letters_take_twenty_minutes_by_default() {
    let minutes = Pace::default().duration(100_000).as_secs() / 60;
    assert!((17..=20).contains(&minutes), "{minutes}");
    assert_eq!(Pace::unlimited().duration(1_000_000), Duration::ZERO);
    assert_eq!(Pace::default().duration(0), Duration::ZERO);
    assert_eq!(Pace::default().duration(10), Duration::ZERO, "all of them go first");
    // At the end the rate is a hundred letters a second.
    let second = Pace::default().duration(100_100) - Pace::default().duration(100_000);
    assert_eq!(second, Duration::from_secs(1));
}

proptest! {
    #[test]
    fn a_run_takes_as_long_as_its_steps(
        letters in 0_u64..3_000,
        canary in prop_oneof![Just(0_u64), 1_u64..50],
        rates in proptest::collection::vec(prop_oneof![Just(0_u64), 1_u64..30, 30_u64..1_500], 0..4),
        step_s in 0_u64..8,
        most_per_second in prop_oneof![Just(0_u64), 1_u64..30, 30_u64..1_500],
    ) {
        let pace = Pace { canary, rates, step_s, most_per_second, ..Pace::default() };
        prop_assert_eq!(pace.duration(letters), stepped(&pace, letters), "{:?}", pace);
    }
}
