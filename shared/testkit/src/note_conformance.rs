//! The conformance suites of the ports for the notes of groups, and for the state of triage.

use std::collections::BTreeSet;
use std::time::Duration;

use event::{Code, Failure, FailureFingerprint, Timestamp};
use letters::{
    ControlWritten, Controls, GroupNote, NOTE_FORMAT, NoteState, NoteWritten, Notes, TriageControl,
};

/// Runs every case of the suite for notes, each on an empty store from `fresh`.
///
/// # Panics
/// At the first case that fails.
pub async fn notes_conformance<S: Notes>(fresh: impl AsyncFn() -> S) {
    a_note_is_replaced_by_whoever_has_read_it(&fresh().await).await;
    all_notes_are_told(&fresh().await).await;
}

/// The control after a step that must be allowed.
fn allowed(next: Option<TriageControl>) -> TriageControl {
    next.unwrap_or_else(|| panic!("the step is not allowed"))
}

fn control_conflict(found: &TriageControl) -> Result<ControlWritten, Failure> {
    Ok(ControlWritten::Conflict(Box::new(found.clone())))
}

/// Runs the suite for the state of triage on an empty store from `fresh`.
///
/// # Panics
/// At the first case that fails.
pub async fn controls_conformance<S: Controls>(fresh: impl AsyncFn() -> S) {
    let store = &fresh().await;
    let (written, now) = (Ok(ControlWritten::Written), at(0));
    let fresh = TriageControl::default();
    let one = allowed(fresh.begin_round("a", now, now));
    let other = allowed(fresh.begin_round("b", now, now));
    assert_eq!(store.read_control().await, Ok(None));
    assert!(store.replace_control(Some(1), &one).await.is_err(), "there is none");
    assert_eq!(store.replace_control(fresh.expected(), &one).await, written);
    assert_eq!(store.replace_control(fresh.expected(), &one).await, written, "a lost answer");
    assert_eq!(store.replace_control(fresh.expected(), &other).await, control_conflict(&one));
    let noisy = allowed(one.quieten("notify “ü”", now, Duration::from_secs(60)));
    let halted = allowed(one.with_halt("arn:aws:iam::1:user/ann", "“storm” ü", now));
    assert_eq!(store.replace_control(one.expected(), &noisy).await, written);
    assert_eq!(store.replace_control(one.expected(), &halted).await, control_conflict(&noisy));
    let halted = allowed(noisy.with_halt("arn:aws:iam::1:user/ann", "“storm” ü", now));
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

fn note_conflict(note: &GroupNote) -> Result<NoteWritten, Failure> {
    Ok(NoteWritten::Conflict(Box::new(note.clone())))
}

async fn a_note_is_replaced_by_whoever_has_read_it<S: Notes>(store: &S) {
    let first = note("sink");
    let second = GroupNote { version: 2, ..first.clone() };
    let muted = GroupNote { state: NoteState::Muted, until: Some(at(60)), ..second.clone() };
    let other = GroupNote { state: NoteState::Acknowledged, until: Some(at(90)), ..second };
    let written = Ok(NoteWritten::Written);
    assert_eq!(store.read_note(&first.group).await, Ok(None));
    assert!(store.replace_note(Some(1), &muted).await.is_err(), "there is none");
    assert_eq!(store.replace_note(None, &first).await, written);
    assert_eq!(store.replace_note(None, &first).await, written, "its answer was lost");
    assert_eq!(store.replace_note(None, &muted).await, note_conflict(&first));
    assert_eq!(store.replace_note(Some(1), &muted).await, written);
    assert_eq!(store.replace_note(Some(1), &other).await, note_conflict(&muted));
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
    assert_eq!((found.len(), groups(&found)), (all.len(), groups(&all)));
}

fn groups(notes: &[GroupNote]) -> BTreeSet<FailureFingerprint> {
    notes.iter().map(|note| note.group.clone()).collect()
}
