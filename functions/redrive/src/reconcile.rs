//! Finds what became of events that were sent: where each event is, and which letters belong to which event.
//!
//! A caller that has the events asks for both, and adds up. No answer and no log line has a payload. An event is
//! identified by its fingerprint, or by the SHA-256 of its bytes if no contract has made a fingerprint of them.

use std::collections::BTreeMap;

use contracts::{Catalog, Contract};
use event::{
    Attribute, Attributes, DeadLetter, Encoding, Envelope, Fingerprint, Form, Payload, hex_sha256,
};
use letters::{
    DATASET, ENRICH, Entry, Evidence as _, INGEST, Indexed, LetterState, LetterStateName, Proof,
    RunId, Seen, Selection, SentEvent, StoredMessage,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::browse::shorten;
use crate::function::Redrive;
use crate::message::Treatment;
use crate::planning::treatment;
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::{EventsOf, PageOf, SentEvents};

/// The most events of a request.
const MOST_EVENTS: usize = 500;

/// The events that a letter belongs to, as the answer identifies them.
#[derive(Debug, Default)]
struct Identity {
    fingerprints: Vec<Fingerprint>,
    /// The SHA-256 of the events' bytes.
    digests: Vec<String>,
    /// The keys of files from which no event was read.
    files: Vec<String>,
    /// The lines of a file that are too large for a message.
    places: Vec<Value>,
}

/// The place of a record that is too large for a message, as ingest writes it: its line or its first byte, and its length.
#[derive(Deserialize, Serialize)]
struct RecordPlace {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    byte: Option<u64>,
    bytes: u64,
}

/// A message whose body is kept elsewhere, as ingest writes it.
#[derive(Deserialize)]
struct Claim {
    sha256: String,
    encoding: Encoding,
}

impl<P: Ports> Redrive<P> {
    /// Where each of these events is, with its fingerprint, in their order. For an event that the contract refuses, the
    /// answer has the code of the refusal.
    pub(crate) async fn reconcile(&self, asked: &SentEvents) -> Result<Value, Problem> {
        if asked.events.len() > MOST_EVENTS {
            let count = asked.events.len();
            let detail = format!("there are {count} `events`; expected {MOST_EVENTS} at most");
            return Err(Problem::malformed(detail));
        }
        let contract = self
            .contracts
            .get(&asked.dataset)
            .map_err(|failure| Problem::unknown(failure.reason))?;
        let events: Vec<Option<SentEvent>> = asked
            .events
            .iter()
            .map(|payload| sent_event(contract, payload, &self.contracts))
            .collect();
        let seen = self.seen_names(&events).await?;
        let mut views = Vec::with_capacity(events.len());
        for ((payload, event), seen) in asked.events.iter().zip(&events).zip(seen) {
            views.push(match event {
                Some(event) => json!({ "seen": seen, "fingerprint": event.fingerprint }),
                None => refused_view(contract, payload),
            });
        }
        Ok(json!({ "at": self.ports.now(), "events": views }))
    }

    /// A page of letters with the events that each belongs to, as many as can be read together. For a redriven letter,
    /// the answer also says whether the event is in its sinks as it was sent.
    pub(crate) async fn events(&self, asked: &EventsOf) -> Result<Value, Problem> {
        let (shelf, after) = start(asked)?;
        let select = Selection { state: Some(shelf), ..asked.select.clone() };
        let page = PageOf { select, after, limit: asked.limit, reveal: None };
        let (mut letters, mut cursor) = self.page(&page).await?;
        if let Some(shortened) = shorten(&mut letters) {
            cursor = Some(shortened);
        }
        let next = match cursor {
            Some(cursor) => Some(format!("{}/{cursor}", shelf.name())),
            None if asked.select.state.is_none() => next_shelf(shelf),
            None => None,
        };
        let entries: Vec<&Entry> = letters.iter().map(|it| &it.entry).collect();
        let messages = self.messages(&entries).await?;
        let first_entries: Vec<Entry> = letters.iter().filter_map(first_collected).collect();
        let first_messages = self.messages(&first_entries.iter().collect::<Vec<_>>()).await?;
        let originals: BTreeMap<&str, &StoredMessage> = first_entries
            .iter()
            .zip(&first_messages)
            .map(|(entry, message)| (entry.id.0.as_str(), message))
            .collect();
        let seen = self.seen_of_redriven(&letters, &messages).await?;
        let mut views = Vec::with_capacity(letters.len());
        for ((indexed, message), seen) in letters.iter().zip(&messages).zip(seen) {
            let mut identity = Identity::default();
            identity.add(message);
            if let Some(original) = originals.get(indexed.entry.id.0.as_str()) {
                identity.add(original);
            }
            views.push(event_view(indexed, &identity, seen));
        }
        Ok(json!({ "at": self.ports.now(), "letters": views, "next": next }))
    }

    /// Where each event is, in their order; `None` for what is not an event.
    pub(crate) async fn look_for(
        &self,
        events: &[Option<SentEvent>],
    ) -> Result<Vec<Option<Seen>>, Problem> {
        let known: Vec<SentEvent> = events.iter().flatten().cloned().collect();
        let mut seen = self.ports.evidence().look(&known).await?.into_iter();
        Ok(events.iter().map(|event| event.as_ref().and_then(|_| seen.next())).collect())
    }

    /// Where each event is, by the names that answers have for it.
    async fn seen_names(
        &self,
        events: &[Option<SentEvent>],
    ) -> Result<Vec<Option<&'static str>>, Problem> {
        let seen = self.look_for(events).await?;
        let mut names = Vec::with_capacity(events.len());
        for (event, seen) in events.iter().zip(seen) {
            names.push(match (event, seen) {
                (Some(event), Some(seen)) => Some(seen_name(event, seen)),
                _ => None,
            });
        }
        Ok(names)
    }

    /// Whether the event of each redriven letter is in its sinks, as the letter's run has sent it. The sinks of other
    /// stages have the event as it was before.
    async fn seen_of_redriven(
        &self,
        letters: &[Indexed],
        messages: &[StoredMessage],
    ) -> Result<Vec<Option<&'static str>>, Problem> {
        let mut treatments: BTreeMap<RunId, Option<Treatment>> = BTreeMap::new();
        let (mut sent, mut others) = (Vec::new(), Vec::new());
        for (indexed, message) in letters.iter().zip(messages) {
            let (mut event, mut other) = (None, None);
            if let LetterState::Redriven { run } = &indexed.letter.state {
                if !treatments.contains_key(run) {
                    treatments.insert(run.clone(), self.treatment_of(run).await?);
                }
                if let Some(treatment) = treatments.get(run).and_then(Option::as_ref) {
                    event = treatment.event(message.clone(), &self.contracts);
                    other = event.as_ref().and_then(|sent| self.in_other_sinks(message, sent));
                }
            }
            sent.push(event);
            others.push(other);
        }
        let seen = self.seen_names(&sent).await?;
        let elsewhere = self.seen_names(&others).await?;
        Ok(seen.into_iter().zip(elsewhere).map(|(one, other)| worse(one, other)).collect())
    }

    /// The letter's event in the sinks that the redriven message does not go to.
    fn in_other_sinks(&self, message: &StoredMessage, sent: &SentEvent) -> Option<SentEvent> {
        if message.stage == INGEST {
            return None;
        }
        let whole =
            SentEvent::of_message(ENRICH, &message.body, &message.attributes, &self.contracts)?;
        let mut proofs = whole.proofs.clone();
        proofs.retain(|proof| sent.proofs.iter().all(|it| sink_of(it) != sink_of(proof)));
        (!proofs.is_empty()).then_some(SentEvent { proofs, ..whole })
    }

    /// What a run does to its letters; `None` if the run or its plan no longer exists.
    async fn treatment_of(&self, run: &RunId) -> Result<Option<Treatment>, Problem> {
        let found = match self.read_run(run).await {
            Ok(ledger) => self.read_plan(&ledger.plan).await,
            Err(problem) => Err(problem),
        };
        match found {
            Ok(header) => Ok(Some(treatment(header.to.clone(), header.patch.as_ref())?)),
            Err(problem) if matches!(problem.kind, ProblemKind::Away | ProblemKind::Contended) => {
                Err(problem)
            }
            Err(_) => Ok(None),
        }
    }
}

