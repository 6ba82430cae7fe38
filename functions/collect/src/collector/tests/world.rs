//! A dead-letter queue and the store, events that change both, and checks of what must hold.
//!
//! The checks read the store as JSON, without the code that the collector writes it with.

use std::collections::{BTreeMap, BTreeSet};

use event::{Attribute, Attributes, ContractRef, DeadLetter, RedriveMark};
use letters::{Letter, LetterState};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{LetterFault, ManualClock, MemoryClaims, MemoryLetters};

use crate::collector::*;

pub(super) const DLQ: &str = "arn:aws:sqs:eu-west-1:000000000000:SinkDlq";
pub(super) const SINK: &str = "arn:aws:sqs:eu-west-1:000000000000:Sink";

/// A dead-letter queue, the store, and a model of what both must hold.
pub(super) struct World {
    pub(super) store: MemoryLetters,
    pub(super) clock: ManualClock,
    pub(super) contracts: Catalog,
    /// The large events.
    pub(super) bucket: MemoryClaims,
    pub(super) queue: Vec<Record>,
    /// The number of ids that SQS has given.
    pub(super) ids: u32,
    /// The messages that each letter may have in the store, by body.
    pub(super) failed: BTreeMap<String, Vec<Message>>,
    /// The messages of each letter's first life, by body.
    pub(super) first: BTreeMap<String, Vec<Message>>,
    /// The bodies of letters with several messages in their first life. One of them can be collected after the letter
    /// has come back.
    pub(super) copied: BTreeSet<String>,
    /// How often a letter was given back because its run was cancelled, by body.
    pub(super) recalled: BTreeMap<String, u32>,
    /// The run and the body of each letter that came back.
    pub(super) lives: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub(super) attributes: Value,
    pub(super) group: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Event {
    /// An event fails, and its stage writes its letter.
    Fail,
    /// SQS moves a message.
    Move,
    /// A letter in the queue is sent once more, with another id.
    Copy(usize),
    Collect(Delivery),
    /// All dead letters are redriven. Those that `failing` selects fail again, or are given back if the run is
    /// cancelled.
    Redrive {
        failing: u8,
        is_cancelled: bool,
    },
    Pass,
}

/// Two concurrent batches of messages, by their positions in the queue. The deletions of some are lost.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) batches: [Vec<usize>; 2],
    pub(super) undeleted: u8,
    pub(super) faults: Vec<LetterFault>,
}

fn string(text: &str) -> Value {
    json!({ "type": "String", "value": text })
}

