//! Each record ends in exactly one way, whatever happens to the others.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
struct Case {
    act: Act,
    receive_count: u32,
    group: Option<u8>,
    unsendable: bool,
}

fn kind() -> impl Strategy<Value = FailureKind> {
    let until = Timestamp::from_unix_ms(START_MS).plus(Duration::from_secs(60));
    prop_oneof![
        Just(FailureKind::Permanent),
        Just(FailureKind::Transient),
        (0_u64..2_000)
            .prop_map(|s| FailureKind::Throttled { retry_after: Some(Duration::from_secs(s)) }),
        Just(FailureKind::Unavailable { until, longest_wait: event::DEFAULT_LONGEST_WAIT }),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Pass),
        3 => kind().prop_map(Act::Fail),
        2 => kind().prop_map(Act::CommitFails),
        1 => Just(Act::Panic),
        1 => Just(Act::Hang),
    ]
}

fn cases(fifo: bool) -> impl Strategy<Value = Vec<Case>> {
    let case = (act(), 1..=MAX_RECEIVES + 1, 0_u8..3, prop::bool::weighted(0.2));
    let case = case.prop_map(move |(act, receive_count, group, unsendable)| Case {
        act,
        receive_count,
        group: fifo.then_some(group),
        unsendable,
    });
    vec(case, 0..24)
}

fn commit() -> impl Strategy<Value = Commit> {
    prop_oneof![
        5 => Just(Commit::Each),
        1 => Just(Commit::Panics),
        1 => Just(Commit::OneTooFew),
        1 => Just(Commit::Hangs),
    ]
}

fn run(cases: &[Case], commit: Commit) -> (Ends, Vec<String>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let batch = cases.iter().enumerate().map(|(place, case)| Record {
            receive_count: case.receive_count,
            group: case.group.map(|group| group.to_string()),
            ..record(place)
        });
        let unsendable = (0..cases.len()).filter(|&at| cases[at].unsendable);
        let refused = unsendable.map(|at| record(at).body).collect();
        let acts: Vec<Act> = cases.iter().map(|case| case.act).collect();
        let rig = Rig::new(&acts, commit, Memory { refused, ..Memory::default() });
        (rig.run(batch.collect()).await, rig.prepared())
    })
}

#[derive(Debug, PartialEq)]
enum End {
    Done,
    Dead,
    Parked,
    Returned,
}

/// How a record that was tried has to end, by the rules alone.
fn expected(case: &Case, commit: Commit) -> End {
    let kind = match case.act {
        Act::Pass if commit == Commit::Each => return End::Done,
        Act::Panic => FailureKind::Permanent,
        Act::Fail(kind) => kind,
        Act::CommitFails(kind) if commit == Commit::Each => kind,
        Act::Hang | Act::Pass | Act::CommitFails(_) => FailureKind::Transient,
    };
    let is_last = case.receive_count >= MAX_RECEIVES;
    let minute = Duration::from_secs(60);
    let end = match kind {
        FailureKind::Permanent => End::Dead,
        FailureKind::Transient | FailureKind::Throttled { .. } if is_last => End::Dead,
        // The waits between five receives are shorter than a minute, so nothing is parked.
        FailureKind::Throttled { retry_after: Some(asked) } if asked > minute => End::Parked,
        FailureKind::Transient | FailureKind::Throttled { .. } => End::Returned,
        FailureKind::Unavailable { .. } => End::Parked,
    };
    if case.unsendable { End::Returned } else { end }
}

/// How a record ended. The test fails if it ended in no way or in several.
fn end(ends: &Ends, place: usize) -> Result<End, TestCaseError> {
    let id = format!("m{place}");
    let times = |ids: &[String]| ids.iter().filter(|other| **other == id).count();
    let parked = times(&ends.parked);
    match (times(&ends.done), times(&ends.dead), parked, times(&ends.returned)) {
        (1, 0, 0, 0) => Ok(End::Done),
        (0, 1, 0, 0) => Ok(End::Dead),
        (0, 0, 1, 0) => Ok(End::Parked),
        (0, 0, 0, 1) => Ok(End::Returned),
        other => Err(TestCaseError::fail(format!("{id} ended {other:?} times"))),
    }
}

proptest! {
    #[test]
    fn each_record_ends_once_and_as_the_rules_say(cases in cases(false), commit in commit()) {
        let (ends, prepared) = run(&cases, commit);
        for (place, case) in cases.iter().enumerate() {
            let end = end(&ends, place)?;
            if prepared.contains(&format!("m{place}")) {
                prop_assert_eq!(end, expected(case, commit), "record {}", place);
            } else {
                prop_assert_eq!(end, End::Returned, "record {} was not tried", place);
            }
        }
    }

    #[test]
    fn a_group_ends_in_its_order(cases in cases(true), commit in commit()) {
        let (ends, prepared) = run(&cases, commit);
        for group in 0..3 {
            let mut stopped = false;
            for place in (0..cases.len()).filter(|&at| cases[at].group == Some(group)) {
                let end = end(&ends, place)?;
                prop_assert!(end != End::Parked, "a FIFO queue delays no message");
                if stopped {
                    prop_assert_eq!(&end, &End::Returned, "record {} overtook", place);
                    prop_assert!(!prepared.contains(&format!("m{place}")), "record {}", place);
                }
                stopped |= end == End::Returned;
            }
        }
    }
}
