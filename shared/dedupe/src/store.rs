//! The port to the store that has the dedupe records, and the effects that share a transaction with them.

use std::future::Future;
use std::time::Duration;

use event::{Backoff, Code, Failure, Fingerprint, Timestamp};

use crate::{DedupeRecord, Owner, RecordId};

/// Changes and effects that are written together or not at all. No two changes are of one record, and no
/// two effects have one target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transaction<E> {
    /// The changes of dedupe records.
    pub changes: Vec<Change>,
    /// The effects that are written with them.
    pub effects: Vec<E>,
}

/// The next state of one dedupe record, on the condition that the record is as expected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The record to change.
    pub id: RecordId,
    /// The condition.
    pub expected: Expected,
    /// The next state. `None` removes the record.
    pub to: Option<DedupeRecord>,
}

/// The condition of a change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expected {
    /// The record is absent or has expired.
    Free,
    /// The record is in progress, and this owner holds it.
    Held(Owner),
}

impl Expected {
    /// Whether the change may be made when this record is found.
    #[must_use]
    pub fn allows(&self, found: Option<&DedupeRecord>, now: Timestamp) -> bool {
        match (self, found) {
            (Self::Free, found) => found.is_none_or(|record| record.is_expired(now)),
            (Self::Held(owner), Some(DedupeRecord::InProgress(claim))) => claim.owner == *owner,
            (Self::Held(_), Some(DedupeRecord::Completed(_)) | None) => false,
        }
    }
}

/// An effect, as far as the protocol needs to know it.
pub trait Effect: Clone + Send + Sync {
    /// The item that the effect changes, if effects of other keys may change it too. `None` if no other
    /// key changes it.
    fn target(&self) -> Option<&str>;

    /// Merges two effects with the same target. The order in which they are merged does not matter.
    fn merge(&self, other: &Self) -> Merged<Self>
    where
        Self: Sized;

    /// The dedupe record that the effect itself contains, if it does. Such an effect needs no separate
    /// change of a dedupe record.
    fn own_record(&self) -> Option<OwnRecord<'_>>;
}

/// The completed dedupe record that an effect contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnRecord<'a> {
    /// The sink and the key.
    pub id: &'a RecordId,
    /// The payload that took effect.
    pub fingerprint: &'a Fingerprint,
    /// From this time on the record counts as absent. `None` if it never expires.
    pub expires_at: Option<Timestamp>,
}

/// The result of merging two effects on one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged<E> {
    /// One effect that does what both do.
    Both(E),
    /// The other effect is newer, and replaces this one.
    Other,
    /// This effect is newer, and replaces the other one.
    This,
    /// They cannot be merged. Each needs a transaction of its own, in the order of their delivery.
    Apart,
}

impl<E> Merged<E> {
    /// Converts a merged effect to another type.
    #[must_use]
    pub fn map<F>(self, convert: impl FnOnce(E) -> F) -> Merged<F> {
        match self {
            Self::Both(both) => Merged::Both(convert(both)),
            Self::Other => Merged::Other,
            Self::This => Merged::This,
            Self::Apart => Merged::Apart,
        }
    }
}

/// The effect type of a store that has dedupe records only.
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

/// Why a transaction was not written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CommitError {
    /// A condition did not hold. There is one reason for each change and for each effect, in their order.
    Cancelled {
        /// The reason for each change.
        changes: Vec<ItemConflict>,
        /// The reason for each effect.
        effects: Vec<ItemConflict>,
    },
    /// The store will never accept this transaction, because something in it is invalid.
    Rejected {
        /// The code of the failure of the events in it.
        code: Code,
        /// What the store refused, without a value of the payload.
        reason: String,
    },
    /// The store failed, and may succeed later. Whether it wrote the transaction is not known.
    Failed(Failure),
}

/// Why one change or effect made the store cancel its transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ItemConflict {
    /// Its condition held. It was cancelled because of another one.
    NotAtFault,
    /// The dedupe record was not as expected. This is the record that was found, if there was one.
    Found(Option<DedupeRecord>),
    /// The target of the effect already has newer content.
    Superseded,
    /// Another transaction held the item, or the store was busy.
    Contended,
}

/// A store that writes a transaction completely or not at all.
pub trait Store: Send + Sync {
    /// What the store writes together with dedupe records; [`NoEffect`] if it has records only.
    type Effect: Effect;

    /// Writes the transaction if each record is, at `now`, as its change expects.
    fn commit(
        &self,
        transaction: Transaction<Self::Effect>,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Waits before another try.
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// The waits for an item that another transaction or invocation holds.
pub(crate) const BACKOFF: Backoff = Backoff::for_contention(Duration::from_secs(1));

/// The size of a transaction, and the number of tries when others hold its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The number of changes and effects together.
    pub actions: usize,
    /// The size of all items of a transaction together, in bytes.
    pub bytes: usize,
    /// How many rounds in a row may settle nothing, because others hold the items, before the batch gives up.
    pub contended_tries: u32,
}

impl Limits {
    /// DynamoDB's `TransactWriteItems` takes 100 actions and 4 MB:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
    pub const DYNAMODB: Self = Self { actions: 100, bytes: 4_000_000, contended_tries: 3 };
}
