//! Records of DynamoDB streams, with which an event source mapping invokes ingest.
//!
//! They are taken in their order. One that is refused for good becomes a dead letter, and the others go on. At the first
//! one that may succeed another time, the batch ends: the answer names it, and Lambda repeats the batch from that record
//! on, before any later record of the shard
//! (<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use contracts::{ChangeKind, ChangeMessage, Contract, Decoded};
use event::{Attribute, Code, Failure, FailureKind, Form, Timestamp};
use runtime::{
    BatchItemFailure, BatchResponse, Deadline, EventCounts, Queue, RejectedMessage, Stage, Tally,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::archive::{Raw, Store};
use crate::backlog::Depths;
use crate::emit::dead_letter;
use crate::file_source::FileSource;
use crate::handler::Ingest;
use crate::letters::move_to_archive;
use crate::wrap::{Accepted, DATASET, Origin, wrap};

/// No record is started with less time than this left.
const RESERVE: Duration = Duration::from_secs(2);

/// The source of a record that names no stream. Lambda names it in each.
const NO_STREAM: &str = "arn:aws:dynamodb";

/// What is read of a record before its contract is known.
#[derive(Default, Deserialize)]
struct Head {
    #[serde(rename = "eventID")]
    id: Option<String>,
    #[serde(rename = "eventSourceARN")]
    stream: Option<String>,
    #[serde(default)]
    dynamodb: Position,
}

#[derive(Default, Deserialize)]
struct Position {
    #[serde(rename = "SequenceNumber")]
    sequence_number: Option<String>,
}

/// One record of a batch.
struct Record<'a> {
    text: &'a str,
    origin: Origin,
    /// The id by which an answer names it.
    number: String,
}

impl<'a> Record<'a> {
    fn read(text: &'a str, now: Timestamp) -> Self {
        let Head { id, stream, dynamodb } = serde_json::from_str(text).unwrap_or_default();
        // A failure without a number makes Lambda repeat the whole batch.
        let number = dynamodb.sequence_number.unwrap_or_default();
        let origin = Origin {
            source: stream.unwrap_or_else(|| NO_STREAM.to_owned()),
            id: id.unwrap_or_else(|| format!("record-{number}")),
            trace: None,
            taken_in: now,
            redriven: None,
        };
        Self { text, origin, number }
    }
}

/// The contract of a record's table.
fn contract_of<'c, O: Store + FileSource, Q: Queue + Depths>(
    ingest: &'c Ingest<O, Q>,
    record: &Record<'_>,
) -> Result<&'c Contract, Failure> {
    match ChangeMessage::of(record.text) {
        Some(ChangeMessage::OfTable { kind: ChangeKind::DynamoDb, table }) => {
            ingest.contract_of_table(ChangeKind::DynamoDb, &table)
        }
        Some(ChangeMessage::OfTable { .. } | ChangeMessage::Nothing(_)) | None => {
            let reason = "a record of a DynamoDB stream that names no table";
            Err(Failure::permanent(Code::DecodeFormat, reason))
        }
    }
}

/// The event of a record, raw and as its message; `None` if the record tells of no row.
fn take<O: Store + FileSource, Q: Queue + Depths>(
    ingest: &Ingest<O, Q>,
    contract: &Contract,
    record: &Record<'_>,
) -> Result<Option<(Raw, Accepted)>, Failure> {
    let event = match contract.decode(record.text.as_bytes())? {
        Decoded::Event(event) => event,
        Decoded::Ignored(nothing) => {
            ingest.ignored.add(&[nothing.into()]);
            return Ok(None);
        }
    };
    let origin = record.origin.clone();
    contract.sources.check(&origin.source)?;
    let raw = Raw {
        id: origin.id.clone(),
        source: origin.source.clone(),
        received_at: origin.taken_in,
        attributes: [(DATASET.to_owned(), Attribute::string(&contract.dataset))].into(),
        body: record.text.to_owned(),
    };
    Ok(Some((raw, wrap(contract, event, origin)?)))
}

/// Takes a record. A panic is the record's own failure, and does not stop its shard.
fn try_take<O: Store + FileSource, Q: Queue + Depths>(
    ingest: &Ingest<O, Q>,
    contract: Result<&Contract, Failure>,
    record: &Record<'_>,
) -> Result<Option<(Raw, Accepted)>, Failure> {
    let contract = contract?;
    let taken = catch_unwind(AssertUnwindSafe(|| take(ingest, contract, record)));
    taken.unwrap_or_else(|_message| {
        Err(Failure::permanent(Code::RecordPanicked, "reading the record panicked"))
    })
}

