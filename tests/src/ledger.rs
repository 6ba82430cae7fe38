//! What became of the events: written, once, or dead with a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use emulation::dynamodb::audit::written_twice;
use emulation::dynamodb::{Change, ChangeEvent};
use emulation::sqs::ReceivedMessage;
use event::Code;
use serde_json::{Map, Value, json};

use crate::flights::id_of;
use crate::{Flight, World};

/// A message of a queue, or of a letter of the store, with its failure if it has one.
#[derive(Clone, Debug)]
pub struct Letter {
    pub body: String,
    pub failure: Option<Failed>,
    /// Its message group.
    pub group: Option<String>,
}

/// What a dead letter says of its failure, read as anybody can: an attribute that is JSON. Not by the
/// code that writes it.
#[derive(Clone, Debug)]
pub struct Failed {
    pub stage: String,
    pub code: Code,
    pub reason: String,
    pub at: Option<String>,
    /// What groups it.
    pub fingerprint: String,
    pub dataset: Option<String>,
    pub attempts: u64,
    pub parks: u64,
    pub redrives: u64,
    pub first_failed_at: String,
    pub last_failed_at: String,
    /// When it first came in; a letter of before that was told has none.
    pub taken_in_at: Option<String>,
    pub message_id: String,
    /// How the body holds the original bytes: `text`, `base64` or `claim`.
    pub encoding: String,
}

impl Failed {
    /// # Panics
    /// When a member is missing, or is something else: every failure says why.
    fn read(attribute: &str) -> Self {
        let failure: Value = serde_json::from_str(attribute).unwrap();
        let text = |name: &str| {
            let text = failure[name].as_str();
            text.unwrap_or_else(|| panic!("no `{name}` in {failure}")).to_owned()
        };
        let code = Code::ALL.iter().find(|code| code.as_str() == text("code"));
        Self {
            stage: text("stage"),
            code: *code.unwrap_or_else(|| panic!("a code that nobody knows: {failure}")),
            reason: text("reason"),
            at: failure.get("at").map(|_| text("at")),
            fingerprint: text("fingerprint"),
            dataset: failure.get("dataset").map(|_| text("dataset")),
            attempts: failure["attempts"].as_u64().unwrap(),
            parks: failure["parks"].as_u64().unwrap_or_default(),
            redrives: failure["redrives"].as_u64().unwrap(),
            first_failed_at: text("first_failed_at"),
            last_failed_at: text("last_failed_at"),
            taken_in_at: failure.get("taken_in_at").map(|_| text("taken_in_at")),
            message_id: text("message_id"),
            encoding: text("encoding"),
        }
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start: String = self.body.chars().take(60).collect();
        match &self.failure {
            None => write!(f, "without a reason: {start}"),
            Some(Failed { stage, code, reason, at, attempts, redrives, .. }) => {
                let at = at.as_deref().unwrap_or_default();
                write!(f, "{stage} {code} [{at}] {reason} ")?;
                write!(f, "(attempts {attempts}, redrives {redrives}): {start}")
            }
        }
    }
}

impl World {
    /// All messages of a queue, whatever their state; and, of a dead-letter queue, the letters of its stage that wait
    /// in the store for an operator.
    ///
    /// # Panics
    /// When a letter of the store cannot be read as it says.
    #[must_use]
    pub fn letters(&self, queue: &str) -> Vec<Letter> {
        let waiting = self.emulation().sqs().peek(self.name(queue)).into_iter();
        let mut letters: Vec<Letter> = waiting.map(letter).collect();
        if let Some(stage) = self.stage_of(queue) {
            letters.extend(
                self.stored_letters(&stage, &["dead", "quarantined"]).iter().map(stored_letter),
            );
        }
        letters
    }

