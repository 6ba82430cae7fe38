//! Sinks whose effects are somewhere else, where only a key tells that they are there.

use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use breaker::polling::BatchSummary;
use contracts::Catalog;
use dedupe::leased::{Delivery, Target, write_leased};
use dedupe::{Claim, NoEffect, Outcome, Owner, Recent, RecordId, Store};
use event::{Failure, Fingerprint, Timestamp};

use super::{Event, Own, Prepared, RECENT_KEYS, is_custom, lease, settle_events, to_write};
use crate::{Deadline, Done, Record, Stage, unique_name};

/// What a function knows of its sinks.
pub trait LeasedSink: Send + Sync {
    /// As dead letters and logs name the stage, and contracts a sink of one's own.
    const NAME: &'static str;

    /// What is sent of an event.
    type Request: Send + Sync;

    /// Whether a contract's sink is one of this function's. By default those of kind `custom` that name
    /// it.
    fn is_own(&self, sink: &contracts::Sink) -> bool {
        is_custom(sink, Self::NAME)
    }

    /// What is to be sent of an event.
    ///
    /// # Errors
    /// Permanent: nothing can be made of this event.
    fn request(&self, event: &Event<'_>, sink: &contracts::Sink) -> Result<Self::Request, Failure>;

    /// Sends it under this key, by which whoever takes it must tell what came before. `is_repeat` says
    /// that an earlier attempt may have taken effect. To be back by the deadline: what is not counts as
    /// unknown.
    fn send(
        &self,
        request: &Self::Request,
        key: &RecordId,
        is_repeat: bool,
        deadline: &Deadline,
    ) -> impl Future<Output = Delivery> + Send;

    /// As [`Stage::end_invocation`].
    fn end_invocation(&self, _summary: &BatchSummary) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// The stage that writes them.
pub struct Leased<K, S> {
    own: Own,
    sink: K,
    store: S,
    /// What this environment delivered, from one invocation to the next.
    recent: Mutex<Recent>,
}

/// An event for one sink.
pub struct Sending<R> {
    id: RecordId,
    fingerprint: Fingerprint,
    expires_at: Timestamp,
    request: R,
}

/// What is kept of an invocation to complete what was delivered, or to give it back.
const COMPLETION: Duration = Duration::from_secs(4);

impl<K: LeasedSink, S> Leased<K, S> {
    #[must_use]
    pub fn new(contracts: Catalog, sink: K, store: S) -> Self {
        let own = Own::of(contracts, |each| sink.is_own(each));
        Self { own, sink, store, recent: Mutex::new(Recent::new(RECENT_KEYS)) }
    }
}

impl<K: LeasedSink, S: Store<Effect = NoEffect>> Leased<K, S> {
    async fn send(&self, sendings: Vec<Sending<K::Request>>, deadline: &Deadline) -> Vec<Outcome> {
        let owner = Owner::from(unique_name(deadline.now()));
        let claim = |each: &Sending<K::Request>| Claim {
            id: each.id.clone(),
            fingerprint: each.fingerprint.clone(),
            expires_at: each.expires_at,
            owner: owner.clone(),
        };
        let claims = sendings.iter().map(claim).collect();
        let completion = COMPLETION.min(deadline.remaining() / 3);
        let target = Sender { sink: &self.sink, sendings, deadline: deadline.earlier(completion) };
        write_leased(&self.store, &target, claims, lease(deadline), || deadline.now()).await
    }
}

impl<K, S> Stage for Leased<K, S>
where
    K: LeasedSink,
    S: Store<Effect = NoEffect>,
{
    const NAME: &'static str = K::NAME;

    type Prepared = Prepared<Sending<K::Request>>;

    async fn prepare(
        &self,
        record: &Record,
        deadline: &Deadline,
    ) -> Result<Self::Prepared, Failure> {
        let (event, sinks) = self.own.read(K::NAME, record, deadline.now())?;
        let sending = |sink: &contracts::Sink| {
            Ok(Sending {
                id: event.id(sink),
                fingerprint: event.envelope.fingerprint.clone(),
                expires_at: event.expires_at,
                request: self.sink.request(&event, sink)?,
            })
        };
        Ok(sinks.map(sending).collect())
    }

    async fn commit(
        &self,
        prepared: Vec<Self::Prepared>,
        deadline: &Deadline,
    ) -> Vec<Result<Done, Failure>> {
        let key = |each: &Sending<K::Request>| (each.id.clone(), each.fingerprint.clone());
        let (sendings, events) = to_write(prepared, key);
        let known_by = |each: &Sending<K::Request>| {
            (each.id.clone(), each.fingerprint.clone(), each.expires_at)
        };
        let send = |unknown| self.send(unknown, deadline);
        let now = deadline.now();
        let outcomes = Recent::spare(&self.recent, sendings, known_by, now, send).await;
        settle_events(events, outcomes)
    }

    async fn end_invocation(&self, summary: &BatchSummary) {
        self.sink.end_invocation(summary).await;
    }
}

struct Sender<'a, K: LeasedSink> {
    sink: &'a K,
    sendings: Vec<Sending<K::Request>>,
    deadline: Deadline,
}

impl<K: LeasedSink> Target for Sender<'_, K> {
    async fn deliver(&self, position: usize, claim: &Claim, is_repeat: bool) -> Delivery {
        let request = &self.sendings[position].request;
        self.sink.send(request, &claim.id, is_repeat, &self.deadline).await
    }
}
