//! The port to where dedupe records, and the effects that share a transaction with them, are.

use std::future::Future;
use std::time::Duration;

use event::{Code, Failure, Fingerprint, Timestamp};

use crate::{DedupeRecord, Owner, RecordId};

/// What is written together, or not at all. No two changes are of one record, no two effects of one
/// target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transaction<E> {
    pub changes: Vec<Change>,
    pub effects: Vec<E>,
}

/// One dedupe record's next state, provided that it is as it is expected to be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    pub id: RecordId,
    pub expected: Expected,
    /// `None` removes it.
    pub to: Option<DedupeRecord>,
}

/// What a change is conditional on: what was read, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expected {
    /// Absent, or expired by now.
    Free,
    /// In progress, and this owner's.
    Held(Owner),
}

impl Expected {
    /// Whether a record, as it is, lets the change happen.
    #[must_use]
    pub fn allows(&self, found: Option<&DedupeRecord>, now: Timestamp) -> bool {
        match (self, found) {
            (Self::Free, found) => found.is_none_or(|record| record.is_expired(now)),
            (Self::Held(owner), Some(DedupeRecord::InProgress(claim))) => claim.owner == *owner,
            (Self::Held(_), Some(DedupeRecord::Completed(_)) | None) => false,
        }
    }
}

/// An effect, as the protocol needs to know it.
pub trait Effect: Clone + Send + Sync {
    /// What it changes, where others may change it too; `None` where the key alone decides.
    fn target(&self) -> Option<&str>;

    /// Both in one, in any order, where they have one target.
    fn merge(&self, other: &Self) -> Merged<Self>
    where
        Self: Sized;

    /// Where the effect is its own dedupe record, so that it needs no change beside it.
    fn own_record(&self) -> Option<OwnRecord<'_>>;
}

/// What an effect says that is its own dedupe record, completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnRecord<'a> {
    pub id: &'a RecordId,
    pub fingerprint: &'a Fingerprint,
    /// From then on it counts as absent; `None` where that is never.
    pub expires_at: Option<Timestamp>,
}

/// Two effects on one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged<E> {
    /// One that does what both do.
    Both(E),
    /// The other one is newer, and leaves nothing of this one.
    Other,
    /// This one is newer, and leaves nothing of the other one.
    This,
    /// They need a transaction each, in the order of their delivery.
    Apart,
}

impl<E> Merged<E> {
    /// The same, of another kind of effect.
    #[must_use]
    pub fn map<F>(self, of: impl FnOnce(E) -> F) -> Merged<F> {
        match self {
            Self::Both(both) => Merged::Both(of(both)),
            Self::Other => Merged::Other,
            Self::This => Merged::This,
            Self::Apart => Merged::Apart,
        }
    }
}

/// Of a store whose effects are elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoEffect {}

impl Effect for NoEffect {
    fn target(&self) -> Option<&str> {
        match *self {}
    }

    fn merge(&self, _: &Self) -> Merged<Self> {
        match *self {}
    }

    fn own_record(&self) -> Option<OwnRecord<'_>> {
        match *self {}
    }
}

/// Why nothing of a transaction was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CommitError {
    /// Cancelled; a reason for each change and for each effect, in their order.
    Cancelled { changes: Vec<Reason>, effects: Vec<Reason> },
    /// The store will never take it as it is: something in it is at fault.
    Rejected { code: Code, reason: String },
    /// The store could not, and may later; whether it wrote is not known.
    Failed(Failure),
}

/// A change's or an effect's part in a cancellation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// None: it was cancelled with the others.
    Innocent,
    /// The dedupe record was not as expected, but this; or there is none.
    Found(Option<DedupeRecord>),
    /// The effect's target holds what is newer.
    Superseded,
    /// Another transaction held its item, or the store was busy.
    Contended,
}

/// A store that writes transactions, all or none.
pub trait Store: Send + Sync {
    type Effect: Effect;

    /// Writes the transaction, provided that each record is at `now` as it is expected to be.
    fn commit(
        &self,
        transaction: Transaction<Self::Effect>,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Lets time pass before what is contended is tried again.
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// The longest wait for what another transaction or invocation holds.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What one transaction may hold, and how often a contended one is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Changes and effects together.
    pub actions: usize,
    pub bytes: usize,
    pub contended_tries: u32,
}

impl Limits {
    /// `TransactWriteItems` takes 100 actions and 4 MB:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
    pub const DYNAMODB: Self = Self { actions: 100, bytes: 4_000_000, contended_tries: 3 };
}