/// The events and dead letters of a batch, each with the place of its record, up to the record that ends it.
#[derive(Default)]
struct Outcome {
    events: Vec<(Raw, Accepted)>,
    places_of_events: Vec<usize>,
    letters: Vec<RejectedMessage>,
    place_of_first_letter: Option<usize>,
    /// The first record that has to come again.
    first_again: Option<usize>,
}

impl Outcome {
    fn come_again(&mut self, place: usize) {
        self.first_again = Some(self.first_again.map_or(place, |first| first.min(place)));
    }
}

/// Takes the records of an invocation. The answer names the first one that has to come again.
pub(crate) async fn take_batch<O: Store + FileSource, Q: Queue + Depths>(
    ingest: &Ingest<O, Q>,
    records: &[Box<RawValue>],
    deadline: &Deadline,
) -> BatchResponse {
    let now = deadline.now();
    let records: Vec<Record<'_>> =
        records.iter().map(|record| Record::read(record.get(), now)).collect();
    let mut outcome = read_all(ingest, &records, deadline);
    let letters = outcome.letters.len() as u64;
    send_letters(ingest, &mut outcome, now).await;
    let sent = ingest.archive_and_pass_on(std::mem::take(&mut outcome.events)).await;
    let mut done = EventCounts::default();
    for (place, sent) in std::mem::take(&mut outcome.places_of_events).into_iter().zip(sent) {
        match sent {
            Ok(counts) => done += counts,
            Err(failure) => {
                log_again(&failure);
                outcome.come_again(place);
            }
        }
    }
    let again = outcome.first_again.and_then(|place| records.get(place));
    let failures: Vec<BatchItemFailure> = again
        .map(|record| BatchItemFailure { message_id: record.number.clone() })
        .into_iter()
        .collect();
    Tally {
        received: records.len(),
        failed: outcome.first_again.map_or(0, |place| records.len() - place),
        done,
        dead_lettered: letters,
        ..Tally::default()
    }
    .log(Ingest::<O, Q>::NAME);
    BatchResponse { failures }
}

/// Reads records until one has to come again.
fn read_all<O: Store + FileSource, Q: Queue + Depths>(
    ingest: &Ingest<O, Q>,
    records: &[Record<'_>],
    deadline: &Deadline,
) -> Outcome {
    let mut outcome = Outcome::default();
    for (place, record) in records.iter().enumerate() {
        if deadline.remaining() < RESERVE {
            outcome.come_again(place);
            break;
        }
        let contract = contract_of(ingest, record);
        let held_to = contract.as_ref().ok().copied();
        let failure = match try_take(ingest, contract, record) {
            Ok(None) => continue,
            Ok(Some(event)) => {
                outcome.events.push(event);
                outcome.places_of_events.push(place);
                continue;
            }
            Err(failure) => failure,
        };
        match failure.kind {
            FailureKind::Permanent => {
                outcome.letters.push(letter(record, held_to, &failure));
                outcome.place_of_first_letter.get_or_insert(place);
            }
            FailureKind::Transient
            | FailureKind::Throttled { .. }
            | FailureKind::Unavailable { .. } => {
                log_again(&failure);
                outcome.come_again(place);
                break;
            }
        }
    }
    outcome
}

/// The dead letter of a record. Its body is the record as it came, which the inbox reads when the letter is redriven.
fn letter(record: &Record<'_>, contract: Option<&Contract>, failure: &Failure) -> RejectedMessage {
    let held_to = contract.map(Contract::reference);
    let (origin, now) = (&record.origin, record.origin.taken_in);
    dead_letter(record.text.as_bytes(), Form::Message, held_to, origin, failure, now)
}

/// Sends the dead letters. If one cannot be sent, the batch is repeated from the first of them on.
async fn send_letters<O: Store + FileSource, Q: Queue + Depths>(
    ingest: &Ingest<O, Q>,
    outcome: &mut Outcome,
    now: Timestamp,
) {
    let Some(first) = outcome.place_of_first_letter else { return };
    let mut letters = std::mem::take(&mut outcome.letters);
    let mut sent = Ok(());
    for letter in letters.iter_mut().filter(|letter| !letter.fits()) {
        let moved = move_to_archive(&ingest.letter_archive(), letter, now).await;
        sent = sent.and(moved);
    }
    if sent.is_ok() {
        sent = ingest.emit.refuse(letters).await;
    }
    if let Err(failure) = sent {
        log_again(&failure);
        outcome.come_again(first);
    }
}

fn log_again(failure: &Failure) {
    tracing::warn!(
        stage = "ingest",
        failure.code = %failure.code,
        failure.reason = %failure.reason,
        "record of a stream has to come again"
    );
}

#[cfg(test)]
mod tests;
