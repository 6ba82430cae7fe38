//! Single fates, and that the counts add up whatever was found.

use super::*;

const SEEN: [Seen; 5] =
    [Seen::Everywhere, Seen::InSeenSinks, Seen::Unseen, Seen::Missing, Seen::Refused];
const STATES: [State; 4] = [State::Dead, State::Quarantined, State::Redriven, State::Discarded];

/// An event with this value on this line.
fn event(value: &str, line: u64, seen: Seen) -> Event {
    Event {
        file: 0,
        place: Place::Line(line),
        bytes: 10,
        seen,
        fingerprint: Some(format!("print-{value}")),
        digests: vec![format!("digest-{value}")],
        code: None,
    }
}

fn letter(value: &str, state: State, seen: Option<Seen>) -> Letter {
    Letter {
        id: format!("{value}-{state:?}"),
        state,
        stage: "sink".to_owned(),
        code: "c".to_owned(),
        seen,
        fingerprints: vec![format!("print-{value}")],
        digests: Vec::new(),
        places: Vec::new(),
    }
}

#[track_caller]
fn check(seen: Seen, letters: &[(State, Option<Seen>)], expected: Fate) {
    let letters: Vec<Letter> =
        letters.iter().map(|(state, seen)| letter("a", *state, *seen)).collect();
    let account = Account::of(&[event("a", 1, seen)], &letters);
    assert_eq!(account.fates, [expected], "{seen:?} {letters:?}");
}

#[test]
fn without_a_letter_the_sinks_tell() {
    for (seen, fate) in [
        (Seen::Everywhere, Fate::InSinks),
        (Seen::InSeenSinks, Fate::InSeenSinks),
        (Seen::Unseen, Fate::Unseen),
        (Seen::Missing, Fate::NotFound),
        (Seen::Refused, Fate::NotFound),
    ] {
        check(seen, &[], fate);
    }
}

#[test]
fn a_letter_of_one_sink_is_of_the_event() {
    for seen in [Seen::InSeenSinks, Seen::Unseen, Seen::Missing, Seen::Refused] {
        check(seen, &[(State::Dead, None)], Fate::Dead);
        check(seen, &[(State::Quarantined, None)], Fate::Quarantined);
        check(seen, &[(State::Discarded, None)], Fate::Discarded);
    }
    check(Seen::Missing, &[(State::Discarded, None), (State::Dead, None)], Fate::Dead);
    check(Seen::Missing, &[(State::Redriven, None), (State::Dead, None)], Fate::Dead);
    check(Seen::Missing, &[(State::Redriven, None), (State::Discarded, None)], Fate::OnItsWay);
}

/// A letter of a copy does not change what was written.
#[test]
fn what_is_in_all_of_its_sinks_is_in_them() {
    for state in STATES {
        check(Seen::Everywhere, &[(state, None)], Fate::InSinks);
    }
}

#[test]
fn what_was_redriven_is_on_its_way_until_it_is_seen() {
    let redriven = |seen| [(State::Redriven, Some(seen))];
    check(Seen::Missing, &[(State::Redriven, None)], Fate::OnItsWay);
    check(Seen::Missing, &redriven(Seen::Missing), Fate::OnItsWay);
    check(Seen::Unseen, &redriven(Seen::Unseen), Fate::OnItsWay);
    check(Seen::Refused, &redriven(Seen::Everywhere), Fate::InSinks);
    check(Seen::Refused, &redriven(Seen::InSeenSinks), Fate::InSeenSinks);
    check(Seen::InSeenSinks, &redriven(Seen::Missing), Fate::InSeenSinks);
}

#[test]
fn an_event_twice_is_twice_what_it_is() {
    let events = [
        ("a", Seen::Everywhere),
        ("b", Seen::Missing),
        ("a", Seen::Everywhere),
        ("b", Seen::Missing),
    ];
    let events: Vec<Event> =
        events.iter().zip(1..).map(|((value, seen), line)| event(value, line, *seen)).collect();
    let account = Account::of(&events, &[letter("b", State::Dead, None)]);
    assert_eq!(account.fates, [Fate::InSinks, Fate::Dead, Fate::InSinks, Fate::Dead]);
    assert_eq!((account.repeats, &account.events_of), (2, &vec![vec![1, 3]]));
}

/// Each of two records that were refused has a letter. One letter does not stand for both.
#[test]
fn a_refused_record_needs_a_letter_of_its_own() {
    let events = [event("a", 1, Seen::Refused), event("a", 2, Seen::Refused)];
    let one = [letter("a", State::Discarded, None)];
    assert_eq!(Account::of(&events, &one).fates, [Fate::Discarded, Fate::NotFound]);
    let two = [letter("a", State::Discarded, None), letter("a", State::Dead, None)];
    assert_eq!(Account::of(&events, &two).fates, [Fate::Dead, Fate::Discarded]);
    // Two files with the same bytes have the same letters.
    let copy = Event { file: 1, ..event("a", 1, Seen::Refused) };
    let both = [event("a", 1, Seen::Refused), copy];
    assert_eq!(Account::of(&both, &one).fates, [Fate::Discarded; 2]);
}

#[test]
fn a_letter_is_known_by_bytes_or_by_its_place_too() {
    let unread = Event { fingerprint: None, ..event("a", 7, Seen::Refused) };
    let by_bytes = Letter {
        fingerprints: Vec::new(),
        digests: vec!["digest-a".to_owned()],
        ..letter("", State::Dead, None)
    };
    let by_place = Letter {
        fingerprints: Vec::new(),
        places: vec![(Place::Line(7), 10)],
        ..letter("", State::Dead, None)
    };
    let other =
        Letter { places: vec![(Place::Line(7), 11), (Place::Line(8), 10)], ..by_place.clone() };
    for (letter, fate) in [(by_bytes, Fate::Dead), (by_place, Fate::Dead), (other, Fate::NotFound)]
    {
        assert_eq!(Account::of(std::slice::from_ref(&unread), &[letter]).fates, [fate]);
    }
}

/// Every combination of three events, two of which are alike, and a letter of each value.
#[test]
fn the_parts_add_up_to_what_was_sent() {
    let mut tried = 0;
    for first in SEEN {
        for second in SEEN {
            for state in STATES {
                for other in STATES {
                    for seen in SEEN.map(Some).into_iter().chain([None]) {
                        let events =
                            [event("a", 1, first), event("a", 2, first), event("b", 3, second)];
                        let letters = [
                            letter("a", state, seen),
                            letter("b", other, None),
                            letter("c", state, None),
                        ];
                        for known in 0..=letters.len() {
                            let account = Account::of(&events, &letters[..known]);
                            let sum: u64 = Fate::ALL.iter().map(|fate| account.count(*fate)).sum();
                            assert_eq!((sum, account.fates.len()), (3, 3));
                            let lost = account.count(Fate::NotFound) + account.count(Fate::Unseen);
                            assert_eq!(account.is_accounted_for(), lost == 0);
                            assert!(account.repeats == 1 && account.mended <= 3);
                            tried += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(tried, 5 * 5 * 4 * 4 * 6 * 4);
}
