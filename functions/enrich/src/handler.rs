//! The stage: each event is completed on its own, and a batch is passed on together.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use contracts::{Catalog, Enricher, Missing, SinkKind};
use event::{Attribute, Code, Envelope, Failure};
use http::{HeaderMap, HeaderValue, Method, header};
use outbound::{Ask, Request};
use runtime::sink::known_later;
use runtime::{Deadline, Done, Outgoing, Queue, Record, Stage, send_all};
use serde_json::Value;

use crate::answer::{document, failure};
use crate::config::Bound;
use crate::merge::with_member;

/// Calls to a queue at a time.
const SENDS: usize = 4;

pub(crate) struct Enrich<A, Q> {
    contracts: Catalog,
    enrichers: Bound,
    service: A,
    queue: Q,
    sink_queues: BTreeMap<SinkKind, String>,
}

/// An event, and where it goes.
pub(crate) struct Enriched {
    message: Outgoing,
    sinks: Vec<SinkKind>,
}

impl<A: Ask, Q: Queue> Enrich<A, Q> {
    pub(crate) fn new(
        contracts: Catalog,
        enrichers: Bound,
        service: A,
        queue: Q,
        sink_queues: BTreeMap<SinkKind, String>,
    ) -> Self {
        Self { contracts, enrichers, service, queue, sink_queues }
    }

    /// Adds what one enricher knows.
    async fn enrich(&self, envelope: &mut Envelope, enricher: &Enricher) -> Result<(), Failure> {
        let document = self.ask(envelope, enricher).await?;
        if document.is_none() {
            match enricher.missing {
                Missing::Fail => {
                    let reason = format!("enricher {} knows nothing of this event", enricher.name);
                    return Err(Failure::permanent(Code::EnricherRefused, reason));
                }
                Missing::Degrade => mark(envelope, &enricher.name),
            }
        }
        let document = document.as_ref().map_or("null", |document| document.get());
        envelope.data = with_member(&envelope.data, &enricher.into, document)?;
        Ok(())
    }

    async fn ask(
        &self,
        envelope: &Envelope,
        enricher: &Enricher,
    ) -> Result<Option<Box<serde_json::value::RawValue>>, Failure> {
        let payload: Value = serde_json::from_str(envelope.data.get())
            .map_err(|error| Failure::permanent(Code::DecodeEnvelope, error.to_string()))?;
        // An event that lacks what the question needs has no answer.
        let Ok(url) = enricher.http.url.render(&payload) else { return Ok(None) };
        let timeout = Duration::from_millis(enricher.http.timeout_ms);
        let json = HeaderValue::from_static("application/json");
        let request = Request {
            method: Method::GET,
            url,
            headers: HeaderMap::from_iter([(header::ACCEPT, json)]),
            body: Bytes::new(),
        };
        let answer = self.service.ask(request, timeout).await;
        document(&answer.map_err(|error| failure(&error, &enricher.name))?, &enricher.name)
    }
}

/// Notes on the envelope that an enricher had nothing to give.
fn mark(envelope: &mut Envelope, enricher: &str) {
    let degraded = envelope.degraded.take();
    envelope.degraded = Some(match degraded {
        Some(others) => format!("{others},{enricher}"),
        None => enricher.to_owned(),
    });
}

impl<A: Ask, Q: Queue> Stage for Enrich<A, Q> {
    const NAME: &'static str = "enrich";

    type Prepared = Enriched;

    async fn prepare(&self, record: &Record, _deadline: &Deadline) -> Result<Enriched, Failure> {
        let mut envelope = Envelope::from_json(&record.body)?;
        let contract = self.contracts.get(&envelope.dataset).map_err(known_later)?;
        for enricher in self.enrichers.get(&envelope.dataset).into_iter().flatten() {
            self.enrich(&mut envelope, enricher).await?;
        }
        let body = envelope.to_json()?;
        let attributes = [("traceparent", envelope.traceparent), ("eventid", envelope.id)]
            .map(|(name, value)| (name.to_owned(), Attribute::string(value)))
            .into();
        Ok(Enriched {
            message: Outgoing::for_stage(body, attributes)?,
            sinks: contract.sinks.iter().map(contracts::Sink::kind).collect(),
        })
    }

    async fn commit(&self, batch: Vec<Enriched>, _: &Deadline) -> Vec<Result<Done, Failure>> {
        let mut results: Vec<Result<Done, Failure>> = vec![Ok(Done::PASSED); batch.len()];
        for (kind, url) in &self.sink_queues {
            let chosen: Vec<usize> =
                (0..batch.len()).filter(|&at| batch[at].sinks.contains(kind)).collect();
            let messages: Vec<Outgoing> =
                chosen.iter().map(|&at| batch[at].message.clone()).collect();
            let sent = send_all(&self.queue, url, &messages, SENDS).await;
            for (at, sent) in chosen.into_iter().zip(sent) {
                if let Err(failure) = sent {
                    results[at] = Err(failure);
                }
            }
        }
        for (result, enriched) in results.iter_mut().zip(&batch) {
            if let Some(kind) = enriched.sinks.iter().find(|k| !self.sink_queues.contains_key(k)) {
                let reason = format!("no queue in SINK_QUEUES for a sink of kind {kind}");
                *result = Err(Failure::transient(Code::DependencyRefused, reason));
            }
        }
        results
    }
}

#[cfg(test)]
mod tests;
