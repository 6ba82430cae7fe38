//! The state of a dedupe store as a value, and what a transaction does to it. The store in memory and model checks use
//! it.

use std::collections::BTreeMap;

use dedupe::{
    Change, CommitError, Completed, DedupeRecord, Effect, ItemConflict, Merged, OwnRecord,
    RecordId, Transaction,
};
use event::Timestamp;

/// The content of a dedupe store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tables<E> {
    /// All dedupe records, with the expired ones.
    pub records: BTreeMap<RecordId, DedupeRecord>,
    /// The effect at each target: the newest one, or all of them merged.
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
    /// Writes a transaction as a whole or not at all.
    ///
    /// # Errors
    /// [`CommitError::Cancelled`] when a record is not as expected, or an effect is older than the one at its target.
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

    /// The cancellation of a transaction, with the reason of each part that does not fit. All other parts have the
    /// reason `free`.
    #[must_use]
    pub fn cancel(
        &self,
        transaction: &Transaction<E>,
        now: Timestamp,
        free: &ItemConflict,
    ) -> CommitError {
        let mut changes = Vec::with_capacity(transaction.changes.len());
        for change in &transaction.changes {
            changes.push(self.change_conflict(change, now).unwrap_or_else(|| free.clone()));
        }
        let mut effects = Vec::with_capacity(transaction.effects.len());
        for effect in &transaction.effects {
            effects.push(self.effect_conflict(effect, now).unwrap_or_else(|| free.clone()));
        }
        CommitError::Cancelled { changes, effects }
    }

    /// Why a change cannot be written; `None` if it can.
    fn change_conflict(&self, change: &Change, now: Timestamp) -> Option<ItemConflict> {
        let found = self.records.get(&change.id);
        let is_allowed = change.expected.allows(found, now);
        (!is_allowed).then(|| ItemConflict::Found(found.cloned()))
    }

    /// Why an effect cannot be written; `None` if it can.
    fn effect_conflict(&self, effect: &E, now: Timestamp) -> Option<ItemConflict> {
        let own = effect.own_record().and_then(|own| self.records.get(own.id));
        if let Some(record) = own.filter(|record| !record.is_expired(now)) {
            return Some(ItemConflict::Found(Some(record.clone())));
        }
        let row = effect.target().and_then(|target| self.rows.get(target))?;
        matches!(row.merge(effect), Merged::This).then_some(ItemConflict::Superseded)
    }
}
