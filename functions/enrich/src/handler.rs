//! The stage: each event is enriched on its own, and the events of a batch are sent on together.

use std::collections::BTreeMap;

use breaker::polling::{BatchSummary, EvidenceStore};
use breaker::{Host, Store};
use contracts::{Catalog, SinkKind};
use event::{Attribute, Attributes, Code, Envelope, Failure, FailureKind, Timestamp};
use futures_util::future::join_all;
use outbound::{DependencyClient, HttpClient, Pause, SecretStore};
use runtime::sink::retry_during_deployment;
use runtime::{
    Claims, Deadline, EventCounts, Outgoing, Queue, Record, Recorder, Stage, count_done,
    fair_group, send_all,
};
use serde_json::Value;

use crate::ask::{Enrichment, ask};
use crate::enrichers::{Enrichers, Ready};
use crate::merge::with_member;
use crate::question::Question;

/// The most calls to a queue at the same time.
const SENDS: usize = 4;

pub(crate) struct Enrich<A, K, B: Store, W: Host, Q> {
    contracts: Catalog,
    enrichers: Enrichers,
    client: DependencyClient<A, K, B, W>,
    sending: Sending<Q>,
    metrics: Recorder,
}

/// Where events go, and what is too large for a message.
pub(crate) struct Sending<Q> {
    pub(crate) queue: Q,
    pub(crate) claims: Claims,
    /// The URL of the queue of each kind of sink.
    pub(crate) sink_queues: BTreeMap<SinkKind, String>,
}

/// An event as it is sent on, and to which sinks.
pub(crate) struct Enriched {
    dataset: String,
    message: Outgoing,
    sinks: Vec<SinkKind>,
    is_degraded: bool,
}

impl<A, K, B: Store, W: Host, Q> Enrich<A, K, B, W, Q> {
    pub(crate) fn new(
        contracts: Catalog,
        enrichers: Enrichers,
        client: DependencyClient<A, K, B, W>,
        sending: Sending<Q>,
        metrics: Recorder,
    ) -> Self {
        Self { contracts, enrichers, client, sending, metrics }
    }
}

impl<A, K, B, W, Q> Enrich<A, K, B, W, Q>
where
    A: HttpClient,
    K: SecretStore,
    B: Store,
    W: Host + Pause + Clone,
{
    /// Adds the answers of one round's enrichers to the event. They are asked at the same time; their members are
    /// added in the contract's order.
    async fn enrich(
        &self,
        envelope: &mut Envelope,
        round: &[Ready],
        ends_at: Timestamp,
    ) -> Result<(), Failure> {
        let payload: Value = serde_json::from_str(envelope.data.get())
            .map_err(|error| Failure::permanent(Code::DecodeEnvelope, error.to_string()))?;
        let question = Question {
            dataset: &envelope.dataset,
            payload: &payload,
            text: envelope.data.get(),
            ends_at,
        };
        let mut asking = Vec::with_capacity(round.len());
        for ready in round {
            asking.push(ask(&self.client, ready, &question, &self.metrics));
        }
        let answers = join_all(asking).await;
        let mut found = Vec::with_capacity(round.len());
        let mut gravest: Option<Failure> = None;
        for answer in answers {
            match answer {
                Ok(answer) => found.push(answer),
                Err(failure) => gravest = Some(graver(gravest, failure)),
            }
        }
        if let Some(failure) = gravest {
            return Err(failure);
        }
        for (ready, found) in round.iter().zip(found) {
            let document = match &found {
                Enrichment::Document(document) => document.get(),
                Enrichment::Stale(document) => {
                    mark(envelope, &ready.enricher.name);
                    document.get()
                }
                Enrichment::Nothing => {
                    mark(envelope, &ready.enricher.name);
                    "null"
                }
            };
            envelope.data = with_member(&envelope.data, &ready.enricher.into, document)?;
        }
        Ok(())
    }
}

/// Of two failures of one event's enrichers, the one that decides. A permanent failure comes before those that a
/// retry may mend, and a dependency that is known to be unavailable before one that may answer the next try.
fn graver(one: Option<Failure>, other: Failure) -> Failure {
    let Some(one) = one else { return other };
    if gravity(&other) > gravity(&one) { other } else { one }
}

