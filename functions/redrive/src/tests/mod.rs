//! The function over a store, queues and an audit log in memory, with a clock that tests advance.

mod adversary;
mod forecasts;
mod keys;
mod large;
mod notes;
mod plans;
mod reconciling;
mod redriving;
mod sinks;
mod triage;
mod verbs;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aws::QueueDepth;
use contracts::Catalog;
use event::{Attribute, Attributes, Code, DeadLetter, Failure, Timestamp};
use letters::{
    Entry, IndexWrite, IndexWritten, Indexed, KeyStore, LETTER_STORE_FORMAT, Letter, LetterEvent,
    LetterId, LetterIndex as _, LetterObjects as _, OpenBreaker, Place, Proof, Redrive as Life,
    RunId, StoredMessage, step_letter,
};
use runtime::{Audit, Claims, Clock as _};
use serde_json::{Value, json};
use testkit::{ManualClock, MemoryClaims, MemoryEvidence, MemoryLetters, MemoryQueue};

use crate::config::Route;
use crate::function::Redrive;
use crate::ports::Ports;
use crate::problem::Problem;
use crate::request::Request;

const SINK: &str = "http://sqs/1/sink";
const ENRICH: &str = "http://sqs/1/enrich";

/// An audit log that keeps its entries in their order, and that a test can make unavailable.
#[derive(Clone, Default)]
struct MemoryAudit {
    entries: Arc<Mutex<Vec<(String, Value)>>>,
    is_away: Arc<Mutex<bool>>,
}

impl Audit for MemoryAudit {
    async fn add(&self, key: &str, body: Vec<u8>) -> Result<(), String> {
        if *self.is_away.lock().unwrap() {
            return Err("told to be away".to_owned());
        }
        let entry = (key.to_owned(), serde_json::from_slice(&body).unwrap());
        self.entries.lock().unwrap().push(entry);
        Ok(())
    }
}

/// Records which keys were extended, and until when.
#[derive(Clone, Default)]
struct MemoryKeys {
    extended: Arc<Mutex<Vec<(Proof, Timestamp)>>>,
    is_away: Arc<Mutex<bool>>,
    /// The sink whose table is not known.
    unknown: Arc<Mutex<Option<String>>>,
}

impl KeyStore for MemoryKeys {
    fn knows(&self, proof: &Proof) -> bool {
        let (Proof::Record { sink, .. } | Proof::Row { sink, .. }) = proof;
        self.unknown.lock().unwrap().as_ref() != Some(sink)
    }

    async fn extend(
        &self,
        proofs: &[Proof],
        until: Timestamp,
        _now: Timestamp,
    ) -> Result<(), Failure> {
        if *self.is_away.lock().unwrap() {
            return Err(Failure::transient(Code::DependencyUnavailable, "told to be away"));
        }
        let extended = proofs.iter().map(|proof| (proof.clone(), until));
        self.extended.lock().unwrap().extend(extended);
        Ok(())
    }
}

/// Steps that happen while the function waits, one during each wait.
type Meanwhile = Arc<Mutex<Vec<Box<dyn FnOnce() + Send>>>>;

fn run_next(meanwhile: &Meanwhile) {
    let mut all = meanwhile.lock().unwrap();
    let next = if all.is_empty() { None } else { Some(all.remove(0)) };
    drop(all);
    if let Some(next) = next {
        next();
    }
}

#[derive(Clone, Default)]
struct Memory {
    store: MemoryLetters,
    queues: MemoryQueue,
    audit: MemoryAudit,
    evidence: MemoryEvidence,
    keys: MemoryKeys,
    clock: ManualClock,
    depths: Arc<Mutex<BTreeMap<String, u64>>>,
    /// Steps that happen while a queue's depth is read.
    on_depth: Meanwhile,
    open_breaker: Arc<Mutex<Option<String>>>,
    meanwhile: Meanwhile,
    invoked_later: Arc<Mutex<Vec<RunId>>>,
    names: Arc<Mutex<u64>>,
    /// The large events, and the port to them.
    bucket: MemoryClaims,
    claims: OnceLock<Claims>,
    /// The total time of all waits.
    slept: Arc<Mutex<Duration>>,
}

impl Ports for Memory {
    type Index = MemoryLetters;
    type Objects = MemoryLetters;
    type Queues = MemoryQueue;
    type Audit = MemoryAudit;
    type Evidence = MemoryEvidence;
    type Keys = MemoryKeys;

