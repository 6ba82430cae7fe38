//! Checks the protocol of a redrive in each state that a small redrive can reach. There are two workers on one run, or
//! a second run over the same letters. An operator pauses, resumes and cancels runs. Workers crash between any two
//! steps, answers are lost, writes are repeated, messages fail again, and letters are collected twice.
//!
//! The model runs the real [`Worker`]. Its stores can be broken on purpose, and the check must then fail. This shows
//! that the check would find such a fault.

#![expect(clippy::print_stdout, reason = "how many states were checked is of interest")]

mod redrive;
mod world;

use stateright::{Checker, HasDiscoveries, Model};

use self::redrive::{Broken, Redriving};
use self::world::Faults;

const QUIET: Faults = Faults { crashes: 0, lost: 0, failures: 0, acts: 0, ends: 0 };

fn redriving(letters: u8, workers: &'static [u8], faults: Faults) -> Redriving {
    Redriving { letters, workers, faults, broken: Broken::Nothing, refused: None }
}

#[track_caller]
fn check_holds(name: &str, model: Redriving) {
    let checker = model.checker().spawn_bfs().join();
    println!("{name}: {} states", checker.unique_state_count());
    checker.assert_properties();
}

/// Checks that the model breaks this property, which it must if a part is broken.
#[track_caller]
fn check_is_found(model: Redriving, property: &'static str) {
    let any = HasDiscoveries::AnyOf([property].into());
    let checker = model.checker().finish_when(any).spawn_bfs().join();
    assert!(checker.discovery(property).is_some(), "{:?} was not found", checker.discoveries());
}

/// Both workers are on the first run.
const TWO_WORKERS: &[u8] = &[0, 0];
/// Each worker is on a run of its own, which two operators began.
const TWO_RUNS: &[u8] = &[0, 1];

#[test]
fn two_workers_on_one_run() {
    check_holds("two workers", redriving(2, TWO_WORKERS, QUIET));
}

#[test]
fn leases_that_end_while_their_workers_go_on() {
    let faults = Faults { ends: 2, lost: 1, ..QUIET };
    check_holds("two leases end, one lost answer", redriving(2, TWO_WORKERS, faults));
}

#[test]
fn crashes_between_any_two_steps() {
    check_holds("two crashes", redriving(2, TWO_WORKERS, Faults { crashes: 2, ..QUIET }));
}

#[test]
fn answers_that_are_lost() {
    check_holds("two lost answers", redriving(2, TWO_WORKERS, Faults { lost: 2, ..QUIET }));
}

#[test]
fn letters_that_come_back_and_are_collected_twice() {
    let faults = Faults { failures: 2, crashes: 1, ..QUIET };
    check_holds("two failures, one crash", redriving(2, TWO_RUNS, faults));
}

#[test]
fn two_operators_at_once() {
    let faults = Faults { acts: 2, crashes: 1, ..QUIET };
    check_holds("two runs, two acts", redriving(2, TWO_RUNS, faults));
}

#[test]
fn an_operator_stops_a_run_whose_worker_crashes() {
    let faults = Faults { acts: 3, crashes: 1, lost: 1, ..QUIET };
    check_holds("three acts", redriving(2, &[0], faults));
}

#[test]
fn a_message_that_its_queue_never_takes() {
    let faults = Faults { crashes: 1, lost: 1, acts: 1, ..QUIET };
    let model = Redriving { refused: Some(0), ..redriving(2, TWO_RUNS, faults) };
    check_holds("one letter refused", model);
}

#[test]
fn a_store_that_ignores_versions_is_found() {
    let faults = Faults { lost: 1, failures: 1, ..QUIET };
    let mut model = redriving(2, TWO_RUNS, faults);
    model.broken = Broken::LetterVersions;
    check_is_found(model, "each life is of one run");
    let mut model = redriving(2, TWO_WORKERS, Faults { ends: 1, ..QUIET });
    model.broken = Broken::RunVersions;
    check_is_found(model, "a run never goes back");
}

#[test]
fn a_queue_that_loses_what_it_took_is_found() {
    let mut model = redriving(1, &[0], Faults { crashes: 1, ..QUIET });
    model.broken = Broken::SaidToBeSent;
    check_is_found(model, "no letter is lost");
}

#[test]
fn a_collector_that_takes_a_letter_of_an_earlier_life_is_found() {
    let mut model = redriving(1, TWO_RUNS, Faults { failures: 2, ..QUIET });
    model.broken = Broken::EarlierLives;
    check_is_found(model, "what is in motion is not dead");
}