fn gravity(failure: &Failure) -> u8 {
    match failure.kind {
        FailureKind::Permanent => 3,
        FailureKind::Unavailable { .. } => 2,
        FailureKind::Throttled { .. } => 1,
        FailureKind::Transient => 0,
    }
}

/// Adds an enricher's name to those for whose answers the event is degraded.
fn mark(envelope: &mut Envelope, enricher: &str) {
    let degraded = envelope.degraded.take();
    envelope.degraded = Some(match degraded {
        Some(others) => format!("{others},{enricher}"),
        None => enricher.to_owned(),
    });
}

impl<A, K, B, W, Q> Stage for Enrich<A, K, B, W, Q>
where
    A: HttpClient,
    K: SecretStore,
    B: Store + EvidenceStore,
    W: Host + Pause + Clone,
    Q: Queue,
{
    const NAME: &'static str = "enrich";

    type Prepared = Enriched;

    async fn prepare(&self, record: &Record, deadline: &Deadline) -> Result<Enriched, Failure> {
        let mut envelope = Envelope::from_json(&record.body)?;
        let contract = self.contracts.get(&envelope.dataset).map_err(retry_during_deployment)?;
        // runtime::Batches gives a record half of the rest of its invocation. The calls have to end before that, so
        // that a call that takes too long is reported as such, and not as a record that hangs.
        let ends_at = deadline.now().plus(deadline.remaining() * 2 / 5);
        for round in self.enrichers.of(contract)?.iter() {
            self.enrich(&mut envelope, round, ends_at).await?;
        }
        let is_degraded = envelope.degraded.is_some();
        // Ingest has found the tenant. A message without a group was sent before there were any.
        let group = match &record.fair_group {
            Some(group) => group.clone(),
            None => fair_group(&envelope.dataset, None),
        };
        let body = envelope.to_json()?;
        let mut attributes: Attributes =
            [("traceparent", envelope.traceparent), ("eventid", envelope.id)]
                .map(|(name, value)| (name.to_owned(), Attribute::string(value)))
                .into();
        if let Some(redriven) = record.redriven() {
            redriven.write(&mut attributes);
        }
        let message = Outgoing::for_stage(body, attributes, group)?;
        Ok(Enriched {
            dataset: envelope.dataset,
            // Before the batch is complete, so that no large event stays in memory until then.
            message: self.sending.claims.check_in(message).await?,
            sinks: contract.sinks.iter().map(contracts::Sink::kind).collect(),
            is_degraded,
        })
    }

    async fn commit(
        &self,
        batch: Vec<Enriched>,
        _: &Deadline,
    ) -> Vec<Result<EventCounts, Failure>> {
        let mut results: Vec<Result<EventCounts, Failure>> = Vec::with_capacity(batch.len());
        for enriched in &batch {
            let degraded = u64::from(enriched.is_degraded);
            results.push(Ok(EventCounts { degraded, ..EventCounts::PASSED }));
        }
        let Sending { queue, sink_queues, .. } = &self.sending;
        for (kind, url) in sink_queues {
            let chosen: Vec<usize> =
                (0..batch.len()).filter(|&at| batch[at].sinks.contains(kind)).collect();
            let messages: Vec<Outgoing> =
                chosen.iter().map(|&at| batch[at].message.clone()).collect();
            let sent = send_all(queue, url, &messages, SENDS).await;
            for (at, sent) in chosen.into_iter().zip(sent) {
                if let Err(failure) = sent {
                    results[at] = Err(failure);
                }
            }
        }
        for (result, enriched) in results.iter_mut().zip(&batch) {
            if let Some(kind) = enriched.sinks.iter().find(|k| !sink_queues.contains_key(k)) {
                let reason = format!("no queue in SINK_QUEUES for a sink of kind {kind}");
                *result = Err(Failure::transient(Code::DependencyRefused, reason));
            }
            if let Ok(counts) = result {
                count_done(&self.metrics, Self::NAME, &enriched.dataset, counts);
            }
        }
        results
    }

    async fn end_invocation(&self, summary: &BatchSummary) {
        self.client.end_invocation(Self::NAME, summary).await;
    }
}

#[cfg(test)]
mod tests;