    fn index(&self) -> &MemoryLetters {
        &self.store
    }

    fn objects(&self) -> &MemoryLetters {
        &self.store
    }

    fn queues(&self) -> &MemoryQueue {
        &self.queues
    }

    fn audit(&self) -> &MemoryAudit {
        &self.audit
    }

    fn evidence(&self) -> &MemoryEvidence {
        &self.evidence
    }

    fn keys(&self) -> &MemoryKeys {
        &self.keys
    }

    fn claims(&self) -> &Claims {
        self.claims.get_or_init(|| self.bucket.claims())
    }

    async fn audit_keys(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        let entries = self.audit.entries.lock().unwrap();
        let mut keys: Vec<String> = entries.iter().map(|(key, _)| key.clone()).collect();
        keys.retain(|key| key.starts_with(prefix));
        keys.sort();
        Ok(keys)
    }

    async fn audit_entry(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let entries = self.audit.entries.lock().unwrap();
        let found = entries.iter().find(|(found, _)| found == key);
        Ok(found.map(|(_, entry)| entry.to_string().into_bytes()))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn unique_name(&self) -> String {
        let mut names = self.names.lock().unwrap();
        *names += 1;
        format!("01a22520-b32a-780f-be2f-{:012}", *names)
    }

    async fn depth(&self, queue_url: &str) -> Result<QueueDepth, Failure> {
        run_next(&self.on_depth);
        let waiting = self.depths.lock().unwrap().get(queue_url).copied().unwrap_or(0);
        Ok(QueueDepth { waiting, ..QueueDepth::default() })
    }

    async fn open_breaker(&self, _dependencies: &[String]) -> Option<OpenBreaker> {
        let dependency = self.open_breaker.lock().unwrap().clone()?;
        Some(OpenBreaker { dependency, until: None })
    }

    async fn sleep(&self, time: Duration) {
        self.clock.advance(time);
        *self.slept.lock().unwrap() += time;
        run_next(&self.meanwhile);
    }

    async fn go_on_later(&self, run: &RunId) -> Result<(), Failure> {
        self.invoked_later.lock().unwrap().push(run.clone());
        Ok(())
    }
}

struct World {
    memory: Memory,
    redrive: Redrive<Memory>,
}

fn route(dlq: &str, queue: &str) -> Route {
    Route { dlq: dlq.to_owned(), queue: queue.to_owned() }
}

impl World {
    fn new() -> Self {
        let memory = Memory::default();
        let routes = BTreeMap::from([
            ("sink".to_owned(), route("http://sqs/1/sink-dlq", SINK)),
            ("enrich".to_owned(), route("http://sqs/1/enrich-dlq", ENRICH)),
            (
                "orders".to_owned(),
                route("http://sqs/1/orders-dlq.fifo", "http://sqs/1/orders.fifo"),
            ),
        ]);
        let redrive = Redrive {
            metrics: runtime::Recorder::new("Test"),
            ports: memory.clone(),
            routes,
            stack: "prod".to_owned(),
            contracts: Catalog::default(),
        };
        Self { memory, redrive }
    }

    /// Adds a dead letter to the store, as the collector does.
    fn add(&self, stage: &str, body: &str) -> LetterId {
        self.add_with(stage, body, |_| {})
    }

    fn add_with(&self, stage: &str, body: &str, change: impl FnOnce(&mut Entry)) -> LetterId {
        let attributes = [("a".to_owned(), Attribute::string("v"))].into();
        self.add_message(stage, body, attributes, change)
    }

