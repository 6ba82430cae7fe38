//! Letters of one cause are counted as one group.

use event::{Code, FailureFingerprint};
use sluicegate_letters::{Groups, RunId};

use crate::{at, letter};

#[test]
fn letters_of_one_cause_are_one_group_whatever_their_values() {
    let mut groups = Groups::default();
    let mut late = letter("b");
    late.entry.last_failed_at = at(9_000);
    late.entry.reason = "the last".to_owned();
    let mut early = letter("c");
    early.entry.first_failed_at = at(1);
    early.letter.runs = vec![RunId("r".to_owned())];
    let mut other = letter("d");
    other.entry.code = Code::Conflict;
    other.entry.group =
        FailureFingerprint::of("sink", Code::Conflict, None, Some("flights"), Some(2));
    for indexed in [letter("a"), late.clone(), early, other] {
        groups.count(&indexed);
    }
    let ranked = groups.ranked();
    let counts: Vec<(u64, u64)> = ranked.iter().map(|it| (it.letters, it.came_back)).collect();
    assert_eq!(counts, [(3, 1), (1, 0)]);
    let first = &ranked[0];
    assert_eq!((first.first_failed_at, first.last_failed_at), (at(1), at(9_000)));
    assert_eq!((&first.example, first.reason.as_str()), (&late.entry.id, "the last"));
}
