//! Sinks whose effects cannot share a transaction with their dedupe records, such as services.

use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use breaker::polling::BatchSummary;
use contracts::Catalog;
use dedupe::leased::{Attempt, Delivery, Target, write_leased};
use dedupe::{Claim, NoEffect, Outcome, Owner, RecentKey, RecentKeys, RecordId, Store};
use event::{Failure, Fingerprint, Timestamp};
use metrics::Recorder;

use super::{
    Event, MeasuredEvent, Prepared, RECENT_KEYS, SinkMeasures, WriteKey, collect_writes, is_custom,
    lease_for, read_event,
};
use crate::{Deadline, EventCounts, Record, Stage, unique_name};

/// A function's sinks: which they are, what is sent to them, and how.
pub trait LeasedSink: Send + Sync {
    /// The name of the stage in dead letters and logs. A contract names it in `by` for a custom sink.
    const NAME: &'static str;

    /// What is sent for an event.
    type Request: Send + Sync;

    /// Whether a contract's sink belongs to this function. By default these are the custom sinks that name
    /// it.
    fn is_own(&self, sink: &contracts::Sink) -> bool {
        is_custom(sink, Self::NAME)
    }

    /// Builds the request for an event.
    ///
    /// # Errors
    /// Permanent, if no request can be built from this event.
    fn request(&self, event: &Event<'_>, sink: &contracts::Sink) -> Result<Self::Request, Failure>;

    /// Sends a request. The receiver must recognize a repeated request by the key of the context. A call
    /// that is not back by the context's deadline counts as unknown.
    fn send(
        &self,
        request: &Self::Request,
        context: DeliveryContext<'_>,
    ) -> impl Future<Output = Delivery> + Send;

    /// Does the same as [`Stage::end_invocation`].
    fn end_invocation(&self, _summary: &BatchSummary) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// What a sink has to know of a delivery besides its request.
#[derive(Clone, Copy)]
pub struct DeliveryContext<'a> {
    /// The key under which the event takes effect once.
    pub key: &'a RecordId,
    /// Whether the request may have been sent before.
    pub attempt: Attempt,
    /// When the delivery has to be over.
    pub deadline: &'a Deadline,
}

/// The stage that writes to a [`LeasedSink`].
pub struct LeasedStage<K, S> {
    contracts: Catalog,
    sink: K,
    store: S,
    metrics: Recorder,
    /// The keys that this environment delivered in this invocation and in earlier ones.
    recent: Mutex<RecentKeys>,
}

/// An event's request to one sink.
pub struct LeasedWrite<R> {
    id: RecordId,
    fingerprint: Fingerprint,
    expires_at: Timestamp,
    request: R,
}

impl<R> LeasedWrite<R> {
    fn key(&self) -> WriteKey {
        WriteKey { id: self.id.clone(), fingerprint: self.fingerprint.clone() }
    }

    fn recent_key(&self) -> RecentKey {
        RecentKey {
            id: self.id.clone(),
            fingerprint: self.fingerprint.clone(),
            expires_at: self.expires_at,
        }
    }
}

/// The time at the end of an invocation in which deliveries are completed or given back.
const COMPLETION: Duration = Duration::from_secs(4);

impl<K: LeasedSink, S> LeasedStage<K, S> {
    /// The stage for a sink. `store` holds the claims of its deliveries.
    #[must_use]
    pub fn new(contracts: Catalog, sink: K, store: S, metrics: Recorder) -> Self {
        Self { contracts, sink, store, metrics, recent: Mutex::new(RecentKeys::new(RECENT_KEYS)) }
    }
}

impl<K: LeasedSink, S: Store<Effect = NoEffect>> LeasedStage<K, S> {
    async fn deliver(
        &self,
        writes: Vec<LeasedWrite<K::Request>>,
        deadline: &Deadline,
    ) -> Vec<Outcome> {
        let owner = Owner::from(unique_name(deadline.now()));
        let mut claims = Vec::with_capacity(writes.len());
        for write in &writes {
            claims.push(Claim {
                id: write.id.clone(),
                fingerprint: write.fingerprint.clone(),
                expires_at: write.expires_at,
                owner: owner.clone(),
            });
        }
        let completion = COMPLETION.min(deadline.remaining() / 3);
        let target =
            SinkTarget { sink: &self.sink, writes, deadline: deadline.earlier(completion) };
        write_leased(&self.store, &target, claims, lease_for(deadline), || deadline.now()).await
    }
}

impl<K, S> Stage for LeasedStage<K, S>
where
    K: LeasedSink,
    S: Store<Effect = NoEffect>,
{
    const NAME: &'static str = K::NAME;

    type Prepared = Prepared<LeasedWrite<K::Request>>;

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
            writes.push(self.sink.request(&event, sink).map(|request| LeasedWrite {
                id: event.id(sink),
                fingerprint: event.envelope.fingerprint.clone(),
                expires_at: event.expires_at,
                request,
            }));
        }
        Ok(Prepared { measured: MeasuredEvent::from(&event.envelope), writes })
    }

    async fn commit(
        &self,
        prepared: Vec<Self::Prepared>,
        deadline: &Deadline,
    ) -> Vec<Result<EventCounts, Failure>> {
        let (writes, events) = collect_writes(prepared, LeasedWrite::key);
        let now = deadline.now();
        let outcomes =
            RecentKeys::skip_known(&self.recent, writes, LeasedWrite::recent_key, now, |unknown| {
                self.deliver(unknown, deadline)
            });
        let outcomes = outcomes.await;
        let measures =
            SinkMeasures { recorder: &self.metrics, stage: K::NAME, now: deadline.now() };
        events.settle(outcomes, &measures)
    }

    async fn end_invocation(&self, summary: &BatchSummary) {
        self.sink.end_invocation(summary).await;
    }
}

/// The sink as the protocol's target.
struct SinkTarget<'a, K: LeasedSink> {
    sink: &'a K,
    writes: Vec<LeasedWrite<K::Request>>,
    deadline: Deadline,
}

impl<K: LeasedSink> Target for SinkTarget<'_, K> {
    async fn deliver(&self, position: usize, claim: &Claim, attempt: Attempt) -> Delivery {
        let request = &self.writes[position].request;
        let context = DeliveryContext { key: &claim.id, attempt, deadline: &self.deadline };
        self.sink.send(request, context).await
    }
}
