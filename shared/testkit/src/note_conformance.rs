//! What every store of groups' notes, and of what is kept of triage, does.

use std::collections::BTreeSet;
use std::time::Duration;

use event::{Code, FailureFingerprint, Timestamp};
use letters::{
    ControlWritten, Controls, GroupNote, NOTE_FORMAT, NoteState, NoteWritten, Notes, TriageControl,
};

/// Runs the suite on empty stores from `fresh`; panics at the first case that fails.
pub async fn notes_conformance<S: Notes>(fresh: impl AsyncFn() -> S) {
    a_note_is_replaced_by_whoever_has_read_it(&fresh().await).await;
    all_notes_are_told(&fresh().await).await;
}

/// As [`notes_conformance`], of what is kept of triage.
pub async fn controls_conformance<S: Controls>(fresh: impl AsyncFn() -> S) {
    let store = &fresh().await;
    let (written, now) = (Ok(ControlWritten::Written), at(0));
    let conflict = |found: &TriageControl| Ok(ControlWritten::Conflict(Box::new(found.clone())));
    let step = |next: Option<TriageControl>| next.unwrap_or_else(|| panic!("it may be done"));
    let fresh = TriageControl::default();
    let (one, other) =
        (step(fresh.begin_round("a", now, now)), step(fresh.begin_round("b", now, now)));
    assert_eq!(store.read_control().await, Ok(None));
    assert!(store.replace_control(Some(1), &one).await.is_err(), "there is none");
    assert_eq!(store.replace_control(fresh.expected(), &one).await, written);
    assert_eq!(store.replace_control(fresh.expected(), &one).await, written, "a lost answer");
    assert_eq!(store.replace_control(fresh.expected(), &other).await, conflict(&one));
    let noisy = step(one.quieten("notify “ü”", now, Duration::from_secs(60)));
    let halted = step(one.with_halt("arn:aws:iam::1:user/ann", "“storm” ü", now));
    assert_eq!(store.replace_control(one.expected(), &noisy).await, written);
    assert_eq!(store.replace_control(one.expected(), &halted).await, conflict(&noisy));
    let halted = step(noisy.with_halt("arn:aws:iam::1:user/ann", "“storm” ü", now));
    assert_eq!(store.replace_control(noisy.expected(), &halted).await, written);
    assert_eq!(store.read_control().await, Ok(Some(halted)));
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_123 + seconds * 1_000)
}

fn note(stage: &str) -> GroupNote {
    GroupNote {
        note_format: NOTE_FORMAT,
        group: FailureFingerprint::of(stage, Code::KeyMissing, None, None, None),
        version: 1,
        state: NoteState::Acknowledged,
        until: None,
        by: "arn:aws:iam::1:user/ann".to_owned(),
        why: "“known” ü".to_owned(),
        at: at(0),
        letters: 7,
    }
}

async fn a_note_is_replaced_by_whoever_has_read_it<S: Notes>(store: &S) {
    let first = note("sink");
    let next = |state, until| GroupNote { version: 2, state, until, ..first.clone() };
    let (muted, other) =
        (next(NoteState::Muted, Some(at(60))), next(NoteState::Acknowledged, Some(at(90))));
    let written = Ok(NoteWritten::Written);
    let conflict = |note: &GroupNote| Ok(NoteWritten::Conflict(Box::new(note.clone())));
    assert_eq!(store.read_note(&first.group).await, Ok(None));
    assert!(store.replace_note(Some(1), &muted).await.is_err(), "there is none");
    assert_eq!(store.replace_note(None, &first).await, written);
    assert_eq!(store.replace_note(None, &first).await, written, "its answer was lost");
    assert_eq!(store.replace_note(None, &muted).await, conflict(&first));
    assert_eq!(store.replace_note(Some(1), &muted).await, written);
    assert_eq!(store.replace_note(Some(1), &other).await, conflict(&muted));
    assert_eq!(store.read_note(&first.group).await, Ok(Some(muted)));
    assert_eq!(store.read_note(&note("lake").group).await, Ok(None));
}

async fn all_notes_are_told<S: Notes>(store: &S) {
    assert_eq!(store.notes().await, Ok(vec![]));
    let all: Vec<GroupNote> = (0..120).map(|number| note(&format!("stage-{number}"))).collect();
    for note in &all {
        assert_eq!(store.replace_note(None, note).await, Ok(NoteWritten::Written));
    }
    let found = store.notes().await.unwrap_or_else(|failure| panic!("{failure}"));
    let groups = |notes: &[GroupNote]| -> BTreeSet<FailureFingerprint> {
        notes.iter().map(|note| note.group.clone()).collect()
    };
    assert_eq!((found.len(), groups(&found)), (all.len(), groups(&all)));
}