    fn add_message(
        &self,
        stage: &str,
        body: &str,
        attributes: Attributes,
        change: impl FnOnce(&mut Entry),
    ) -> LetterId {
        let now = self.memory.clock.now();
        let message_id = format!("m-{body}");
        let why = Failure::permanent(Code::ContractViolation, "expected integer").at("/distance");
        let failed = DeadLetter::new(stage, &why, now, &message_id);
        let group = failed.fingerprint();
        let attributes = failed.write(attributes);
        let id = LetterId::of(stage, &message_id, body);
        let message = StoredMessage {
            message_format: LETTER_STORE_FORMAT,
            id: id.clone(),
            stage: stage.to_owned(),
            body: body.to_owned(),
            attributes,
            group: None,
            message_id: format!("dlq-{message_id}"),
            sent_at: None,
            receive_count: 1,
            moved_from: None,
        };
        let line = serde_json::to_vec(&message).unwrap();
        let place = Place {
            object: format!("dead-letters/{}.ndjson", id.0),
            offset: 0,
            length: line.len() as u64,
        };
        block(self.memory.store.add(&place.object, line)).unwrap();
        let mut entry = Entry {
            entry_format: LETTER_STORE_FORMAT,
            id: id.clone(),
            stage: stage.to_owned(),
            code: Code::ContractViolation,
            kind: "permanent".to_owned(),
            reason: "expected integer".to_owned(),
            at: Some("/distance".to_owned()),
            group,
            dataset: Some("flights".to_owned()),
            contract_version: Some(1),
            tenant: None,
            message_id,
            taken_in_at: now,
            remembered_until: None,
            first_failed_at: now,
            last_failed_at: now,
            collected_at: now,
            attempts: 1,
            parks: 0,
            redrives: 0,
            traceparent: None,
            collected_as: Vec::new(),
            is_moved_by_sqs: false,
            bytes: body.len() as u64,
            place,
            original: None,
        };
        change(&mut entry);
        let write =
            IndexWrite { expected: None, to: Indexed { entry, letter: Letter::collected() } };
        block(async {
            let written = self.memory.store.write(&[write], None).await;
            assert_eq!(written, [IndexWritten::Written]);
        });
        id
    }

    /// Makes a letter fail again in the life that its last run gave it.
    fn come_back(memory: &Memory, id: &LetterId) {
        let held = memory.store.letters()[id].clone();
        let redrive = held.letter.redrive().unwrap();
        let run = redrive.run.clone();
        let event = LetterEvent::ComeBack { redrive, most_redrives: 5 };
        let letter = step_letter(&held.letter, event).unwrap();
        let to = Indexed { entry: held.entry, letter };
        let write = IndexWrite { expected: Some(held.letter.version), to };
        block(async {
            let written = memory.store.write(&[write], Some(&run)).await;
            assert_eq!(written, [IndexWritten::Written]);
        });
    }

    async fn ask(&self, verb: Value) -> Result<Value, Problem> {
        let operator = json!({ "arn": "ann", "source_ip": "::1", "user_agent": "t" });
        let request = json!({ "do": verb, "operator": operator, "request_id": "r" });
        let deadline = self.memory.clock.deadline_in(Duration::from_secs(300));
        self.redrive.answer(Request::read(request)?, "invocation", &deadline).await
    }

    async fn asked(&self, verb: Value) -> Value {
        self.ask(verb).await.unwrap_or_else(|problem| panic!("{problem:?}"))
    }

    /// Plans all dead letters, and begins a run of the plan.
    async fn begin(&self, pace: Value) -> String {
        let plan = self.asked(json!({ "plan": {} })).await["plan"].clone();
        let verb = json!({ "redrive": { "plan": plan, "why": "mended", "pace": pace } });
        self.asked(verb).await["run"].as_str().unwrap().to_owned()
    }

    async fn work(&self, run: &str) {
        self.asked(json!({ "work": { "run": run } })).await;
    }

    async fn status(&self, run: &str) -> Value {
        self.asked(json!({ "status": { "run": run } })).await["run"].clone()
    }

    fn body_of(&self, id: &LetterId) -> String {
        self.memory.store.letters()[id].entry.message_id.trim_start_matches("m-").to_owned()
    }

    fn state_of(&self, id: &LetterId) -> &'static str {
        self.memory.store.letters()[id].letter.state.name()
    }

    fn audited(&self) -> Vec<String> {
        let entries = self.memory.audit.entries.lock().unwrap();
        entries.iter().map(|(_, entry)| audit_line(entry)).collect()
    }
}

/// The act, the phase and the operator of an audit entry.
fn audit_line(entry: &Value) -> String {
    let act = entry["act"].as_str().unwrap_or_default();
    let phase = entry["phase"].as_str().unwrap_or_default();
    format!("{act} {phase} {}", entry["operator"]["arn"].as_str().unwrap())
}

/// Polls a future to its end. Ports in memory are pending only to let others run first.
fn block<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}

/// The letter and the redrive that a message says it belongs to.
fn life_of(message: &runtime::Outgoing) -> (String, Life) {
    let letter = DeadLetter::read(&message.attributes).unwrap();
    let mark = letter.redrive.unwrap();
    (mark.letter, Life { run: RunId(mark.run), count: mark.count })
}
