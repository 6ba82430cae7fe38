//! Discards, restores and releases letters of the store for operators.

use letters::{
    IndexWrite, IndexWritten, Indexed, LetterEvent, LetterIndex as _, LetterStateName, step_letter,
};
use runtime::AuditSubject;
use serde_json::{Value, json};

use crate::audited::Act;
use crate::function::{Asker, Redrive};
use crate::listings::Cursor;
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::{ActOnLetters, check_reason};

/// The number of letters that are changed at the same time.
const PART: usize = 500;

/// The outcome of a change of many letters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChangeCounts {
    pub(crate) changed: u64,
    /// Letters that were not changed, since others have changed them or their state does not allow it.
    pub(crate) left: u64,
    /// Letters of which it is not known whether they were changed.
    pub(crate) unknown: u64,
}

impl<P: Ports> Redrive<P> {
    /// Discards letters. They stay in the store until they expire, and can be restored until then.
    pub(crate) async fn discard(
        &self,
        asked: &ActOnLetters,
        asker: Asker<'_>,
    ) -> Result<Value, Problem> {
        let states = [LetterStateName::Dead, LetterStateName::Quarantined];
        self.act_on_letters("discard", asked, &states, &LetterEvent::Discard, asker).await
    }

    /// Undoes a discard.
    pub(crate) async fn restore(
        &self,
        asked: &ActOnLetters,
        asker: Asker<'_>,
    ) -> Result<Value, Problem> {
        self.act_on_letters(
            "restore",
            asked,
            &[LetterStateName::Discarded],
            &LetterEvent::Restore,
            asker,
        )
        .await
    }

    /// Lets quarantined letters be redriven once more.
    pub(crate) async fn release(
        &self,
        asked: &ActOnLetters,
        asker: Asker<'_>,
    ) -> Result<Value, Problem> {
        self.act_on_letters(
            "release",
            asked,
            &[LetterStateName::Quarantined],
            &LetterEvent::Release,
            asker,
        )
        .await
    }

    async fn act_on_letters(
        &self,
        verb: &str,
        asked: &ActOnLetters,
        states: &[LetterStateName],
        event: &LetterEvent,
        asker: Asker<'_>,
    ) -> Result<Value, Problem> {
        let why = check_reason(&asked.why)?;
        let mut asked = asked.clone();
        let shelf = asked.select.state.unwrap_or(states[0]);
        asked.select.state = Some(shelf);
        if !states.contains(&shelf) {
            let detail = format!("{verb} is for letters that are {}", names(states));
            return Err(Problem::new(ProblemKind::Illegal, detail));
        }
        if !asked.apply {
            let letters = self.count(&asked).await?;
            return Ok(json!({ "letters": letters, "applied": false }));
        }
        let selection = json!(asked.select).to_string();
        let act = Act { verb, subject: AuditSubject { kind: "letters", name: &selection }, why };
        let intent = self.intend(act, json!(null), asker).await?;
        let outcome = self.apply(&asked, event).await;
        self.conclude(intent, outcome).await
    }

    async fn count(&self, asked: &ActOnLetters) -> Result<u64, Problem> {
        let (now, mut cursor, mut letters) = (self.ports.now(), Cursor::START, 0);
        while let Some(chosen) = self.next_chosen(&asked.select, now, &mut cursor).await? {
            letters += chosen.len() as u64;
        }
        Ok(letters)
    }

    /// Changes the selected letters. A letter that others change in the meantime stays as they have changed it.
    async fn apply(&self, asked: &ActOnLetters, event: &LetterEvent) -> Result<Value, Problem> {
        let (now, mut cursor) = (self.ports.now(), Cursor::START);
        let mut counts = ChangeCounts::default();
        while let Some(chosen) = self.next_chosen(&asked.select, now, &mut cursor).await? {
            self.change_letters(&chosen, event, &mut counts).await;
        }
        let ChangeCounts { changed, left, unknown } = counts;
        if unknown > 0 {
            let detail = format!(
                "{changed} letters were changed; of {unknown} it is not known: look at them, and try again"
            );
            return Err(Problem::new(ProblemKind::Away, detail));
        }
        Ok(json!({ "letters": changed, "left": left, "applied": true }))
    }

    /// Applies an event to letters as they were read, and counts the outcomes.
    pub(crate) async fn change_letters(
        &self,
        letters: &[Indexed],
        event: &LetterEvent,
        counts: &mut ChangeCounts,
    ) {
        for part in letters.chunks(PART) {
            let writes: Vec<IndexWrite> = part.iter().filter_map(|it| change(it, event)).collect();
            counts.left += (part.len() - writes.len()) as u64;
            for written in self.ports.index().write(&writes, None).await {
                match written {
                    IndexWritten::Written => counts.changed += 1,
                    IndexWritten::Conflict(_) => counts.left += 1,
                    IndexWritten::Unknown(_) => counts.unknown += 1,
                }
            }
        }
    }
}

fn change(indexed: &Indexed, event: &LetterEvent) -> Option<IndexWrite> {
    let letter = step_letter(&indexed.letter, event.clone()).ok()?;
    let to = Indexed { entry: indexed.entry.clone(), letter };
    Some(IndexWrite { expected: Some(indexed.letter.version), to })
}

fn names(states: &[LetterStateName]) -> String {
    states.iter().map(|shelf| shelf.name()).collect::<Vec<_>>().join(" or ")
}
