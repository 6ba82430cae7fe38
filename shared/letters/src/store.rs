//! What is needed of the store of letters, of the ledger of runs, and of what is kept besides both.

use std::future::Future;

use event::{Failure, FailureFingerprint};

use crate::{GroupNote, Indexed, Ledger, LetterId, LetterStateName, Place, RunId, TriageControl};

/// A change of the index: the letter as it will be, provided that what is there is of the expected version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexWrite {
    /// `None`: nothing is there yet.
    pub expected: Option<u64>,
    pub to: Indexed,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexWritten {
    Written,
    /// It was this instead.
    Conflict(Box<Indexed>),
    /// Nobody knows: read it again.
    Unknown(Failure),
}

/// Letters of one shelf and shard, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterPage {
    pub letters: Vec<Indexed>,
    /// Where the next page begins; `None`: this was the last one.
    pub next: Option<PagePosition>,
}

/// Behind which letter of a shelf's shard a page begins: its key in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePosition {
    /// When it was collected, and its id, as the index sorts them.
    pub sort_key: String,
    pub id: LetterId,
}

/// The index of letters.
pub trait LetterIndex: Send + Sync {
    /// One answer for each, in their order; `None` where there is none. What was written before is seen.
    fn read(
        &self,
        letters: &[LetterId],
    ) -> impl Future<Output = Result<Vec<Option<Indexed>>, Failure>> + Send;

    /// One result for each, in their order. With a run, what is written is counted as come back to that run, each
    /// letter once, in the same step.
    fn write(
        &self,
        writes: &[IndexWrite],
        came_back_to: Option<&RunId>,
    ) -> impl Future<Output = Vec<IndexWritten>> + Send;

    /// The letters of a shelf's shard behind a position, at most 1 MB of them. What was written in the last second
    /// may not be seen: what is done by it is conditional on each letter's version.
    fn page(
        &self,
        shelf: LetterStateName,
        shard: u8,
        after: Option<&PagePosition>,
    ) -> impl Future<Output = Result<LetterPage, Failure>> + Send;
}

/// The objects that letters' messages, and plans, are in.
pub trait LetterObjects: Send + Sync {
    /// Writes an object where none is; whether none was.
    fn add(&self, key: &str, body: Vec<u8>) -> impl Future<Output = Result<bool, Failure>> + Send;

    /// An object whole; `None` where there is none.
    fn read(&self, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, Failure>> + Send;

    /// A part of an object.
    fn read_part(&self, place: &Place) -> impl Future<Output = Result<Vec<u8>, Failure>> + Send;
}

/// The ledger of runs.
pub trait Runs: Send + Sync {
    /// What was written before is seen; with how many letters came back to it.
    fn read_run(&self, run: &RunId)
    -> impl Future<Output = Result<Option<Ledger>, Failure>> + Send;

    /// The newest first, at most so many.
    fn runs(&self, most: usize) -> impl Future<Output = Result<Vec<Ledger>, Failure>> + Send;

    /// Provided that the run there is of this version; `None`: that there is none.
    fn replace_run(
        &self,
        expected: Option<u64>,
        to: &Ledger,
    ) -> impl Future<Output = Result<LedgerWritten, Failure>> + Send;
}

/// What became of a write of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerWritten {
    Written,
    /// It was this instead.
    Conflict(Box<Ledger>),
}

/// The notes of groups.
pub trait Notes: Send + Sync {
    /// All of them, in any order. What was written before is seen.
    fn notes(&self) -> impl Future<Output = Result<Vec<GroupNote>, Failure>> + Send;

    /// The note of a group.
    fn read_note(
        &self,
        group: &FailureFingerprint,
    ) -> impl Future<Output = Result<Option<GroupNote>, Failure>> + Send;

    /// Provided that the group's note is of this version; `None`: that there is none.
    fn replace_note(
        &self,
        expected: Option<u64>,
        to: &GroupNote,
    ) -> impl Future<Output = Result<NoteWritten, Failure>> + Send;
}

/// What became of a write of a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteWritten {
    Written,
    /// It was this instead.
    Conflict(Box<GroupNote>),
}

/// What is kept of triage.
pub trait Controls: Send + Sync {
    /// What was written before is seen; `None`: nothing was yet.
    fn read_control(&self) -> impl Future<Output = Result<Option<TriageControl>, Failure>> + Send;

    /// Provided that what is there is of this version; `None`: that nothing is.
    fn replace_control(
        &self,
        expected: Option<u64>,
        to: &TriageControl,
    ) -> impl Future<Output = Result<ControlWritten, Failure>> + Send;
}

/// What became of a write of the control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlWritten {
    Written,
    /// It was this instead.
    Conflict(Box<TriageControl>),
}
