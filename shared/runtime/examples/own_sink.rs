//! A custom sink: sends each event once to another team's FIFO queue.
//!
//! A contract declares it as `{name: partners, kind: custom, by: announce}`; enrich finds its queue in
//! `SINK_QUEUES`, as `custom:announce`.

use std::process::ExitCode;

use aws::{ClaimStore, Queues, claims, sdk_config};
use contracts::Sink;
use dedupe::leased::Delivery;
use event::Failure;
use lambda_runtime::Error;
use sluicegate_runtime::env::{Process, queue_url, required};
use sluicegate_runtime::sink::{DeliveryContext, Event, LeasedSink, LeasedStage};
use sluicegate_runtime::{Batches, Outgoing, Policy, Queue, Settings, recorder};

/// Announces events to a queue.
pub(crate) struct Announce<Q> {
    pub(crate) queue: Q,
    pub(crate) url: String,
}

impl<Q: Queue> LeasedSink for Announce<Q> {
    const NAME: &'static str = "announce";

    type Request = Outgoing;

    fn request(&self, event: &Event<'_>, sink: &Sink) -> Result<Outgoing, Failure> {
        let envelope = &event.envelope;
        let group = envelope.subject.clone().unwrap_or_else(|| envelope.dataset.clone());
        let key = event.id(sink).to_string();
        Ok(Outgoing {
            body: envelope.to_json()?,
            group: Some(group),
            deduplication_id: Some(key),
            ..Outgoing::default()
        })
    }

    async fn send(&self, request: &Outgoing, _: DeliveryContext<'_>) -> Delivery {
        let sent = self.queue.send_batch(&self.url, std::slice::from_ref(request)).await;
        match sent.into_iter().next() {
            Some(Ok(())) => Delivery::Taken,
            // The message may have arrived. SQS drops a second one with the same key for five minutes.
            Some(Err(failure)) => Delivery::Unknown(failure),
            None => Delivery::Refused(Failure::throttled(None, "nothing was sent")),
        }
    }
}

async fn run() -> Result<(), Error> {
    let metrics = recorder(&Process)?;
    let settings = Settings::read(&Process)?;
    let contracts = sluicegate_runtime::open_contracts(&settings.contracts_dir)?;
    let sdk = sdk_config(&Process)?;
    let queue = Queues::new(&sdk);
    let store = ClaimStore::new(&sdk, required(&Process, "DEDUPE_TABLE", "the name of a table")?);
    let sink = Announce { queue: queue.clone(), url: queue_url(&Process, "PARTNERS_QUEUE_URL")? };
    let claims = Some(claims(&sdk, settings.archive_bucket.clone()));
    sluicegate_runtime::serve_batches(Batches {
        stage: LeasedStage::new(contracts, sink, store, metrics.clone()),
        dead_letters: settings.dead_letters(queue.clone()),
        policy: Policy { claims, ..settings.policy() },
        queue,
        metrics,
    })
    .await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    sluicegate_runtime::exit_code(run().await)
}
