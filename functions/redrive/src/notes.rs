//! The notes of operators on groups: a group is known, or nobody is notified of it for a while.

use event::{FailureFingerprint, Timestamp};
use letters::{
    Group, GroupNote, LONGEST_MUTE, NOTE_FORMAT, NoteState, NoteWritten, Notes as _, Selection,
};
use runtime::AuditSubject;
use serde_json::{Value, json};

use crate::audited::Act;
use crate::function::{Asker, Redrive};
use crate::listings::Cursor;
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::{Acknowledged, Muted, Unmuted, check_reason};

/// A note that an operator wants to write.
struct NewNote<'a> {
    verb: &'static str,
    group: &'a FailureFingerprint,
    state: NoteState,
    until: Option<Timestamp>,
    why: &'a str,
}

impl<P: Ports> Redrive<P> {
    pub(crate) async fn acknowledge(
        &self,
        asked: &Acknowledged,
        asker: Asker<'_>,
    ) -> Result<Value, Problem> {
        if let Some(until) = asked.until {
            check_until(until, self.ports.now())?;
        }
        let new = NewNote {
            verb: "acknowledge",
            group: &asked.group,
            state: NoteState::Acknowledged,
            until: asked.until,
            why: check_reason(&asked.why)?,
        };
        let letters = self.letters_to_note(&asked.group).await?;
        let before = self.ports.index().read_note(&asked.group).await?;
        self.note_group(new, letters, before, asker).await
    }

    pub(crate) async fn mute(&self, asked: &Muted, asker: Asker<'_>) -> Result<Value, Problem> {
        let now = self.ports.now();
        check_until(asked.until, now)?;
        if now.plus(LONGEST_MUTE) < asked.until {
            let days = LONGEST_MUTE.as_secs() / (24 * 60 * 60);
            return Err(Problem::malformed(format!(
                "`until` is {}, and a group is muted for {days} days at most",
                asked.until
            )));
        }
        let new = NewNote {
            verb: "mute",
            group: &asked.group,
            state: NoteState::Muted,
            until: Some(asked.until),
            why: check_reason(&asked.why)?,
        };
        let letters = self.letters_to_note(&asked.group).await?;
        let before = self.ports.index().read_note(&asked.group).await?;
        self.note_group(new, letters, before, asker).await
    }

    /// Ends a mute. The group is acknowledged then, since the operator knows of it.
    pub(crate) async fn unmute(&self, asked: &Unmuted, asker: Asker<'_>) -> Result<Value, Problem> {
        let why = check_reason(&asked.why)?;
        let before = self.ports.index().read_note(&asked.group).await?;
        if !before.as_ref().is_some_and(|note| note.is_muted(self.ports.now())) {
            let detail = format!("the group `{}` is not muted", asked.group);
            return Err(Problem::new(ProblemKind::Illegal, detail));
        }
        let new = NewNote {
            verb: "unmute",
            group: &asked.group,
            state: NoteState::Acknowledged,
            until: None,
            why,
        };
        let letters = self.letters_of_group(&asked.group).await?;
        self.note_group(new, letters, before, asker).await
    }

    async fn note_group(
        &self,
        new: NewNote<'_>,
        letters: u64,
        before: Option<GroupNote>,
        asker: Asker<'_>,
    ) -> Result<Value, Problem> {
        let NewNote { verb, group, state, until, why } = new;
        let expected = before.as_ref().map(|note| note.version);
        let note = GroupNote {
            note_format: NOTE_FORMAT,
            group: group.clone(),
            version: expected.unwrap_or(0) + 1,
            state,
            until,
            by: asker.operator.arn.clone(),
            why: why.to_owned(),
            at: self.ports.now(),
            letters,
        };
        let act = Act { verb, subject: AuditSubject { kind: "group", name: group.as_str() }, why };
        let intent = self.intend(act, json!({ "note": before }), asker).await?;
        let outcome = self.replace_note(expected, &note).await;
        self.conclude(intent, outcome.map(|()| json!({ "note": note }))).await
    }

    async fn replace_note(&self, expected: Option<u64>, note: &GroupNote) -> Result<(), Problem> {
        match self.ports.index().replace_note(expected, note).await? {
            NoteWritten::Written => Ok(()),
            NoteWritten::Conflict(found) => {
                let detail = format!(
                    "meanwhile {} has said of the group `{}` that it is {}: look at it, and try again",
                    found.by,
                    found.group,
                    state_name(found.state)
                );
                Err(Problem::new(ProblemKind::Contended, detail))
            }
        }
    }

    /// How many dead letters a group has. A group without any is refused as a mistake.
    async fn letters_to_note(&self, group: &FailureFingerprint) -> Result<u64, Problem> {
        match self.letters_of_group(group).await? {
            0 => {
                let detail = format!(
                    "no dead letter is of the group `{group}`; `dlq groups` shows which there are"
                );
                Err(Problem::unknown(detail))
            }
            letters => Ok(letters),
        }
    }

    async fn letters_of_group(&self, group: &FailureFingerprint) -> Result<u64, Problem> {
        let select = Selection { groups: vec![group.clone()], ..Selection::default() };
        let (now, mut cursor, mut letters) = (self.ports.now(), Cursor::START, 0);
        while let Some(chosen) = self.next_chosen(&select, now, &mut cursor).await? {
            letters += chosen.len() as u64;
        }
        Ok(letters)
    }

    /// Groups as they are shown, each with its note.
    pub(crate) async fn with_notes(
        &self,
        groups: &[Group],
        select: &Selection,
        now: Timestamp,
    ) -> Result<Vec<Value>, Problem> {
        let notes = self.ports.index().notes().await?;
        let mut views = Vec::with_capacity(groups.len());
        for group in groups {
            let note = notes.iter().find(|note| note.group == group.group);
            // For a part of a group, it is not known how much it has grown.
            let grown_by =
                note.filter(|_| select.has_whole_groups()).map(|note| note.grown_by(group.letters));
            let mut view = json!(group);
            view["note"] = json!(note);
            view["is_muted"] = json!(note.is_some_and(|note| note.is_muted(now)));
            view["grown_by"] = json!(grown_by);
            views.push(view);
        }
        Ok(views)
    }
}

fn check_until(until: Timestamp, now: Timestamp) -> Result<(), Problem> {
    if now < until {
        return Ok(());
    }
    Err(Problem::malformed(format!("`until` is {until}, which is over; now is {now}")))
}

fn state_name(state: NoteState) -> &'static str {
    match state {
        NoteState::Acknowledged => "acknowledged",
        NoteState::Muted => "muted",
    }
}
