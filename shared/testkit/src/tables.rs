//! What a dedupe store holds, and what a transaction does to it: as a value, for the store in memory and
//! for model checks.

use std::collections::BTreeMap;

use dedupe::{
    Change, CommitError, Completed, DedupeRecord, Effect, ItemConflict, Merged, OwnRecord,
    RecordId, Transaction,
};
use event::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tables<E> {
    /// The dedupe records, expired ones too.
    pub records: BTreeMap<RecordId, DedupeRecord>,
    /// What is at each target.
    pub rows: BTreeMap<String, E>,
    /// The effects that were applied, in order.
    pub effects: Vec<E>,
}

impl<E> Default for Tables<E> {
    fn default() -> Self {
        Self { records: BTreeMap::new(), rows: BTreeMap::new(), effects: Vec::new() }
    }
}

impl<E: Effect> Tables<E> {
    /// Writes a transaction, all or none.
    ///
    /// # Errors
    /// [`CommitError::Cancelled`] when a record is not as it is expected to be, or an effect is older
    /// than what is at its target.
    pub fn commit(
        &mut self,
        transaction: Transaction<E>,
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let cancelled = self.cancel(&transaction, now, &ItemConflict::NotAtFault);
        if let CommitError::Cancelled { changes, effects } = &cancelled
            && changes.iter().chain(effects).any(|reason| *reason != ItemConflict::NotAtFault)
        {
            return Err(cancelled);
        }
        for Change { id, to, .. } in transaction.changes {
            match to {
                Some(record) => self.records.insert(id, record),
                None => self.records.remove(&id),
            };
        }
        for effect in transaction.effects {
            if let Some(OwnRecord { id, fingerprint, expires_at }) = effect.own_record() {
                let expires_at = expires_at.unwrap_or(Timestamp::from_unix_ms(i64::MAX));
                let fingerprint = fingerprint.clone();
                let completed = Completed { fingerprint, place: None, expires_at };
                self.records.insert(id.clone(), DedupeRecord::Completed(completed));
            }
            if let Some(target) = effect.target() {
                let row = match self.rows.get(target).map(|row| row.merge(&effect)) {
                    Some(Merged::Both(both)) => both,
                    Some(Merged::This | Merged::Other | Merged::Apart) | None => effect.clone(),
                };
                self.rows.insert(target.to_owned(), row);
            }
            self.effects.push(effect);
        }
        Ok(())
    }

    /// The cancellation with which a transaction would end in which everything else has the reason
    /// `free`.
    #[must_use]
    pub fn cancel(
        &self,
        transaction: &Transaction<E>,
        now: Timestamp,
        free: &ItemConflict,
    ) -> CommitError {
        let change = |change: &Change| {
            let found = self.records.get(&change.id);
            let is_allowed = change.expected.allows(found, now);
            if is_allowed { free.clone() } else { ItemConflict::Found(found.cloned()) }
        };
        let effect = |effect: &E| {
            let own = effect.own_record().and_then(|own| self.records.get(own.id));
            let own = own.filter(|record| !record.is_expired(now));
            let row = effect.target().and_then(|target| self.rows.get(target));
            match (own, row.map(|row| row.merge(effect))) {
                (Some(record), _) => ItemConflict::Found(Some(record.clone())),
                (None, Some(Merged::This)) => ItemConflict::Superseded,
                (None, Some(Merged::Both(_) | Merged::Other | Merged::Apart) | None) => {
                    free.clone()
                }
            }
        };
        CommitError::Cancelled {
            changes: transaction.changes.iter().map(change).collect(),
            effects: transaction.effects.iter().map(effect).collect(),
        }
    }
}
