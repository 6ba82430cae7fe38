//! The stage: an inbox message is one event, or announces a file of them.

use aws_lambda_events::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use aws_lambda_events::sqs::SqsEvent;
use contracts::Catalog;
use event::{Code, DeadLetter, Encoding, Failure, Payload, Timestamp, TraceParent};
use runtime::{BatchResponse, Deadline, Done, Outgoing, Queue, Record, Refused, Stage};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::archive::{self, Raw, Store};
use crate::emit::Emit;
use crate::file::{FileSource, read_file};
use crate::letters;
use crate::notification::{Announced, announced};
use crate::wrap::{DATASET, Origin, TRACE, source_of, wrap};

/// What invokes this function.
pub(crate) enum Trigger {
    Batch(SqsEvent),
    /// A function URL's or an HTTP API's request: both have payload format 2.0.
    Request(Box<LambdaFunctionUrlRequest>),
}

/// A batch has records. Told by that, and not by trying one after the other: serde's untagged
/// enumerations keep no number whose digits `serde_json` keeps.
impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Records {
            #[serde(rename = "Records")]
            records: Option<IgnoredAny>,
        }
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let Records { records } = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
        let trigger = match records {
            Some(_) => serde_json::from_str(text.get()).map(Self::Batch),
            None => serde_json::from_str(text.get()).map(Self::Request),
        };
        trigger.map_err(D::Error::custom)
    }
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

/// A message as its producer sent it, and what is known of an earlier life in which it failed.
struct Message<'a> {
    record: &'a Record,
    encoding: Encoding,
    letter: Option<&'a DeadLetter>,
}

impl Message<'_> {
    fn taken_in(&self, now: Timestamp) -> Timestamp {
        self.letter.map_or_else(|| self.record.taken_in(now), DeadLetter::taken_in)
    }
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

    /// The message is one event, or announces files.
    async fn take(&self, message: &Message<'_>, deadline: &Deadline) -> Result<Taken, Failure> {
        let record = message.record;
        if let Some(dataset) = record.attribute(DATASET) {
            return self.event(message, dataset, deadline.now());
        }
        let objects = announced(&record.body, &record.queue_arn).ok_or_else(|| {
            let reason = "no message attribute `dataset`, and not an S3 notification";
            Failure::permanent(Code::UnknownDataset, reason)
        })?;
        let taken_in = message.taken_in(deadline.now());
        let mut total = Done::default();
        for object in &objects {
            let done = self.file(object, taken_in, deadline).await?;
            total.taken += done.taken;
            total.passed += done.passed;
            total.dead_lettered += done.dead_lettered;
        }
        Ok(Taken::Files(total))
    }

    fn event(
        &self,
        message: &Message<'_>,
        dataset: &str,
        now: Timestamp,
    ) -> Result<Taken, Failure> {
        let contract = self.contracts.get(dataset)?;
        let Message { record, encoding, letter } = *message;
        let bytes = encoding.decode(&record.body).ok_or_else(|| {
            Failure::permanent(Code::DecodeUtf8, "a dead letter whose body is not base64")
        })?;
        let source = letter.and_then(|letter| source_of(letter, &record.attributes));
        let id = letter.map_or(&record.message_id, |letter| &letter.message_id);
        let origin = Origin {
            source: source.unwrap_or_else(|| record.queue_arn.clone()),
            id: id.clone(),
            trace: record.attribute(TRACE).and_then(TraceParent::parse),
            taken_in: message.taken_in(now),
        };
        let raw = Raw {
            id: origin.id.clone(),
            source: origin.source.clone(),
            received_at: now,
            attributes: record.attributes.clone(),
            body: record.body.clone(),
        };
        let message = wrap(contract, Payload::parse(&bytes)?, origin)?;
        Ok(Taken::Event { raw, message })
    }

    async fn file(
        &self,
        object: &Announced,
        taken_in: Timestamp,
        deadline: &Deadline,
    ) -> Result<Done, Failure> {
        let key = &object.key;
        let dataset = key.split_once('/').map(|(dataset, _)| dataset).ok_or_else(|| {
            let reason = format!("the key `{key}` has no folder; expected <dataset>/<file>");
            Failure::permanent(Code::UnknownDataset, reason)
        })?;
        let contract = self.contracts.get(dataset)?;
        let archived =
            archive::open_archived(&self.objects, object.clone(), &self.archive_bucket).await?;
        read_file(&archived.object, contract, archived.body, &self.emit, taken_in, deadline).await
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
        let Some(letter) = record.earlier() else {
            let message = Message { record, encoding: Encoding::Text, letter: None };
            return self.take(&message, deadline).await;
        };
        let (record, encoding) =
            letters::original(&self.objects, &self.archive_bucket, record, &letter).await?;
        let message = Message { record: &record, encoding, letter: Some(&letter) };
        self.take(&message, deadline).await
    }

    async fn keep_elsewhere(
        &self,
        refused: &mut Refused,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let (objects, bucket) = (&self.objects, &self.archive_bucket);
        letters::put_elsewhere(objects, bucket, refused, deadline.now()).await
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
