//! Sinks whose effects share a transaction with their dedupe records.

use std::sync::Mutex;

use contracts::Catalog;
use dedupe::transactional::{Write, write_once_with};
use dedupe::{Effect, Limits, Recent, Store};
use event::Failure;

use super::{Event, Own, Prepared, RECENT_KEYS, is_custom, settle_events, to_write};
use crate::{Deadline, Done, Record, Stage};

/// What a function knows of its sinks.
pub trait TransactionalSink: Send + Sync {
    /// As dead letters and logs name the stage, and contracts a sink of one's own.
    const NAME: &'static str;

    type Effect: Effect;

    /// Whether a contract's sink is one of this function's. By default those of kind `custom` that name
    /// it.
    fn is_own(&self, sink: &contracts::Sink) -> bool {
        is_custom(sink, Self::NAME)
    }

    /// What an event does, and what that and its dedupe record count towards the store's limit on a
    /// transaction, in bytes.
    ///
    /// # Errors
    /// Permanent: what cannot be done of this event.
    fn effect(
        &self,
        event: &Event<'_>,
        sink: &contracts::Sink,
    ) -> Result<(Self::Effect, usize), Failure>;
}

/// The stage that writes them.
pub struct Transactional<K, S> {
    own: Own,
    sink: K,
    store: S,
    /// What this environment wrote, from one invocation to the next.
    recent: Mutex<Recent>,
}

impl<K: TransactionalSink, S> Transactional<K, S> {
    #[must_use]
    pub fn new(contracts: Catalog, sink: K, store: S) -> Self {
        let own = Own::of(contracts, |each| sink.is_own(each));
        Self { own, sink, store, recent: Mutex::new(Recent::new(RECENT_KEYS)) }
    }
}

impl<K, S> Stage for Transactional<K, S>
where
    K: TransactionalSink,
    S: Store<Effect = K::Effect>,
{
    const NAME: &'static str = K::NAME;

    type Prepared = Prepared<Write<K::Effect>>;

    async fn prepare(
        &self,
        record: &Record,
        deadline: &Deadline,
    ) -> Result<Self::Prepared, Failure> {
        let (event, sinks) = self.own.read(K::NAME, record, deadline.now())?;
        let write = |sink: &contracts::Sink| {
            let (effect, bytes) = self.sink.effect(&event, sink)?;
            Ok(Write {
                id: event.id(sink),
                fingerprint: event.envelope.fingerprint.clone(),
                expires_at: event.expires_at,
                effect,
                bytes,
            })
        };
        Ok(sinks.map(write).collect())
    }

    async fn commit(
        &self,
        prepared: Vec<Self::Prepared>,
        deadline: &Deadline,
    ) -> Vec<Result<Done, Failure>> {
        let key = |write: &Write<K::Effect>| (write.id.clone(), write.fingerprint.clone());
        let (writes, events) = to_write(prepared, key);
        let now = deadline.now();
        let limits = Limits::DYNAMODB;
        let outcomes = write_once_with(&self.recent, &self.store, writes, limits, now).await;
        settle_events(events, outcomes)
    }
}
