//! The stage: a message of the inbox is one event, such as the change of a row, or announces files of events.

use contracts::{Catalog, ChangeKind, Contract, Decoded, Incoming, Sender, SourceKind, Variables};
use event::{
    Code, ContractRef, CsvHeader, DeadLetter, Encoding, Failure, FailureKind, Form, Redriven,
    Timestamp, TraceParent,
};
use runtime::{Deadline, EventCounts, Queue, Record, RejectedMessage, Stage};
use tokio::sync::Mutex;

use crate::adapters::{self, IgnoredCounts, Meaning, SentChange, SentEvent};
use crate::archive::{self, Raw, Store};
use crate::backlog::Depths;
use crate::emit::{Emit, STAGE};
use crate::file::read_row;
use crate::file_source::FileSource;
use crate::letters::{self, Archive};
use crate::slices::Progress;
use crate::wrap::{Accepted, DATASET, KeptOrigin, Origin, TRACE, at_place, wrap};

pub(crate) struct Ingest<O, Q> {
    pub(crate) contracts: Catalog,
    /// The values of the variables by which contracts name who may send.
    pub(crate) variables: Variables,
    pub(crate) objects: O,
    pub(crate) archive_bucket: String,
    pub(crate) emit: Emit<Q>,
    /// About how many bytes of a file one invocation reads.
    pub(crate) slice_bytes: u64,
    /// What was announced in this invocation and is not read.
    pub(crate) ignored: IgnoredCounts,
    /// Held by the file that is read by its rows.
    pub(crate) turn: Mutex<()>,
}

/// How often a file is read that takes longer than one invocation has, and that no other can go on with. Other files may
/// have been read at the same time.
const READINGS: u32 = 3;

/// A message as its producer sent it, with its dead letter if it was redriven.
pub(crate) struct Message<'a> {
    pub(crate) record: &'a Record,
    /// The message as it was received, which is a dead letter if it was redriven.
    pub(crate) received: &'a Record,
    /// How the message's body holds the original bytes.
    encoding: Encoding,
    /// The failure for which the message was a dead letter; `None` if it has not been one.
    letter: Option<&'a DeadLetter>,
}

impl Message<'_> {
    /// When the message was first received.
    fn taken_in(&self, now: Timestamp) -> Timestamp {
        self.letter.map_or_else(|| self.record.taken_in(now), DeadLetter::taken_in)
    }

    /// How far the files that it announces are read. The message as it was received says it: of a letter whose message is
    /// in the archive, the archived attributes are those of the first message.
    pub(crate) fn progress(&self, now: Timestamp) -> Progress {
        let received = Progress::read(&self.received.attributes);
        received.or_else(|| Progress::read(&self.record.attributes)).unwrap_or_else(|| {
            let id = self.letter.map_or(&self.record.message_id, |letter| &letter.message_id);
            Progress::new(id, self.taken_in(now))
        })
    }

    /// The failure of a file that no invocation can go on with is transient, until some have tried.
    pub(crate) fn refused_if_tried(&self, mut failure: Failure) -> Failure {
        if failure.code == Code::SizeExceeded && self.received.receive_count >= READINGS {
            failure.kind = FailureKind::Permanent;
        }
        failure
    }

    /// The run of redrive that sent the message again. Only the dead letter is believed in this, since a producer may
    /// set any other attribute.
    pub(crate) fn redriven(&self) -> Option<Redriven> {
        self.letter?.redrive.clone().map(Redriven::from)
    }

    /// Who sent the message to the inbox first. Only the dead letter is believed if there is one, since the message
    /// was sent by redrive then. A letter of an earlier version does not say who it was.
    fn sender(&self) -> Sender<'_> {
        let id = match self.letter {
            Some(letter) => letter.sender.as_deref(),
            None => self.record.sender.as_deref(),
        };
        Sender { id, arn: None }
    }

    /// Whether a later stage had the event before. It was taken in then, and held to the ways and senders of its
    /// contract, of which its letter says nothing.
    fn was_taken_in(&self) -> bool {
        self.letter.is_some_and(|letter| letter.stage != STAGE)
    }

    /// The header of the message's columns, if it is a record of a CSV file.
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

/// The outcome of a message.
pub(crate) enum Taken {
    /// One event, which is archived and sent on with its batch.
    Event { raw: Raw, event: Accepted },
    /// Nothing is left to do. The events of files were sent on while the files were read.
    Done(EventCounts),
}

