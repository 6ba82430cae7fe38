//! A letter store in memory, which a test can make fail.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use event::{Code, Failure, FailureFingerprint};
use letters::{
    ControlWritten, Controls, GroupNote, IndexWrite, IndexWritten, Indexed, Ledger, LedgerWritten,
    LetterId, LetterIndex, LetterObjects, LetterPage, LetterStateName, NoteWritten, Notes,
    PagePosition, Place, RunId, Runs, TriageControl,
};

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterFault {
    /// The call succeeds.
    None,
    /// The call does not take effect, and fails.
    NoEffect,
    /// The call takes effect, and its answer is lost.
    Lost,
}

/// The number of letters that one call of the index writes. Each of these calls can fail by itself.
const WRITTEN_AT_ONCE: usize = 3;

/// The number of letters in a page.
const PAGE: usize = 2;

/// A letter store whose clones share one state. Each call yields first, so that the calls of two callers alternate.
#[derive(Clone, Debug, Default)]
pub struct MemoryLetters(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    letters: BTreeMap<LetterId, Indexed>,
    objects: BTreeMap<String, Vec<u8>>,
    runs: BTreeMap<RunId, Ledger>,
    came_back: BTreeMap<RunId, u64>,
    notes: BTreeMap<FailureFingerprint, GroupNote>,
    control: Option<TriageControl>,
    faults: VecDeque<LetterFault>,
}

impl MemoryLetters {
    /// Sets how the next calls fail. The calls after them succeed.
    pub fn fail(&self, faults: impl IntoIterator<Item = LetterFault>) {
        self.state().faults.extend(faults);
    }

    /// Makes all later calls succeed.
    pub fn mend(&self) {
        self.state().faults.clear();
    }

    /// The letters of the index.
    #[must_use]
    pub fn letters(&self) -> BTreeMap<LetterId, Indexed> {
        self.state().letters.clone()
    }

    /// The objects, by their keys.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.state().objects.clone()
    }

    /// How many letters came back to each run.
    #[must_use]
    pub fn came_back(&self) -> BTreeMap<RunId, u64> {
        self.state().came_back.clone()
    }

    /// Writes an object, even over another one, which no function does.
    pub fn put_anyway(&self, key: &str, body: Vec<u8>) {
        self.state().objects.insert(key.to_owned(), body);
    }

    /// Removes a letter, as DynamoDB does when it expires.
    pub fn expire(&self, letter: &LetterId) {
        self.state().letters.remove(letter);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one call of the store: yields, and then applies the effect unless the call is to fail.
    async fn call<T>(&self, effect: impl FnOnce(&mut State) -> T) -> Result<T, Failure> {
        let mut has_waited = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut has_waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        let mut state = self.state();
        match state.faults.pop_front().unwrap_or(LetterFault::None) {
            LetterFault::None => Ok(effect(&mut state)),
            LetterFault::NoEffect => Err(away()),
            LetterFault::Lost => {
                effect(&mut state);
                Err(away())
            }
        }
    }
}

fn away() -> Failure {
    Failure::transient(Code::DependencyUnavailable, "told to be away")
}

/// The failure of a write that replaces something that is missing.
fn nothing_to_replace(reason: &'static str) -> Failure {
    Failure::permanent(Code::DependencyRefused, reason)
}

impl State {
    fn write(&mut self, write: &IndexWrite, came_back_to: Option<&RunId>) -> IndexWritten {
        let id = &write.to.entry.id;
        let found = self.letters.get(id);
        match (found, write.expected) {
            (None, None) => {}
            (Some(found), Some(version)) if found.letter.version == version => {}
            (Some(found), _) if *found == write.to => return IndexWritten::Written,
            (Some(found), _) => return IndexWritten::Conflict(Box::new(found.clone())),
            (None, Some(_)) => {
                return IndexWritten::Unknown(nothing_to_replace("the letter is gone"));
            }
        }
        self.letters.insert(id.clone(), write.to.clone());
        if let Some(run) = came_back_to {
            *self.came_back.entry(run.clone()).or_default() += 1;
        }
        IndexWritten::Written
    }

    fn ledger(&self, ledger: &Ledger) -> Ledger {
        let came_back = self.came_back.get(&ledger.id).copied().unwrap_or(0);
        Ledger { came_back, ..ledger.clone() }
    }
}

impl LetterIndex for MemoryLetters {
    async fn read(&self, letters: &[LetterId]) -> Result<Vec<Option<Indexed>>, Failure> {
        self.call(|state| letters.iter().map(|id| state.letters.get(id).cloned()).collect()).await
    }

    async fn write(
        &self,
        writes: &[IndexWrite],
        came_back_to: Option<&RunId>,
    ) -> Vec<IndexWritten> {
        let mut results = Vec::with_capacity(writes.len());
        for chunk in writes.chunks(WRITTEN_AT_ONCE) {
            let written: Result<Vec<IndexWritten>, Failure> = self
                .call(|state| chunk.iter().map(|it| state.write(it, came_back_to)).collect())
                .await;
            match written {
                Ok(written) => results.extend(written),
                Err(failure) => {
                    results.extend(chunk.iter().map(|_| IndexWritten::Unknown(failure.clone())));
                }
            }
        }
        results
    }

