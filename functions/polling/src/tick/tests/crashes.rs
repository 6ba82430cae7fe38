//! Requests and writes that are lost or late, and ticks that end in the middle. A mapping that the function has
//! disabled stays recorded as such, and is enabled again.

use testkit::StoreFault;

use super::*;

/// A fault of one tick.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// The tick does not happen.
    NoTick,
    /// The tick's request to Lambda has this fault, and the tick ends there if it gets no answer.
    Lambda(Fault),
    /// The tick's writes are lost, without an answer that says so.
    NotWritten,
    /// The tick ends after its first write.
    EndsAfterWrite,
}

const TROUBLES: [Trouble; 10] = [
    Trouble::NoTick,
    Trouble::Lambda(Fault::Lost),
    Trouble::Lambda(Fault::Taken),
    Trouble::Lambda(Fault::Late(Duration::from_secs(1))),
    Trouble::Lambda(Fault::Late(Duration::from_secs(119))),
    Trouble::Lambda(Fault::Unavailable),
    Trouble::Lambda(Fault::TakenAndFailed),
    Trouble::Lambda(Fault::AfterLate),
    Trouble::NotWritten,
    Trouble::EndsAfterWrite,
];

/// The first ticks, which may have a fault. They begin before the pause and end after it.
const TROUBLED_TICKS: usize = 11;
/// The number of all ticks. Those after the first have no fault.
const TICKS: usize = 26;
/// How long the dependency is unavailable. An operator ends the outage, so that its end is not known before.
const OUTAGES: [Duration; 3] =
    [Duration::from_secs(30), Duration::from_secs(150), Duration::from_secs(330)];

/// Runs each outage with these faults, by the number of the tick.
fn check(troubles: &[(usize, Trouble)]) {
    for outage in OUTAGES {
        check_outage(outage, troubles);
    }
}

fn check_outage(outage: Duration, troubles: &[(usize, Trouble)]) {
    let world = World::new();
    let ends_at = world.now().plus(outage);
    world.force_open(None);
    for tick in 0..TICKS {
        if world.now() >= ends_at {
            world.close();
        } else if world.mapping().polls() {
            world.all_wait();
        }
        let trouble = troubles.iter().find(|(at, _)| *at == tick).map(|(_, trouble)| *trouble);
        match trouble {
            None => world.tick(),
            Some(Trouble::NoTick) => {}
            Some(Trouble::Lambda(fault)) => {
                world.mapping().fail_next(fault);
                world.tick();
                world.mapping().forget_fault();
            }
            Some(Trouble::NotWritten) => {
                world.store().set_fault(StoreFault::ReadOnly);
                world.tick();
                world.store().set_fault(StoreFault::None);
            }
            Some(Trouble::EndsAfterWrite) => {
                world.store().set_fault(StoreFault::SilentWrites);
                world.tick();
                world.store().set_fault(StoreFault::None);
            }
        }
        for _ in 0..4 {
            let is_ours = world.paused().is_some();
            let state = world.mapping().state();
            let is_enabled = matches!(state, MappingState::Enabled | MappingState::Enabling);
            assert!(is_ours || is_enabled, "nobody will enable it: {troubles:?}");
            world.pass(MINUTE / 4);
        }
    }
    assert_eq!(world.mapping().state(), MappingState::Enabled, "{troubles:?}");
    assert_eq!(world.paused(), None, "{troubles:?}");
}

#[test]
fn no_trouble_leaves_a_mapping_disabled() {
    check(&[]);
    for tick in 0..TROUBLED_TICKS {
        for trouble in TROUBLES {
            check(&[(tick, trouble)]);
        }
    }
}

#[test]
fn no_two_troubles_leave_a_mapping_disabled() {
    for first in 0..TROUBLED_TICKS {
        for second in first + 1..TROUBLED_TICKS {
            for one in TROUBLES {
                for other in TROUBLES {
                    check(&[(first, one), (second, other)]);
                }
            }
        }
    }
}

#[test]
fn no_three_troubles_in_a_row_leave_a_mapping_disabled() {
    for first in 0..TROUBLED_TICKS - 2 {
        for one in TROUBLES {
            for two in TROUBLES {
                for three in TROUBLES {
                    check(&[(first, one), (first + 1, two), (first + 2, three)]);
                }
            }
        }
    }
}
