//! The ports to the store of letters, to the ledger of runs, and to what is stored besides: notes of groups and the
//! state of triage.

use std::future::Future;

use event::{Failure, FailureFingerprint};

use crate::{GroupNote, Indexed, Ledger, LetterId, LetterStateName, Place, RunId, TriageControl};

/// A letter to be written to the index, if the stored one has the expected version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexWrite {
    /// The version that must be stored; `None` if no such letter may be there yet.
    pub expected: Option<u64>,
    /// The letter to write.
    pub to: Indexed,
}

/// What came of an [`IndexWrite`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexWritten {
    /// It was written.
    Written,
    /// It was not written. The stored letter, which has another version, is this one.
    Conflict(Box<Indexed>),
    /// It is not known whether it was written. The letter has to be read again.
    Unknown(Failure),
}

/// Letters of one state and shard, in the order in which they were collected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterPage {
    /// The letters of this page.
    pub letters: Vec<Indexed>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<PagePosition>,
}

/// The letter behind which a page begins, by its key in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePosition {
    /// See [`Entry::sort_key`](crate::Entry::sort_key).
    pub sort_key: String,
    /// The id of the letter.
    pub id: LetterId,
}

/// The index of letters.
pub trait LetterIndex: Send + Sync {
    /// One answer for each letter, in their order; `None` if there is no such letter. The read is consistent: it sees
    /// all earlier writes.
    fn read(
        &self,
        letters: &[LetterId],
    ) -> impl Future<Output = Result<Vec<Option<Indexed>>, Failure>> + Send;

    /// One result for each write, in their order. If a run is given, each letter that is written is counted once, in
    /// the same step, as one that came back to that run.
    fn write(
        &self,
        writes: &[IndexWrite],
        came_back_to: Option<&RunId>,
    ) -> impl Future<Output = Vec<IndexWritten>> + Send;

    /// The letters of a shard that have this state, behind a position, at most 1 MB of them. The read is eventually
    /// consistent: writes of the last second may be missing. Each act on these letters is therefore conditional on the
    /// letter's version.
    fn page(
        &self,
        shelf: LetterStateName,
        shard: u8,
        after: Option<&PagePosition>,
    ) -> impl Future<Output = Result<LetterPage, Failure>> + Send;
}

/// The objects that hold letters' messages and plans.
pub trait LetterObjects: Send + Sync {
    /// Writes an object if there is none with this key. The answer is whether it was written.
    fn add(&self, key: &str, body: Vec<u8>) -> impl Future<Output = Result<bool, Failure>> + Send;

    /// The whole object; `None` if there is none.
    fn read(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, Failure>> + Send;

    /// A part of an object.
    fn read_part(&self, place: &Place) -> impl Future<Output = Result<Vec<u8>, Failure>> + Send;
}

/// The ledger of runs.
pub trait Runs: Send + Sync {
    /// A run with the number of letters that came back to it. The read is consistent; `None` if there is no such run.
    fn read_run(&self, run: &RunId)
    -> impl Future<Output = Result<Option<Ledger>, Failure>> + Send;

    /// The newest runs first, at most `most` of them.
    fn runs(&self, most: usize) -> impl Future<Output = Result<Vec<Ledger>, Failure>> + Send;

    /// Writes a run if the stored one has the expected version, or, for `None`, if there is none.
    fn replace_run(
        &self,
        expected: Option<u64>,
        to: &Ledger,
    ) -> impl Future<Output = Result<LedgerWritten, Failure>> + Send;
}

/// What came of a write to the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerWritten {
    /// It was written.
    Written,
    /// It was not written. The stored ledger, which has another version, is this one.
    Conflict(Box<Ledger>),
}

/// The notes of groups.
pub trait Notes: Send + Sync {
    /// All notes, in any order. The read is consistent.
    fn notes(&self) -> impl Future<Output = Result<Vec<GroupNote>, Failure>> + Send;

    /// The note of a group; `None` if it has none.
    fn read_note(
        &self,
        group: &FailureFingerprint,
    ) -> impl Future<Output = Result<Option<GroupNote>, Failure>> + Send;

    /// Writes a note if the stored note of the group has the expected version, or, for `None`, if there is none.
    fn replace_note(
        &self,
        expected: Option<u64>,
        to: &GroupNote,
    ) -> impl Future<Output = Result<NoteWritten, Failure>> + Send;
}

/// What came of a write of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteWritten {
    /// It was written.
    Written,
    /// It was not written. The stored note, which has another version, is this one.
    Conflict(Box<GroupNote>),
}

/// The stored state of triage.
pub trait Controls: Send + Sync {
    /// The stored state; `None` if it was never written. The read is consistent.
    fn read_control(&self) -> impl Future<Output = Result<Option<TriageControl>, Failure>> + Send;

    /// Writes the state if the stored one has the expected version, or, for `None`, if there is none.
    fn replace_control(
        &self,
        expected: Option<u64>,
        to: &TriageControl,
    ) -> impl Future<Output = Result<ControlWritten, Failure>> + Send;
}

/// What came of a write of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlWritten {
    /// It was written.
    Written,
    /// It was not written. The stored state, which has another version, is this one.
    Conflict(Box<TriageControl>),
}