    async fn page(
        &self,
        shelf: LetterStateName,
        shard: u8,
        after: Option<&PagePosition>,
    ) -> Result<LetterPage, Failure> {
        self.call(|state| {
            let mut all: Vec<(PagePosition, &Indexed)> = Vec::new();
            for (id, indexed) in &state.letters {
                if indexed.letter.state.shelf() == shelf && id.shard() == shard {
                    let sort_key = format!("{}#{}", indexed.entry.collected_at, id.0);
                    all.push((PagePosition { sort_key, id: id.clone() }, indexed));
                }
            }
            all.retain(|(at, _)| after.is_none_or(|after| at.sort_key > after.sort_key));
            all.sort_by(|(one, _), (other, _)| one.sort_key.cmp(&other.sort_key));
            let is_last = all.len() <= PAGE;
            all.truncate(PAGE);
            let next = all.last().map(|(at, _)| at.clone()).filter(|_| !is_last);
            let letters = all.into_iter().map(|(_, indexed)| indexed.clone()).collect();
            LetterPage { letters, next }
        })
        .await
    }
}

impl LetterObjects for MemoryLetters {
    async fn add(&self, key: &str, body: Vec<u8>) -> Result<bool, Failure> {
        self.call(|state| {
            let is_new = !state.objects.contains_key(key);
            if is_new {
                state.objects.insert(key.to_owned(), body);
            }
            is_new
        })
        .await
    }

    async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.call(|state| state.objects.get(key).cloned()).await
    }

    async fn read_part(&self, place: &Place) -> Result<Vec<u8>, Failure> {
        let part = self.call(|state| {
            let object = state.objects.get(&place.object)?;
            let from = usize::try_from(place.offset).ok()?;
            let to = from.checked_add(usize::try_from(place.length).ok()?)?;
            object.get(from..to).map(<[u8]>::to_vec)
        });
        part.await?.ok_or_else(|| Failure::permanent(Code::InputNotFound, "there is no such part"))
    }
}

impl Runs for MemoryLetters {
    async fn read_run(&self, run: &RunId) -> Result<Option<Ledger>, Failure> {
        self.call(|state| state.runs.get(run).map(|ledger| state.ledger(ledger))).await
    }

    async fn runs(&self, most: usize) -> Result<Vec<Ledger>, Failure> {
        self.call(|state| {
            state.runs.values().rev().take(most).map(|ledger| state.ledger(ledger)).collect()
        })
        .await
    }

    async fn replace_run(
        &self,
        expected: Option<u64>,
        to: &Ledger,
    ) -> Result<LedgerWritten, Failure> {
        let to = Ledger { came_back: 0, ..to.clone() };
        let replaced = self.call(|state| {
            let found = state.runs.get(&to.id);
            match found {
                Some(found) if *found == to => return Some(LedgerWritten::Written),
                Some(found) if Some(found.run.version) != expected => {
                    return Some(LedgerWritten::Conflict(Box::new(state.ledger(found))));
                }
                None if expected.is_some() => return None,
                _ => {}
            }
            state.runs.insert(to.id.clone(), to.clone());
            Some(LedgerWritten::Written)
        });
        replaced.await?.ok_or_else(|| nothing_to_replace("there is no run to replace"))
    }
}

impl Notes for MemoryLetters {
    async fn notes(&self) -> Result<Vec<GroupNote>, Failure> {
        self.call(|state| state.notes.values().cloned().collect()).await
    }

    async fn read_note(&self, group: &FailureFingerprint) -> Result<Option<GroupNote>, Failure> {
        self.call(|state| state.notes.get(group).cloned()).await
    }

    async fn replace_note(
        &self,
        expected: Option<u64>,
        to: &GroupNote,
    ) -> Result<NoteWritten, Failure> {
        let replaced = self.call(|state| {
            match state.notes.get(&to.group) {
                Some(found) if found == to => return Some(NoteWritten::Written),
                Some(found) if Some(found.version) != expected => {
                    return Some(NoteWritten::Conflict(Box::new(found.clone())));
                }
                None if expected.is_some() => return None,
                _ => {}
            }
            state.notes.insert(to.group.clone(), to.clone());
            Some(NoteWritten::Written)
        });
        replaced.await?.ok_or_else(|| nothing_to_replace("there is no note to replace"))
    }
}

impl Controls for MemoryLetters {
    async fn read_control(&self) -> Result<Option<TriageControl>, Failure> {
        self.call(|state| state.control.clone()).await
    }

    async fn replace_control(
        &self,
        expected: Option<u64>,
        to: &TriageControl,
    ) -> Result<ControlWritten, Failure> {
        let replaced = self.call(|state| {
            match &state.control {
                Some(found) if found == to => return Some(ControlWritten::Written),
                Some(found) if Some(found.version) != expected => {
                    return Some(ControlWritten::Conflict(Box::new(found.clone())));
                }
                None if expected.is_some() => return None,
                _ => {}
            }
            state.control = Some(to.clone());
            Some(ControlWritten::Written)
        });
        replaced.await?.ok_or_else(|| nothing_to_replace("there is none to replace"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        controls_conformance, letter_index_conformance, letter_objects_conformance,
        notes_conformance, runs_conformance,
    };

    #[tokio::test]
    async fn the_store_in_memory_passes_the_suites_of_its_ports() {
        letter_index_conformance(async || MemoryLetters::default()).await;
        letter_objects_conformance(async || MemoryLetters::default()).await;
        runs_conformance(async || MemoryLetters::default()).await;
        notes_conformance(async || MemoryLetters::default()).await;
        controls_conformance(async || MemoryLetters::default()).await;
    }

    #[tokio::test]
    async fn what_is_told_to_fail_fails_with_its_effect_or_without() {
        let store = MemoryLetters::default();
        store.fail([LetterFault::NoEffect, LetterFault::Lost, LetterFault::None]);
        assert!(store.add("a", vec![1]).await.is_err());
        assert!(store.objects().is_empty());
        assert!(store.add("a", vec![1]).await.is_err());
        assert_eq!(store.add("a", vec![2]).await, Ok(false));
        assert_eq!(store.objects()["a"], [1]);
    }
}