fn attributes_json(attributes: &Attributes) -> Value {
    let each = attributes.iter();
    each.map(|(name, it)| (name.clone(), json!({ "type": it.data_type, "value": it.value })))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            store: MemoryLetters::default(),
            clock: ManualClock::default(),
            contracts: Catalog::default(),
            bucket: MemoryClaims::default(),
            queue: Vec::new(),
            ids: 0,
            failed: BTreeMap::new(),
            first: BTreeMap::new(),
            copied: BTreeSet::new(),
            recalled: BTreeMap::new(),
            lives: Vec::new(),
        }
    }

    pub(super) fn id(&mut self) -> String {
        self.ids += 1;
        format!("id-{}", self.ids)
    }

    pub(super) fn collector(&self) -> Collector<MemoryLetters, MemoryLetters> {
        let variables = BTreeMap::from([("TRUSTED_SENDERS", "AROAREDRIVE")]);
        Collector {
            index: self.store.clone(),
            objects: self.store.clone(),
            contracts: self.contracts.clone(),
            stages: BTreeMap::from([(DLQ.to_owned(), "sink".to_owned())]),
            trusted_senders: TrustedSenders::read(&variables).unwrap(),
            claims: self.bucket.claims(),
        }
    }

    pub(super) fn enqueue(&mut self, record: Record, attributes: Value) {
        let message = Message { attributes, group: json!(record.fair_group) };
        self.failed.entry(record.body.clone()).or_default().push(message);
        self.queue.push(record);
    }

    pub(super) fn fail(&mut self, is_moved: bool) {
        let (id, now) = (self.id(), self.clock.now());
        let own = Attributes::from([("dataset".to_owned(), Attribute::string("flights"))]);
        let failure = Failure::permanent(event::Code::KeyMissing, "nothing at `/id`");
        let letter = DeadLetter::new("sink", &failure, now, &format!("first of {id}"))
            .held_to(Some(ContractRef::of_dataset("flights")));
        let record = Record {
            body: format!("body \"of\" {id}\nü"),
            attributes: if is_moved { own } else { letter.write(own) },
            fair_group: self.ids.is_multiple_of(2).then(|| "tenant-7".to_owned()),
            moved_from: is_moved.then(|| SINK.to_owned()),
            sent_at: Some(now),
            queue_arn: DLQ.to_owned(),
            receive_count: 1,
            message_id: id,
            ..Record::default()
        };
        let attributes = attributes_json(&record.attributes);
        self.enqueue(record.clone(), attributes);
        self.first.insert(record.body.clone(), self.failed[&record.body].clone());
    }

    pub(super) fn copy(&mut self, place: usize) {
        let Some(record) = self.queue.get(place % self.queue.len().max(1)).cloned() else { return };
        // SQS moves a message only once.
        if record.moved_from.is_some() {
            return;
        }
        self.copied.insert(record.body.clone());
        let attributes = attributes_json(&record.attributes);
        let message_id = self.id();
        self.enqueue(Record { message_id, ..record }, attributes);
    }

    pub(super) async fn collect(&mut self, delivery: &Delivery) {
        self.store.fail(delivery.faults.iter().copied());
        let deadline = self.clock.deadline_in(Duration::from_secs(30));
        let [one, other] = &delivery.batches;
        let (one, other) = (self.batch(one), self.batch(other));
        let collectors = (self.collector(), self.collector());
        let (of_one, of_other) = tokio::join!(
            collectors.0.collect(one.clone(), &deadline),
            collectors.1.collect(other.clone(), &deadline)
        );
        self.store.mend();
        let mut acknowledged = Vec::new();
        for (batch, response) in [(one, of_one), (other, of_other)] {
            let failed: BTreeSet<String> =
                response.failures.into_iter().map(|it| it.message_id).collect();
            acknowledged.extend(batch.into_iter().filter(|it| !failed.contains(&it.message_id)));
        }
        for (number, record) in acknowledged.into_iter().enumerate() {
            self.check_is_there(&record);
            if delivery.undeleted & (1 << (number % 8)) == 0 {
                self.queue.retain(|it| it.message_id != record.message_id);
            }
        }
    }

    /// The messages of the queue at these positions, each once.
    fn batch(&self, places: &[usize]) -> Vec<Record> {
        let places: BTreeSet<usize> =
            places.iter().map(|it| it % self.queue.len().max(1)).collect();
        places.iter().filter_map(|place| self.queue.get(*place).cloned()).collect()
    }

    /// An acknowledged letter is in the store, and the store does not wait for it to come back in this life.
    pub(super) fn check_is_there(&self, record: &Record) {
        let letters = self.store.letters();
        let body = |entry: &letters::Entry| self.line(&entry.place)["body"].clone();
        let mut of_it = letters.values().filter(|it| body(&it.entry) == record.body.as_str());
        let letter =
            of_it.next().unwrap_or_else(|| panic!("acknowledged, and not there: {record:?}"));
        if let Some(mark) = DeadLetter::read(&record.attributes).and_then(|it| it.redrive) {
            let is_out = matches!(letter.letter.state, LetterState::Redriven { .. });
            let is_of_it = letter.letter.runs.len() == mark.count as usize;
            assert!(!(is_out && is_of_it), "acknowledged, and not back: {letter:?}");
        }
    }

    /// The line at a place, read from its object.
    pub(super) fn line(&self, place: &Place) -> Value {
        let objects = self.store.objects();
        let object = &objects[&place.object];
        let (from, to) = (place.offset as usize, (place.offset + place.length) as usize);
        assert!(from == 0 || object[from - 1] == b'\n', "a line begins where another ends");
        assert_eq!(object[to], b'\n');
        serde_json::from_slice(&object[from..to]).unwrap()
    }

    /// Redrives all dead letters as a run does, without the code of runs.
    pub(super) async fn redrive(&mut self, failing: u8, is_cancelled: bool) {
        let run = format!("run-{}", self.ids);
        let mut number = 0;
        for (id, found) in self.store.letters() {
            if found.letter.state != LetterState::Dead {
                continue;
            }
            let mut runs = found.letter.runs.clone();
            runs.push(RunId(run.clone()));
            let count = u32::try_from(runs.len()).unwrap();
            let state = LetterState::Redriven { run: RunId(run.clone()) };
            let version = found.letter.version + 1;
            let letter = Letter { state, version, runs, ..found.letter.clone() };
            let to = Indexed { entry: found.entry.clone(), letter };
            let write = IndexWrite { expected: Some(found.letter.version), to };
            assert_eq!(self.store.write(&[write], None).await, [IndexWritten::Written]);
            number += 1;
            if failing & (1 << (number % 8)) == 0 {
                continue;
            }
            let line = self.line(&found.entry.place);
            let body = line["body"].as_str().unwrap().to_owned();
            let attributes: Attributes =
                serde_json::from_value(line["attributes"].clone()).unwrap();
            let remembered_until = Some(Timestamp::from_unix_ms(i64::from(self.ids)));
            let mark = RedriveMark { letter: id.0, run: run.clone(), count, remembered_until };
            let back = DeadLetter::revive(attributes, usize::MAX, Some(mark));
            let earlier = DeadLetter::read(&back).unwrap();
            let code = if is_cancelled {
                event::Code::RedriveCancelled
            } else {
                event::Code::ContractViolation
            };
            let failure = Failure::permanent(code, "once more").at("/a");
            let letter = DeadLetter::new("sink", &failure, self.clock.now(), "another")
                .held_to(Some(ContractRef::of_dataset("flights")));
            let record = Record {
                message_id: self.id(),
                body: body.clone(),
                attributes: letter.following(Some(&earlier)).write(back),
                fair_group: line["group"].as_str().map(str::to_owned),
                queue_arn: DLQ.to_owned(),
                receive_count: 1,
                ..Record::default()
            };
            let attributes = attributes_json(&record.attributes);
            self.lives.push((run.clone(), body.clone()));
            // A letter that is given back keeps the message that it has.
            if is_cancelled {
                *self.recalled.entry(body).or_default() += 1;
                self.queue.push(record);
                continue;
            }
            // From now on the letter has the message with which it came back.
            if !self.copied.contains(&body) {
                self.failed.remove(&body);
            }
            self.enqueue(record, attributes);
        }
    }

    pub(super) async fn run(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Fail => self.fail(false),
                Event::Move => self.fail(true),
                Event::Copy(place) => self.copy(place),
                Event::Collect(delivery) => self.collect(&delivery).await,
                Event::Redrive { failing, is_cancelled } => {
                    self.redrive(failing, is_cancelled).await;
                }
                Event::Pass => self.clock.advance(Duration::from_secs(3_600)),
            }
        }
        let all: Vec<usize> = (0..self.queue.len()).collect();
        let batches = [all.clone(), all];
        self.collect(&Delivery { batches, undeleted: 0, faults: Vec::new() }).await;
    }

    pub(super) fn check(&self) {
        assert!(self.queue.is_empty(), "left: {:?}", self.queue);
        let letters = self.store.letters();
        let mut bodies: BTreeMap<String, usize> = BTreeMap::new();
        for (id, Indexed { entry, letter }) in &letters {
            assert_eq!(&entry.id, id);
            let line = self.line(&entry.place);
            let body = line["body"].as_str().unwrap();
            *bodies.entry(body.to_owned()).or_default() += 1;
            assert_eq!(
                (line["id"].as_str(), line["stage"].as_str()),
                (Some(id.0.as_str()), Some("sink"))
            );
            assert_eq!(entry.bytes, body.len() as u64);
            // A plan uses the entry's time, and a redrive uses that of the message, so they must agree.
            let failure = line["attributes"]["sluicegate.failure"]["value"].as_str();
            let failure: Value = serde_json::from_str(failure.unwrap_or("{}")).unwrap();
            let until = &failure["redrive"]["remembered_until"];
            assert_eq!(&json!(entry.remembered_until), until, "{line}");
            assert!(self.failed[body].iter().any(|it| is_as_it_was(&line, it)), "{line}");
            if let Some(original) = &entry.original {
                let line = self.line(original);
                let mut first = self.first[body].iter();
                assert!(first.any(|it| is_as_it_was(&line, it)), "not as it was first: {line}");
                assert!(!letter.runs.is_empty());
            }
            let recalled = self.recalled.get(body).copied().unwrap_or(0);
            assert!(letter.recalls <= recalled, "{letter:?}");
            let count = letter.runs.len() - letter.recalls as usize;
            let is_quarantined = letter.state == LetterState::Quarantined;
            assert!(!is_quarantined || count == 5, "{letter:?}");
            let is_dead = letter.state == LetterState::Dead;
            assert!(count < 5 || !is_dead || recalled > 0 || self.copied.contains(body));
        }
        let expected: BTreeMap<String, usize> =
            self.first.keys().map(|body| (body.clone(), 1)).collect();
        assert_eq!(bodies, expected, "each letter is once in the index");
        let mut runs: BTreeMap<RunId, [u64; 2]> = BTreeMap::new();
        for (run, body) in &self.lives {
            let [least, most] = runs.entry(RunId(run.clone())).or_default();
            *least += u64::from(!self.copied.contains(body));
            *most += 1;
        }
        let counted = self.store.came_back();
        for (run, [least, most]) in &runs {
            let count = counted.get(run).copied().unwrap_or(0);
            assert!((*least..=*most).contains(&count), "{run:?}: {count} of {least} to {most}");
        }
        assert!(counted.keys().all(|run| runs.contains_key(run)), "{counted:?}");
    }
}

/// Whether a stored line is the message. A message that SQS moved has the failure in addition.
fn is_as_it_was(line: &Value, message: &Message) -> bool {
    let mut attributes = line["attributes"].clone();
    let has_failure = message.attributes.get("sluicegate.failure").is_some();
    if !has_failure {
        let failure = attributes.as_object_mut().unwrap().remove("sluicegate.failure");
        let failure = failure.map(|it| it["value"].as_str().unwrap_or_default().to_owned());
        let failure: Value = serde_json::from_str(&failure.unwrap_or_default()).unwrap_or_default();
        if failure["code"] != "record.abandoned" || attributes["dataset"] != string("flights") {
            return false;
        }
    }
    attributes == message.attributes && line["group"] == message.group
}