impl<O: Store + FileSource, Q: Queue + Depths> Ingest<O, Q> {
    pub(crate) fn new(
        contracts: Catalog,
        variables: Variables,
        objects: O,
        archive_bucket: String,
        emit: Emit<Q>,
        slice_bytes: u64,
    ) -> Self {
        let ignored = IgnoredCounts::default();
        Self {
            contracts,
            variables,
            objects,
            archive_bucket,
            emit,
            slice_bytes,
            ignored,
            turn: Mutex::default(),
        }
    }

    /// Takes a message, which is one event or announces files.
    async fn take(&self, message: &Message<'_>, deadline: &Deadline) -> Result<Taken, Failure> {
        let record = message.record;
        if let Some(dataset) = record.attribute(DATASET) {
            let bytes = message.encoding.decode(&record.body).ok_or_else(|| {
                Failure::permanent(Code::DecodeUtf8, "a dead letter whose body is not base64")
            })?;
            let trace = record.attribute(TRACE);
            let contract = self.contract(dataset)?;
            return self.event(message, contract, &bytes, trace, deadline.now());
        }
        match read_message(record)? {
            Meaning::Event(SentEvent { dataset, payload, trace }) => {
                let contract = self.contract(&dataset)?;
                let bytes = payload.as_bytes();
                self.event(message, contract, bytes, trace.as_deref(), deadline.now())
            }
            Meaning::Change(SentChange { kind, table, message: sent, trace }) => {
                let contract = self.contract_of_table(kind, &table)?;
                self.event(message, contract, sent.as_bytes(), trace.as_deref(), deadline.now())
            }
            Meaning::Announcement(announcement) => {
                self.read_files(&announcement, message, deadline).await.map(Taken::Done)
            }
        }
    }

    /// The contract of a dataset, whose events there are queues for.
    ///
    /// # Errors
    /// As [`Catalog::get`] and [`Emit::check_queues`].
    pub(crate) fn contract(&self, dataset: &str) -> Result<&Contract, Failure> {
        let contract = self.contracts.get(dataset)?;
        self.emit.check_queues(contract)?;
        Ok(contract)
    }

    /// The contract of the dataset that has the changes of a table.
    ///
    /// # Errors
    /// As [`Catalog::of_table`] and [`Emit::check_queues`].
    pub(crate) fn contract_of_table(
        &self,
        kind: ChangeKind,
        table: &str,
    ) -> Result<&Contract, Failure> {
        let contract = self.contracts.of_table(kind, table)?;
        self.emit.check_queues(contract)?;
        Ok(contract)
    }

    fn event(
        &self,
        message: &Message<'_>,
        contract: &Contract,
        bytes: &[u8],
        trace: Option<&str>,
        now: Timestamp,
    ) -> Result<Taken, Failure> {
        let Message { record, letter, .. } = *message;
        let header = message.csv_header()?;
        let kept = letter.and_then(|letter| KeptOrigin::of(letter, &record.attributes));
        let checked = self.check_source(message, contract, kept.as_ref());
        let id = letter.map_or(&record.message_id, |letter| &letter.message_id);
        let source = kept.as_ref().map_or(&record.queue_arn, |kept| &kept.source);
        let origin = Origin {
            source: source.clone(),
            id: id.clone(),
            trace: trace.and_then(TraceParent::parse),
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
        let place = kept.and_then(|kept| kept.place);
        let decoded = match (checked, header) {
            (Err(refused), _) => Err(refused),
            (Ok(()), Some(header)) => {
                read_row(contract, &header, bytes).map(Incoming::from).map(Decoded::Event)
            }
            (Ok(()), None) => contract.decode(bytes),
        };
        let wrapped = match decoded {
            Ok(Decoded::Event(event)) => wrap(contract, event, origin),
            Ok(Decoded::Ignored(nothing)) => {
                self.ignored.add(&[nothing.into()]);
                return Ok(Taken::Done(EventCounts::default()));
            }
            Err(failure) => Err(failure),
        };
        let event = wrapped.map_err(|failure| match place {
            Some(place) => at_place(failure, place),
            None => failure,
        })?;
        Ok(Taken::Event { raw, event })
    }

    /// Checks that the event of a message may come by this way, and from who sent it. `kept` is where it came from if
    /// it is a letter of what came without a queue.
    fn check_source(
        &self,
        message: &Message<'_>,
        contract: &Contract,
        kept: Option<&KeptOrigin>,
    ) -> Result<(), Failure> {
        if message.was_taken_in() {
            return Ok(());
        }
        let sources = &contract.sources;
        match kept {
            Some(kept) => sources.check(&kept.source),
            None => {
                sources.check(&message.record.queue_arn)?;
                sources.check_sender(SourceKind::Inbox, message.sender(), &self.variables)
            }
        }
    }

    pub(crate) fn letter_archive(&self) -> Archive<'_, O> {
        Archive { objects: &self.objects, bucket: &self.archive_bucket }
    }