/// The event that ingest makes of a payload; `None` if the contract refuses it.
fn sent_event(contract: &Contract, payload: &str, contracts: &Catalog) -> Option<SentEvent> {
    let dataset = Attribute::string(contract.dataset.as_str());
    let attributes: Attributes = [(DATASET.to_owned(), dataset)].into();
    SentEvent::of_message(INGEST, payload, &attributes, contracts)
}

fn refused_view(contract: &Contract, text: &str) -> Value {
    let mut view = json!({ "seen": "refused" });
    let code = match Payload::parse(text.as_bytes()) {
        Ok(payload) => {
            view["fingerprint"] = json!(Fingerprint::of(&payload.value).ok());
            contract.accept(&payload).err().map(|failure| failure.code)
        }
        Err(failure) => Some(failure.code),
    };
    view["code"] = json!(code);
    view
}

/// The name that answers have for where an event is. `unseen` is an event that goes to no sink that can be seen.
fn seen_name(event: &SentEvent, seen: Seen) -> &'static str {
    match seen {
        Seen::Everywhere => "everywhere",
        Seen::Missing => "missing",
        Seen::NotKnown if event.proofs.is_empty() => "unseen",
        Seen::NotKnown => "in-seen-sinks",
    }
}

/// Where an event is that was looked for in two groups of sinks. The second is `None` if it has no sinks.
fn worse(one: Option<&'static str>, other: Option<&'static str>) -> Option<&'static str> {
    match (one?, other) {
        (one, None) => Some(one),
        ("missing", _) | (_, Some("missing")) => Some("missing"),
        ("everywhere", Some("everywhere")) => Some("everywhere"),
        (_, Some(_)) => Some("in-seen-sinks"),
    }
}