    /// The messages of a stage's letters that are in one of these states, as they are in the store: read by their
    /// table and their bucket, and not by the code that writes them.
    ///
    /// # Panics
    /// When a letter of the store cannot be read as it says.
    #[must_use]
    pub fn stored_letters(&self, stage: &str, states: &[&str]) -> Vec<Value> {
        let items = self.emulation().dynamodb().scan_all(self.name("LettersTable")).unwrap();
        let mut messages = Vec::new();
        for item in items {
            let item = plain(&json!({ "M": item }));
            let is_meant = |state: &str| states.contains(&state);
            if item["sk"] != "letter" || !item["state"].as_str().is_some_and(is_meant) {
                continue;
            }
            let entry: Value = serde_json::from_str(item["entry"].as_str().unwrap()).unwrap();
            if entry["stage"] != stage {
                continue;
            }
            let message = self.message_at(&entry["place"]);
            assert_eq!((&message["id"], &message["stage"]), (&entry["id"], &entry["stage"]));
            messages.push(message);
        }
        messages
    }

    /// The line of an object of the archive that a letter names.
    fn message_at(&self, place: &Value) -> Value {
        let number = |name: &str| usize::try_from(place[name].as_u64().unwrap()).unwrap();
        let (from, length) = (number("offset"), number("length"));
        let key = place["object"].as_str().unwrap();
        let object = self.emulation().s3().get(self.archive(), key).unwrap();
        serde_json::from_slice(&object.body[from..from + length]).unwrap()
    }

    /// Whose dead letters a queue has, as the collector is told.
    fn stage_of(&self, queue: &str) -> Option<String> {
        let stack = self.emulation().stack();
        let mut functions = stack.functions.iter();
        let collect = functions.find(|function| function.logical_id == "CollectFunction")?;
        let stages: BTreeMap<String, String> =
            serde_json::from_str(&collect.environment["STAGES"]).unwrap();
        let queue = stack.queues.iter().find(|each| each.logical_id == queue)?;
        stages.get(&queue.arn).cloned()
    }

    /// The records table's items, plain JSON, by their flights.
    ///
    /// # Panics
    /// When two items are the same flight.
    #[must_use]
    pub fn records(&self) -> BTreeMap<String, Value> {
        let items = self.rows();
        let count = items.len();
        let records: BTreeMap<String, Value> =
            items.into_iter().map(|item| (id_of(&item["payload"]), item)).collect();
        assert_eq!(records.len(), count, "a flight is in the table under two keys");
        records
    }

    /// The records table's items, of whichever dataset, plain JSON.
    ///
    /// # Panics
    /// When there is no such table.
    #[must_use]
    pub fn rows(&self) -> Vec<Value> {
        let items = self.emulation().dynamodb().scan_all(self.name("RecordsTable")).unwrap();
        items.iter().map(|item| plain(&json!({ "M": item }))).collect()
    }

    /// Holds the world to its promises: exactly these flights are in the table and in the lake, each as
    /// it was sent, each written once, the totals are theirs, and nothing waits in a queue.
    ///
    /// # Panics
    /// With what differs.
    #[track_caller]
    pub fn assert_written_once(&self, flights: &[Flight]) {
        self.assert_in_table(flights);
        self.assert_in_totals(flights);
        self.assert_in_lake(flights);
    }

    /// The records table's part of it. A row that is only ever inserted is its own dedupe record.
    ///
    /// # Panics
    /// With what differs.
    #[track_caller]
    pub fn assert_in_table(&self, flights: &[Flight]) {
        let records = self.records();
        let payloads = records.iter().map(|(id, record)| (id.clone(), record["payload"].clone()));
        assert_as_sent(payloads.collect(), flights);
        self.assert_rows(flights.len());
    }

    /// So many flights are in the records table and in the lake, whichever they are: each row was
    /// written once, and nothing waits in a queue. For more of them than can be compared one by one.
    ///
    /// # Panics
    /// With what differs.
    #[track_caller]
    pub fn assert_counts(&self, flights: usize) {
        self.assert_rows(flights);
        assert_eq!(self.lake_rows(), flights, "rows in the lake's manifests");
        assert_eq!(self.letters("LakeQueue").len(), 0, "LakeQueue is not empty");
    }

    #[track_caller]
    fn assert_rows(&self, flights: usize) {
        let changes = self.emulation().dynamodb().changes(self.name("RecordsTable")).unwrap();
        assert_inserted_once(&changes, flights);
        for queue in ["Inbox", "EnrichQueue", "SinkQueue"] {
            assert_eq!(self.letters(queue).len(), 0, "{queue} is not empty");
        }
    }