    /// The dataset of a message; of an announcement, the one that all its objects have. `None` where there is no such
    /// dataset.
    fn dataset_of(&self, record: &Record) -> Option<String> {
        if let Some(dataset) = record.attribute(DATASET) {
            return Some(dataset.to_owned());
        }
        let objects = match read_message(record).ok()? {
            Meaning::Event(event) => return Some(event.dataset),
            Meaning::Change(SentChange { kind, table, .. }) => {
                return Some(self.contracts.of_table(kind, &table).ok()?.dataset.clone());
            }
            Meaning::Announcement(announcement) => announcement.objects,
        };
        let mut datasets = objects.iter().map(|object| object.key.split_once('/'));
        let (first, _) = datasets.next()??;
        let is_one = datasets.all(|other| other.is_some_and(|(dataset, _)| dataset == first));
        is_one.then(|| first.to_owned())
    }

    /// Puts the raw batch into the archive, and then sends its events on. If the archive fails, no event is sent.
    pub(crate) async fn archive_and_pass_on(
        &self,
        events: Vec<(Raw, Accepted)>,
    ) -> Vec<Result<EventCounts, Failure>> {
        let (raws, events): (Vec<Raw>, Vec<Accepted>) = events.into_iter().unzip();
        if let Err(failure) = self.archive(&raws).await {
            return vec![Err(failure); raws.len()];
        }
        self.emit.pass_on(events).await
    }

    async fn archive(&self, batch: &[Raw]) -> Result<(), Failure> {
        let Some(key) = archive::batch_key(batch) else { return Ok(()) };
        let body = archive::encode(batch).map_err(|error| {
            Failure::transient(Code::DependencyRefused, format!("encoding the archive: {error}"))
        })?;
        self.objects.put(&self.archive_bucket, &key, body).await
    }
}

/// Reads a message that has no attribute with its dataset. The objects that it announces are in the partition of the
/// queue.
fn read_message(record: &Record) -> Result<Meaning, Failure> {
    let partition = record.queue_arn.split(':').nth(1).filter(|partition| !partition.is_empty());
    adapters::read(&record.body, partition.unwrap_or("aws"))
}

impl<O: Store + FileSource, Q: Queue + Depths> Stage for Ingest<O, Q> {
    const NAME: &'static str = STAGE;

    type Prepared = Taken;

    async fn prepare(&self, record: &Record, deadline: &Deadline) -> Result<Taken, Failure> {
        let Some(letter) = record.earlier() else {
            let (received, encoding) = (record, Encoding::Text);
            let message = Message { record, received, encoding, letter: None };
            return self.take(&message, deadline).await;
        };
        let received = record;
        let (record, encoding) = letters::original(&self.letter_archive(), record, &letter).await?;
        let message = Message { record: &record, received, encoding, letter: Some(&letter) };
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
        letters::move_to_archive(&self.letter_archive(), refused, deadline.now()).await
    }

    async fn commit(&self, batch: Vec<Taken>, _: &Deadline) -> Vec<Result<EventCounts, Failure>> {
        let mut results = Vec::with_capacity(batch.len());
        let (mut events, mut places) = (Vec::new(), Vec::new());
        for taken in batch {
            match taken {
                Taken::Done(done) => results.push(Ok(done)),
                Taken::Event { raw, event } => {
                    places.push(results.len());
                    results.push(Ok(EventCounts::PASSED));
                    events.push((raw, event));
                }
            }
        }
        let sent = self.archive_and_pass_on(events).await;
        for (place, sent) in places.into_iter().zip(sent) {
            results[place] = sent;
        }
        results
    }
}

#[cfg(test)]
mod tests;
