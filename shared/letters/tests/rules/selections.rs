//! Which letters a selection includes.

use event::Code;
use serde_json::json;
use sluicegate_letters::{LetterState, LetterStateName, PointedValue, RunId, Selection};

use crate::{at, letter};

#[test]
fn each_member_lets_through_what_it_names_and_nothing_else() {
    let all = || Selection::default();
    let one = letter("a");
    let mut redriven = letter("b");
    redriven.letter.runs = vec![RunId("r-1".to_owned()), RunId("r-2".to_owned())];
    let group = one.entry.group.clone();
    for (selection, is_included) in [
        (all(), true),
        (Selection { letters: vec![one.entry.id.clone()], ..all() }, true),
        (Selection { letters: vec![redriven.entry.id.clone()], ..all() }, false),
        (Selection { stages: vec!["lake".to_owned(), "sink".to_owned()], ..all() }, true),
        (Selection { stages: vec!["lake".to_owned()], ..all() }, false),
        (Selection { groups: vec![group], ..all() }, true),
        (Selection { codes: vec![Code::Conflict], ..all() }, false),
        (Selection { codes: vec![Code::ContractViolation], ..all() }, true),
        (Selection { datasets: vec!["weather".to_owned()], ..all() }, false),
        (Selection { tenants: vec!["UA".to_owned()], ..all() }, true),
        (Selection { tenants: vec!["AA".to_owned()], ..all() }, false),
        (Selection { contract_versions: vec![2], ..all() }, false),
        (Selection { failed_from: Some(at(2_000)), ..all() }, true),
        (Selection { failed_from: Some(at(2_001)), ..all() }, false),
        (Selection { failed_before: Some(at(2_000)), ..all() }, false),
        (Selection { failed_before: Some(at(2_001)), ..all() }, true),
        (Selection { fewest_redrives: Some(1), ..all() }, false),
        (Selection { most_redrives: Some(0), ..all() }, true),
        (Selection { run: Some("r-1".to_owned()), ..all() }, false),
        (Selection { state: Some(LetterStateName::Quarantined), ..all() }, false),
        (
            Selection {
                stages: vec!["sink".to_owned()],
                datasets: vec!["weather".to_owned()],
                ..all()
            },
            false,
        ),
    ] {
        assert_eq!(selection.includes(&one), is_included, "{selection:?}");
    }
    assert!(Selection { run: Some("r-1".to_owned()), ..all() }.includes(&redriven));
    assert!(Selection { fewest_redrives: Some(2), ..all() }.includes(&redriven));
    assert!(!Selection { most_redrives: Some(1), ..all() }.includes(&redriven));
}

/// A letter that is not dead is included only if its state is asked for.
#[test]
fn a_letter_is_chosen_in_its_state() {
    let mut indexed = letter("a");
    for (state, shelf) in [
        (LetterState::Redriven { run: RunId("r".to_owned()) }, LetterStateName::Redriven),
        (LetterState::Quarantined, LetterStateName::Quarantined),
        (LetterState::Discarded, LetterStateName::Discarded),
    ] {
        indexed.letter.state = state;
        assert!(!Selection::default().includes(&indexed));
        assert!(Selection { state: Some(shelf), ..Selection::default() }.includes(&indexed));
    }
}

#[test]
fn a_payload_is_chosen_by_a_value_however_it_is_spelled() {
    let select = |pointer: &str, value| Selection {
        value: Some(PointedValue { pointer: pointer.to_owned(), value }),
        ..Selection::default()
    };
    let payload: serde_json::Value =
        serde_json::from_str(r#"{"a":{"b":1.50},"c":["x"],"n":null}"#).unwrap();
    for (pointer, value, is_included) in [
        ("/a/b", json!(1.5), true),
        ("/a/b", json!("1.5"), false),
        ("/c/0", json!("x"), true),
        ("/n", json!(null), true),
        ("/missing", json!(null), false),
    ] {
        assert_eq!(select(pointer, value).includes_payload(&payload), is_included, "{pointer}");
    }
    assert!(Selection::default().includes_payload(&payload));
}

/// A note is about all dead letters of a group. Therefore it matters whether a selection includes groups as a whole.
#[test]
fn by_what_makes_a_group_each_is_chosen_whole_and_by_all_else_in_part() {
    let all = || Selection::default();
    let letter = letter("a");
    for (selection, is_whole) in [
        (all(), true),
        (Selection { groups: vec![letter.entry.group.clone()], ..all() }, true),
        (Selection { stages: vec!["sink".to_owned()], ..all() }, true),
        (Selection { codes: vec![Code::Conflict], contract_versions: vec![1], ..all() }, true),
        (Selection { datasets: vec!["flights".to_owned()], ..all() }, true),
        (Selection { state: Some(LetterStateName::Dead), ..all() }, true),
        (Selection { state: Some(LetterStateName::Discarded), ..all() }, false),
        (Selection { letters: vec![letter.entry.id], ..all() }, false),
        (Selection { tenants: vec!["UA".to_owned()], ..all() }, false),
        (Selection { failed_from: Some(at(0)), ..all() }, false),
        (Selection { failed_before: Some(at(0)), ..all() }, false),
        (Selection { fewest_redrives: Some(1), ..all() }, false),
        (Selection { most_redrives: Some(1), ..all() }, false),
        (Selection { run: Some("r".to_owned()), ..all() }, false),
    ] {
        assert_eq!(selection.has_whole_groups(), is_whole, "{selection:?}");
    }
}