fn sink_of(proof: &Proof) -> &str {
    match proof {
        Proof::Record { sink, .. } | Proof::Row { sink, .. } => sink,
    }
}

/// The shelf of a page, and the cursor at which the page begins on it.
fn start(asked: &EventsOf) -> Result<(LetterStateName, Option<String>), Problem> {
    let Some(after) = &asked.after else {
        return Ok((asked.select.state.unwrap_or(LetterStateName::Dead), None));
    };
    let shelf_and_cursor = after.split_once('/').and_then(|(name, cursor)| {
        let shelf = LetterStateName::ALL.into_iter().find(|shelf| shelf.name() == name)?;
        Some((shelf, Some(cursor.to_owned()).filter(|cursor| !cursor.is_empty())))
    });
    shelf_and_cursor.ok_or_else(|| {
        Problem::malformed(format!("`after` is not what a page ended with: {after}"))
    })
}

/// Where the letters of the next state begin.
fn next_shelf(shelf: LetterStateName) -> Option<String> {
    let mut shelves = LetterStateName::ALL.into_iter().skip_while(|it| *it != shelf).skip(1);
    shelves.next().map(|next| format!("{}/", next.name()))
}

/// The entry of a letter with its first message, if the letter has come back since.
fn first_collected(indexed: &Indexed) -> Option<Entry> {
    let place = indexed.entry.original.clone()?;
    Some(Entry { place, ..indexed.entry.clone() })
}

fn event_view(indexed: &Indexed, identity: &Identity, seen: Option<&'static str>) -> Value {
    let Indexed { entry, letter } = indexed;
    json!({
        "id": entry.id,
        "state": letter.state.name(),
        "stage": entry.stage,
        "code": entry.code,
        "seen": seen,
        "fingerprints": identity.fingerprints,
        "digests": identity.digests,
        "files": identity.files,
        "places": identity.places,
    })
}

impl Identity {
    fn add(&mut self, message: &StoredMessage) {
        let letter = DeadLetter::read(&message.attributes);
        let (form, encoding) =
            letter.map(|letter| (letter.form, letter.encoding)).unwrap_or_default();
        if message.stage != INGEST
            && let Ok(envelope) = Envelope::from_json(&message.body)
        {
            self.fingerprints.push(envelope.fingerprint);
            return;
        }
        match (form, encoding) {
            (Form::Place, _) => {
                if let Ok(place) = serde_json::from_str::<RecordPlace>(&message.body) {
                    self.places.push(json!(place));
                }
            }
            (_, Encoding::Claim) => {
                // The digest is that of the body. Only a body in plain text has the event's own bytes.
                if let Ok(Claim { sha256, encoding: Encoding::Text }) =
                    serde_json::from_str(&message.body)
                {
                    self.digests.push(sha256);
                }
            }
            (_, Encoding::Text | Encoding::Base64) => {
                let Some(bytes) = encoding.decode(&message.body) else { return };
                self.digests.push(hex_sha256(&bytes));
                // A line of a file keeps its carriage return, which the caller may count as part of the line end.
                self.digests.extend(bytes.strip_suffix(b"\r").map(hex_sha256));
                if form == Form::Message
                    && let Ok(payload) = Payload::parse(&bytes)
                {
                    self.add_payload(&payload.value, message);
                }
            }
        }
    }

    /// Adds the payload of a message: a producer's event, whose bytes may differ from those in the caller's file, or an
    /// announcement of files.
    fn add_payload(&mut self, payload: &Value, message: &StoredMessage) {
        let is_event = message.stage != INGEST || message.attributes.contains_key(DATASET);
        if is_event {
            self.fingerprints.extend(Fingerprint::of(payload).ok());
            return;
        }
        for record in payload["Records"].as_array().into_iter().flatten() {
            let key = record.pointer("/s3/object/key").and_then(Value::as_str);
            self.files.extend(key.map(str::to_owned));
        }
    }
}
