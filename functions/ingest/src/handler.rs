//! The stage: an inbox message is one event, or announces a file of them.

use aws_lambda_events::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use aws_lambda_events::sqs::SqsEvent;
use contracts::Catalog;
use event::{Code, DeadLetter, Failure, Payload, Timestamp, TraceParent};
use runtime::{BatchResponse, Deadline, Done, Outgoing, Queue, Record, Stage};
use serde::{Deserialize, Serialize};

use crate::archive::{self, Raw, Store};
use crate::emit::Emit;
use crate::file::{FileSource, read_file};
use crate::notification::{Announced, announced};
use crate::wrap::{DATASET, EVENT_ID, Origin, SOURCE, TRACE, wrap};

/// What invokes this function.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Trigger {
    Batch(SqsEvent),
    /// A function URL's or an HTTP API's request: both have payload format 2.0.
    Request(Box<LambdaFunctionUrlRequest>),
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Batch(BatchResponse),
    Response(LambdaFunctionUrlResponse),
}

pub(crate) struct Ingest<O, Q> {
    pub(crate) contracts: Catalog,
    objects: O,
    archive_bucket: String,
    pub(crate) emit: Emit<Q>,
}

/// What a message came to.
pub(crate) enum Taken {
    /// One event, to be archived and passed on with its batch.
    Event { raw: Raw, message: Outgoing },
    /// The events of files, passed on while they were read.
    Files(Done),
}

impl<O: Store + FileSource, Q: Queue> Ingest<O, Q> {
    pub(crate) fn new(
        contracts: Catalog,
        objects: O,
        archive_bucket: String,
        emit: Emit<Q>,
    ) -> Self {
        Self { contracts, objects, archive_bucket, emit }
    }

    fn event(&self, record: &Record, dataset: &str, now: Timestamp) -> Result<Taken, Failure> {
        let contract = self.contracts.get(dataset)?;
        // A dead letter that came back may hold its bytes in base64.
        let earlier = DeadLetter::read(&record.attributes);
        let encoding = earlier.as_ref().map(|letter| letter.encoding).unwrap_or_default();
        let bytes = encoding.decode(&record.body).ok_or_else(|| {
            Failure::permanent(Code::DecodeUtf8, "a dead letter whose body is not base64")
        })?;
        let id = earlier.map(|letter| letter.message_id);
        let origin = Origin {
            source: record.attribute(SOURCE).unwrap_or(&record.queue_arn).to_owned(),
            id: record
                .attribute(EVENT_ID)
                .map(str::to_owned)
                .or(id)
                .unwrap_or_else(|| record.message_id.clone()),
            trace: record.attribute(TRACE).and_then(TraceParent::parse),
        };
        let raw = Raw {
            id: origin.id.clone(),
            source: origin.source.clone(),
            received_at: now,
            attributes: record.attributes.clone(),
            body: record.body.clone(),
        };
        let message = wrap(contract, Payload::parse(&bytes)?, origin, now)?;
        Ok(Taken::Event { raw, message })
    }

    async fn file(&self, object: &Announced, deadline: &Deadline) -> Result<Done, Failure> {
        let key = &object.key;
        let dataset = key.split_once('/').map(|(dataset, _)| dataset).ok_or_else(|| {
            let reason = format!("the key `{key}` has no folder; expected <dataset>/<file>");
            Failure::permanent(Code::UnknownDataset, reason)
        })?;
        let contract = self.contracts.get(dataset)?;
        let archived =
            archive::open_archived(&self.objects, object.clone(), &self.archive_bucket).await?;
        read_file(&archived.object, contract, archived.body, &self.emit, deadline).await
    }

    /// Puts the raw batch into the archive, and then passes its events on.
    pub(crate) async fn archive_and_pass_on(
        &self,
        events: Vec<(Raw, Outgoing)>,
    ) -> Vec<Result<(), Failure>> {
        let (raws, messages): (Vec<Raw>, Vec<Outgoing>) = events.into_iter().unzip();
        if let Err(failure) = self.archive(&raws).await {
            return vec![Err(failure); raws.len()];
        }
        self.emit.pass_on(&messages).await
    }

    async fn archive(&self, batch: &[Raw]) -> Result<(), Failure> {
        let Some(key) = archive::batch_key(batch) else { return Ok(()) };
        let body = archive::encode(batch).map_err(|error| {
            Failure::transient(Code::DependencyRefused, format!("encoding the archive: {error}"))
        })?;
        self.objects.put(&self.archive_bucket, &key, body).await
    }
}

impl<O: Store + FileSource, Q: Queue> Stage for Ingest<O, Q> {
    const NAME: &'static str = "ingest";

    type Prepared = Taken;

    async fn prepare(&self, record: &Record, deadline: &Deadline) -> Result<Taken, Failure> {
        if let Some(dataset) = record.attribute(DATASET) {
            return self.event(record, dataset, deadline.now());
        }
        let objects = announced(&record.body, &record.queue_arn).ok_or_else(|| {
            let reason = "no message attribute `dataset`, and not an S3 notification";
            Failure::permanent(Code::UnknownDataset, reason)
        })?;
        let mut total = Done::default();
        for object in &objects {
            let done = self.file(object, deadline).await?;
            total.taken += done.taken;
            total.passed += done.passed;
            total.dead_lettered += done.dead_lettered;
        }
        Ok(Taken::Files(total))
    }

    async fn commit(&self, batch: Vec<Taken>, _: &Deadline) -> Vec<Result<Done, Failure>> {
        let mut results = Vec::with_capacity(batch.len());
        let (mut events, mut places) = (Vec::new(), Vec::new());
        for taken in batch {
            match taken {
                Taken::Files(done) => results.push(Ok(done)),
                Taken::Event { raw, message } => {
                    places.push(results.len());
                    results.push(Ok(Done::PASSED));
                    events.push((raw, message));
                }
            }
        }
        let sent = self.archive_and_pass_on(events).await;
        for (place, sent) in places.into_iter().zip(sent) {
            if let Err(failure) = sent {
                results[place] = Err(failure);
            }
        }
        results
    }
}

#[cfg(test)]
mod tests;
