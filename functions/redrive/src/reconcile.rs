//! What became of events that were sent: where each is, and which letters are of which event.
//!
//! Whoever has the events asks for both, and adds up. No payload is in an answer, and none is logged: an event is told by
//! its fingerprint, or by the SHA-256 of its bytes where no contract has made a fingerprint of them.

use std::collections::BTreeMap;

use contracts::{Catalog, Contract};
use event::{
    Attribute, Attributes, DeadLetter, Encoding, Envelope, Fingerprint, Form, Payload, hex_sha256,
};
use letters::{
    DATASET, ENRICH, Entry, Evidence as _, INGEST, Indexed, LetterState, LetterStateName, Proof,
    RunId, Seen, Selection, SentEvent, StoredMessage,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::browse::shorten;
use crate::function::Redrive;
use crate::message::Treatment;
use crate::planning::treatment;
use crate::ports::Ports;
use crate::problem::{Problem, ProblemKind};
use crate::request::{EventsOf, PageOf, SentEvents};

/// Events of a request.
const MOST_EVENTS: usize = 500;

/// What tells which events a letter is of, in the answer.
#[derive(Debug, Default)]
struct Identity {
    fingerprints: Vec<Fingerprint>,
    /// The SHA-256 of an event's bytes.
    digests: Vec<String>,
    /// The keys of files that no event was read from.
    files: Vec<String>,
    /// Lines of a file that no message could hold.
    places: Vec<Value>,
}

/// Where in a file a line is that no message could hold; as ingest writes it.
#[derive(Deserialize)]
struct LinePlace {
    line: u64,
    bytes: u64,
}

/// A message that is kept elsewhere; as ingest writes it.
#[derive(Deserialize)]
struct Claim {
    sha256: String,
    encoding: Encoding,
}

impl<P: Ports> Redrive<P> {
    /// Where each of these events is, in their order, and its fingerprint; of one that the contract refuses, its code.
    pub(crate) async fn reconcile(&self, asked: &SentEvents) -> Result<Value, Problem> {
        if asked.events.len() > MOST_EVENTS {
            let count = asked.events.len();
            let detail = format!("there are {count} `events`; expected {MOST_EVENTS} at most");
            return Err(Problem::malformed(detail));
        }
        let contract = self.contracts.get(&asked.dataset);
        let contract = contract.map_err(|failure| Problem::unknown(failure.reason))?;
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

    /// Letters with what tells which event each is of, as many as can be read at once. Of one that was redriven, also
    /// whether its event is in its sinks, as it was sent on.
    pub(crate) async fn events(&self, asked: &EventsOf) -> Result<Value, Problem> {
        let (shelf, after) = start(asked)?;
        let select = Selection { state: Some(shelf), ..asked.select.clone() };
        let page = PageOf { select, after, limit: asked.limit, reveal: None };
        let (mut letters, mut next) = self.page(&page).await?;
        if let Some(cursor) = shorten(&mut letters) {
            next = Some(cursor);
        }
        let next = match next {
            Some(cursor) => Some(format!("{}/{cursor}", shelf.name())),
            None if asked.select.state.is_none() => following(shelf),
            None => None,
        };
        let entries: Vec<&Entry> = letters.iter().map(|it| &it.entry).collect();
        let messages = self.messages(&entries).await?;
        let originals: Vec<Entry> = letters.iter().filter_map(first_collected).collect();
        let originals = self.messages(&originals.iter().collect::<Vec<_>>()).await?;
        let originals: BTreeMap<&str, &StoredMessage> = letters
            .iter()
            .filter(|it| it.entry.original.is_some())
            .zip(&originals)
            .map(|(it, message)| (it.entry.id.0.as_str(), message))
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

    /// Where each event is, in their order; `None` of what is none.
    pub(crate) async fn look_for(
        &self,
        events: &[Option<SentEvent>],
    ) -> Result<Vec<Option<Seen>>, Problem> {
        let known: Vec<SentEvent> = events.iter().flatten().cloned().collect();
        let mut seen = self.ports.evidence().look(&known).await?.into_iter();
        Ok(events.iter().map(|event| event.as_ref().and_then(|_| seen.next())).collect())
    }

    /// The same, as it is answered.
    async fn seen_names(
        &self,
        events: &[Option<SentEvent>],
    ) -> Result<Vec<Option<&'static str>>, Problem> {
        let seen = self.look_for(events).await?;
        let named = |(event, seen): (&Option<SentEvent>, Option<Seen>)| {
            Some(seen_name(event.as_ref()?, seen?))
        };
        Ok(events.iter().zip(seen).map(named).collect())
    }

    /// Of each letter that was redriven, whether its event is in its sinks: by what its run has made of its message. The
    /// sinks of other stages have the event as it was before.
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

    /// The letter's event in those sinks that what was sent on does not go to.
    fn in_other_sinks(&self, message: &StoredMessage, sent: &SentEvent) -> Option<SentEvent> {
        if message.stage == INGEST {
            return None;
        }
        let whole =
            SentEvent::of_message(ENRICH, &message.body, &message.attributes, &self.contracts)?;
        let is_reached = |proof: &Proof| sent.proofs.iter().any(|it| sink_of(it) == sink_of(proof));
        let proofs: Vec<Proof> =
            whole.proofs.iter().filter(|proof| !is_reached(proof)).cloned().collect();
        (!proofs.is_empty()).then_some(SentEvent { proofs, ..whole })
    }

    /// What a run does to its letters; `None` where it, or its plan, is not kept any more.
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

/// The event of a payload, as ingest takes it in; `None` of one that the contract refuses.
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

/// As it is answered. Of an event that goes to no sink that can be seen, nothing is known.
fn seen_name(event: &SentEvent, seen: Seen) -> &'static str {
    match seen {
        Seen::Everywhere => "everywhere",
        Seen::Missing => "missing",
        Seen::NotKnown if event.proofs.is_empty() => "unseen",
        Seen::NotKnown => "in-seen-sinks",
    }
}

/// What is known of an event that is looked for in two groups of sinks. The second is `None` where there are no such
/// sinks.
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

/// The shelf that a page is of, and where on it the page begins.
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
fn following(shelf: LetterStateName) -> Option<String> {
    let mut shelves = LetterStateName::ALL.into_iter().skip_while(|it| *it != shelf).skip(1);
    shelves.next().map(|next| format!("{}/", next.name()))
}

/// The entry of a letter as it was collected first, if it has come back since.
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
                let place = serde_json::from_str(&message.body).ok();
                let view = |LinePlace { line, bytes }| json!({ "line": line, "bytes": bytes });
                self.places.extend(place.map(view));
            }
            (_, Encoding::Claim) => {
                // The digest is of the body, which holds the bytes as they are only as text.
                let claim: Option<Claim> = serde_json::from_str(&message.body).ok();
                let is_text = |claim: &Claim| claim.encoding == Encoding::Text;
                self.digests.extend(claim.filter(is_text).map(|claim| claim.sha256));
            }
            (_, Encoding::Text | Encoding::Base64) => {
                let Some(bytes) = encoding.decode(&message.body) else { return };
                self.digests.push(hex_sha256(&bytes));
                // A line of a file has its carriage return, which whoever reads the file may take for its end.
                self.digests.extend(bytes.strip_suffix(b"\r").map(hex_sha256));
                if form == Form::Message
                    && let Ok(payload) = Payload::parse(&bytes)
                {
                    self.add_payload(&payload.value, message);
                }
            }
        }
    }

    /// A producer's event, which may be written in other bytes in whoever's file; or an announcement of files.
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