    /// A queue's dead letters are these, whatever their order: the code, and a part of where and why.
    ///
    /// # Panics
    /// With what is missing, or too many.
    #[track_caller]
    pub fn assert_letters(&self, queue: &str, expected: &[(Code, &str)]) {
        let mut found: Vec<String> = self.letters(queue).iter().map(Letter::to_string).collect();
        for (code, part) in expected {
            let is_it = |text: &String| text.contains(&format!(" {code} [")) && text.contains(part);
            let place = found.iter().position(is_it);
            let place = place.unwrap_or_else(|| {
                panic!("{queue}: no {code} with `{part}` in\n{}", found.join("\n"))
            });
            found.remove(place);
        }
        assert!(found.is_empty(), "{queue}: unexpected\n{}", found.join("\n"));
    }
}

impl World {
    /// A queue's dead letters have these codes and no others, however many there are of each: what is
    /// delivered twice may be dead twice.
    ///
    /// # Panics
    /// With the letters, if they have others, or one has none.
    #[track_caller]
    pub fn assert_codes(&self, queue: &str, expected: &[Code]) {
        let letters = self.letters(queue);
        let all: Vec<String> = letters.iter().map(Letter::to_string).collect();
        let code = |letter: &Letter| letter.failure.as_ref().map(|failure| failure.code.as_str());
        let found: BTreeSet<_> = letters.iter().map(code).collect();
        let expected: BTreeSet<_> = expected.iter().map(|code| Some(code.as_str())).collect();
        assert_eq!(found, expected, "{queue}:\n{}", all.join("\n"));
    }
}

/// A table was written to so often, and never twice under one key.
#[track_caller]
pub(crate) fn assert_inserted_once(changes: &[Change], expected: usize) {
    let twice = written_twice(changes);
    assert!(twice.is_empty(), "written more than once: {twice:?}");
    let inserts = changes.iter().filter(|change| change.event == ChangeEvent::Insert);
    assert_eq!(inserts.count(), expected, "inserts into the table");
    assert_eq!(changes.len(), expected, "changes of the table");
}

/// Exactly these flights, each as it was sent; what an enricher added aside.
#[track_caller]
pub(crate) fn assert_as_sent(written: BTreeMap<String, Value>, flights: &[Flight]) {
    let sent: BTreeMap<String, &Value> =
        flights.iter().map(|flight| (flight.id(), &flight.value)).collect();
    let (found, expected): (BTreeSet<_>, BTreeSet<_>) =
        (written.keys().collect(), sent.keys().collect());
    let lost: Vec<_> = expected.difference(&found).collect();
    let not_sent: Vec<_> = found.difference(&expected).collect();
    assert!(lost.is_empty(), "{} lost: {lost:?}", lost.len());
    assert!(not_sent.is_empty(), "never sent: {not_sent:?}");
    for (id, mut payload) in written {
        payload.as_object_mut().unwrap().remove("weather");
        assert_eq!(&payload, sent[&id], "{id} is not as it was sent");
    }
}

fn letter(message: ReceivedMessage) -> Letter {
    let attribute = message.message_attributes.get("sluicegate.failure");
    let failure = attribute.and_then(|attribute| attribute.string_value.as_deref());
    let group = message.attributes.get("MessageGroupId").cloned();
    Letter { body: message.body, failure: failure.map(Failed::read), group }
}

fn stored_letter(message: &Value) -> Letter {
    let failure = message["attributes"]["sluicegate.failure"]["value"].as_str();
    Letter {
        body: message["body"].as_str().unwrap().to_owned(),
        failure: failure.map(Failed::read),
        group: message["group"].as_str().map(str::to_owned),
    }
}

/// DynamoDB JSON as the JSON that it stands for.
pub(crate) fn plain(attribute: &Value) -> Value {
    let (kind, value) = attribute.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "M" => {
            let members = value.as_object().unwrap().iter();
            Value::Object(
                members.map(|(name, each)| (name.clone(), plain(each))).collect::<Map<_, _>>(),
            )
        }
        "L" => value.as_array().unwrap().iter().map(plain).collect(),
        "N" => serde_json::from_str(value.as_str().unwrap()).unwrap(),
        "NULL" => Value::Null,
        _ => value.clone(),
    }
}
