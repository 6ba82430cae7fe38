//! The stage: an inbox message is one event, or announces a file of them.

use aws_lambda_events::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use aws_lambda_events::sqs::SqsEvent;
use contracts::Catalog;
use event::{
    Code, ContractRef, CsvHeader, DeadLetter, Encoding, Failure, Form, Payload, Redriven,
    Timestamp, TraceParent,
};
use runtime::{
    BatchResponse, Deadline, EventCounts, Outgoing, Queue, Record, RejectedMessage, Stage,
};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::archive::{self, Raw, Store};
use crate::emit::Emit;
use crate::file::{File, read_file, read_row};
use crate::file_source::FileSource;
use crate::letters::{self, Archive};
use crate::notification::{Announced, announced};
use crate::wrap::{DATASET, FileLine, Origin, TRACE, on_line, wrap};

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

    /// The run that brought it back: its failure says so, and nothing else is believed.
    fn redriven(&self) -> Option<Redriven> {
        self.letter?.redrive.clone().map(Redriven::from)
    }

    /// What it is read by, if it is a record of a CSV file.
    ///
    /// # Errors
    /// The failure of the letter once more, if it is of a version that kept no header: it cannot be read again.
    fn csv_header(&self) -> Result<Option<CsvHeader>, Failure> {
        let Some(letter) = self.letter.filter(|letter| letter.form == Form::Csv) else {
            return Ok(None);
        };
        let header = CsvHeader::read(&self.record.attributes);
        header.map(Some).ok_or_else(|| letter.failure())
    }
}

/// What a message came to.
pub(crate) enum Taken {
    /// One event, to be archived and passed on with its batch.
    Event { raw: Raw, message: Outgoing },
    /// The events of files, passed on while they were read.
    Files(EventCounts),
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
        let mut total = EventCounts::default();
        for object in &objects {
            total += self.file(object, message, deadline).await?;
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
        let header = message.csv_header()?;
        let line = letter.and_then(|letter| FileLine::of(letter, &record.attributes));
        let id = letter.map_or(&record.message_id, |letter| &letter.message_id);
        let source = line.as_ref().map_or(&record.queue_arn, |line| &line.source);
        let origin = Origin {
            source: source.clone(),
            id: id.clone(),
            trace: record.attribute(TRACE).and_then(TraceParent::parse),
            taken_in: message.taken_in(now),
            redriven: message.redriven(),
        };
        let raw = Raw {
            id: origin.id.clone(),
            source: origin.source.clone(),
            received_at: now,
            attributes: record.attributes.clone(),
            body: record.body.clone(),
        };
        let payload = match header {
            Some(header) => read_row(contract, &header.columns, &bytes),
            None => Payload::parse(&bytes),
        };
        let wrapped = payload.and_then(|payload| wrap(contract, payload, origin));
        let message = wrapped.map_err(|failure| match &line {
            Some(line) => on_line(failure, &line.number),
            None => failure,
        })?;
        Ok(Taken::Event { raw, message })
    }

    async fn file(
        &self,
        object: &Announced,
        announcement: &Message<'_>,
        deadline: &Deadline,
    ) -> Result<EventCounts, Failure> {
        let key = &object.key;
        let dataset = key.split_once('/').map(|(dataset, _)| dataset).ok_or_else(|| {
            let reason = format!("the key `{key}` has no folder; expected <dataset>/<file>");
            Failure::permanent(Code::UnknownDataset, reason)
        })?;
        let contract = self.contracts.get(dataset)?;
        let archived =
            archive::open_archived(&self.objects, object.clone(), &self.archive_bucket).await?;
        let taken_in = announcement.taken_in(deadline.now());
        let redriven = announcement.redriven();
        let file = File { object: &archived.object, contract, taken_in, redriven };
        read_file(&file, archived.body, &self.emit, &self.kept_letters(), deadline).await
    }

    fn kept_letters(&self) -> Archive<'_, O> {
        Archive { objects: &self.objects, bucket: &self.archive_bucket }
    }

    /// The dataset that a message names, or, of an announcement, that all of its objects are of.
    fn dataset_of(&self, record: &Record) -> Option<String> {
        if let Some(dataset) = record.attribute(DATASET) {
            return Some(dataset.to_owned());
        }
        let objects = announced(&record.body, &record.queue_arn)?;
        let mut datasets = objects.iter().map(|object| object.key.split_once('/'));
        let (first, _) = datasets.next()??;
        let is_one = datasets.all(|other| other.is_some_and(|(dataset, _)| dataset == first));
        is_one.then(|| first.to_owned())
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
        let (record, encoding) = letters::original(&self.kept_letters(), record, &letter).await?;
        let message = Message { record: &record, encoding, letter: Some(&letter) };
        self.take(&message, deadline).await
    }

    fn contract_of(&self, record: &Record) -> Option<ContractRef> {
        let dataset = self.dataset_of(record)?;
        let version = self.contracts.get(&dataset).ok().map(|contract| contract.version);
        Some(ContractRef { dataset, version })
    }

    async fn store_oversized(
        &self,
        refused: &mut RejectedMessage,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        letters::put_elsewhere(&self.kept_letters(), refused, deadline.now()).await
    }

    async fn commit(&self, batch: Vec<Taken>, _: &Deadline) -> Vec<Result<EventCounts, Failure>> {
        let mut results = Vec::with_capacity(batch.len());
        let (mut events, mut places) = (Vec::new(), Vec::new());
        for taken in batch {
            match taken {
                Taken::Files(done) => results.push(Ok(done)),
                Taken::Event { raw, message } => {
                    places.push(results.len());
                    results.push(Ok(EventCounts::PASSED));
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
