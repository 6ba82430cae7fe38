//! Sinks whose effects share a transaction with their dedupe records.

use std::sync::Mutex;

use contracts::Catalog;
use dedupe::transactional::{Write, write_unknown_once};
use dedupe::{Effect, Limits, RecentKeys, Store};
use event::Failure;
use metrics::Recorder;

use super::{
    Event, MeasuredEvent, Prepared, RECENT_KEYS, SinkMeasures, WriteKey, collect_writes, is_custom,
    read_event,
};
use crate::{Deadline, EventCounts, Record, Stage};

/// A function's sinks: which they are, and what an event does to them.
pub trait TransactionalSink: Send + Sync {
    /// The name of the stage in dead letters and logs. A contract names it in `by` for a custom sink.
    const NAME: &'static str;

    /// What an event does to a sink; the store writes it together with the dedupe record.
    type Effect: Effect;

    /// Whether a contract's sink belongs to this function. By default these are the custom sinks that name
    /// it.
    fn is_own(&self, sink: &contracts::Sink) -> bool {
        is_custom(sink, Self::NAME)
    }

    /// The effect of an event on a sink.
    ///
    /// # Errors
    /// Permanent, if this event cannot be written to the sink.
    fn effect(
        &self,
        event: &Event<'_>,
        sink: &contracts::Sink,
    ) -> Result<SizedEffect<Self::Effect>, Failure>;
}

/// An effect with its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizedEffect<E> {
    /// What is written.
    pub effect: E,
    /// The size of effect and dedupe record in bytes, as the store's limit on a transaction counts it.
    pub bytes: usize,
}

/// The stage that writes to a [`TransactionalSink`].
pub struct TransactionalStage<K, S> {
    contracts: Catalog,
    sink: K,
    store: S,
    metrics: Recorder,
    /// The keys that this environment wrote in this invocation and in earlier ones.
    recent: Mutex<RecentKeys>,
}

impl<K: TransactionalSink, S> TransactionalStage<K, S> {
    /// The stage for a sink. `store` writes its effects.
    #[must_use]
    pub fn new(contracts: Catalog, sink: K, store: S, metrics: Recorder) -> Self {
        Self { contracts, sink, store, metrics, recent: Mutex::new(RecentKeys::new(RECENT_KEYS)) }
    }
}

impl<K, S> Stage for TransactionalStage<K, S>
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
        let (event, sinks) = read_event(
            &self.contracts,
            K::NAME,
            |sink| self.sink.is_own(sink),
            record,
            deadline.now(),
        )?;
        let mut writes = Vec::with_capacity(sinks.len());
        for sink in sinks {
            let sized = self.sink.effect(&event, sink);
            writes.push(sized.map(|SizedEffect { effect, bytes }| Write {
                id: event.id(sink),
                fingerprint: event.envelope.fingerprint.clone(),
                expires_at: event.expires_at,
                effect,
                bytes,
            }));
        }
        Ok(Prepared { measured: MeasuredEvent::from(&event.envelope), writes })
    }

    async fn commit(
        &self,
        prepared: Vec<Self::Prepared>,
        deadline: &Deadline,
    ) -> Vec<Result<EventCounts, Failure>> {
        let (writes, events) = collect_writes(prepared, |write: &Write<K::Effect>| WriteKey {
            id: write.id.clone(),
            fingerprint: write.fingerprint.clone(),
        });
        let (now, limits) = (deadline.now(), Limits::DYNAMODB);
        let outcomes = write_unknown_once(&self.recent, &self.store, writes, limits, now).await;
        let measures =
            SinkMeasures { recorder: &self.metrics, stage: K::NAME, now: deadline.now() };
        events.settle(outcomes, &measures)
    }
}
