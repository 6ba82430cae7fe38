//! Letters that a rule of their contract quarantines.

use sluicegate_letters::{Letter, LetterEvent, LetterState, RunId, step_letter};

#[test]
fn what_is_dead_can_be_quarantined_and_nothing_else() {
    let run = RunId("r".to_owned());
    let runs = vec![run.clone()];
    for (state, is_legal) in [
        (LetterState::Dead, true),
        (LetterState::Redriven { run }, false),
        (LetterState::Quarantined, false),
        (LetterState::Discarded, false),
    ] {
        let letter = Letter { state: state.clone(), version: 3, runs: runs.clone(), recalls: 0 };
        let next = step_letter(&letter, LetterEvent::Quarantine);
        let expected = Letter { state: LetterState::Quarantined, version: 4, ..letter.clone() };
        assert_eq!(next.ok(), is_legal.then_some(expected), "{state:?}");
    }
}

#[test]
fn what_is_quarantined_is_released_or_discarded() {
    let quarantined = step_letter(&Letter::collected(), LetterEvent::Quarantine).unwrap();
    for (event, state) in
        [(LetterEvent::Release, LetterState::Dead), (LetterEvent::Discard, LetterState::Discarded)]
    {
        assert_eq!(step_letter(&quarantined, event).map(|next| next.state), Ok(state));
    }
    let claim = LetterEvent::Claim { run: RunId("r".to_owned()) };
    assert!(step_letter(&quarantined, claim).is_err(), "no run takes it along");
}
