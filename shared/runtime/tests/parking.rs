//! An event waits until its dependency is available, whatever fails on the way. The batch loop runs against a queue
//! that delays, hides, counts and moves messages as SQS does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use event::{Attribute, Attributes, Code, DeadLetter, Failure, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use sluicegate_runtime::{
    Batches, Clock, DeadLetterQueue, Deadline, EventCounts, Policy, Record, Recorder, Stage,
};
use testkit::{ManualClock, SimulatedQueue};

const DLQ: &str = "http://h/dlq";
const VISIBILITY: Duration = Duration::from_secs(180);
const INVOCATION: Duration = Duration::from_secs(30);
/// The value in the template.
const MAX_RECEIVES: u32 = 15;
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 60 * 60);
const PATIENCE: Duration = Duration::from_secs(45 * 60);
const MINUTE: Duration = Duration::from_secs(60);

/// The stage's answer to one try.
#[derive(Clone, Copy, Debug)]
enum Try {
    Pass,
    Permanent,
    Transient,
    /// A transient failure until this long after 2026-01-01T00:00:00Z, and no failure from then on.
    TransientFor(Duration),
    ThrottledFor(Duration),
    AwayFor(Duration),
}

/// A fault around one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// The invocation crashes before it does anything.
    Crash,
    /// The invocation does everything, and Lambda never receives its answer.
    AnswerLost,
}

/// Answers each event by its script. After the end of the script it repeats the last answer.
struct Scripted {
    tries: BTreeMap<String, Vec<Try>>,
    seen: Mutex<Vec<Seen>>,
}

/// One try of an event, with what the stage saw of its record.
#[derive(Clone, Debug)]
struct Seen {
    body: String,
    message_id: String,
    sent_at: Option<Timestamp>,
    attributes: Attributes,
    at: Timestamp,
    passed: bool,
}

impl Stage for Scripted {
    const NAME: &'static str = "scripted";

    type Prepared = ();

    async fn prepare(&self, record: &Record, deadline: &Deadline) -> Result<(), Failure> {
        let script = &self.tries[&record.body];
        let mut seen = self.seen.lock().unwrap();
        let tried = seen.iter().filter(|seen| seen.body == record.body).count();
        let now = deadline.now();
        let answer = match script[tried.min(script.len() - 1)] {
            Try::TransientFor(time) if now < ManualClock::default().now().plus(time) => {
                Try::Transient
            }
            Try::TransientFor(_) => Try::Pass,
            answer => answer,
        };
        seen.push(Seen {
            body: record.body.clone(),
            message_id: record.message_id.clone(),
            sent_at: record.sent_at,
            attributes: record.attributes.clone(),
            at: now,
            passed: matches!(answer, Try::Pass),
        });
        match answer {
            Try::Pass | Try::TransientFor(_) => Ok(()),
            Try::Permanent => Err(Failure::permanent(Code::ContractViolation, "against it")),
            Try::Transient => Err(Failure::transient(Code::DependencyUnavailable, "no answer")),
            Try::ThrottledFor(wait) => Err(Failure::throttled(Some(wait), "later")),
            Try::AwayFor(wait) => Err(Failure::unavailable(now.plus(wait), LONGEST_WAIT, "away")),
        }
    }

    async fn commit(&self, batch: Vec<()>, _: &Deadline) -> Vec<Result<EventCounts, Failure>> {
        vec![Ok(EventCounts::PASSED); batch.len()]
    }
}

struct Rig {
    clock: ManualClock,
    queue: SimulatedQueue,
    batches: Batches<Scripted, SimulatedQueue>,
    /// The tries of each event, by its body.
    produced: BTreeMap<String, Produced>,
}

/// A message as it was first sent.
struct Produced {
    message_id: String,
    at: Timestamp,
    attributes: Attributes,
}

impl Rig {
    /// Sends one event for each script.
    fn new(scripts: &[Vec<Try>]) -> Self {
        let clock = ManualClock::default();
        let queue = SimulatedQueue::new(&clock, VISIBILITY, MAX_RECEIVES);
        let mut tries = BTreeMap::new();
        let mut produced = BTreeMap::new();
        for (place, script) in scripts.iter().enumerate() {
            let body = format!("event {place}");
            // SQS allows no more attributes, so that one of them has to be moved.
            let ten = (0..10).map(|n| (format!("a{n}"), Attribute::string(&body)));
            let attributes: Attributes = ten.collect();
            let message_id = queue.produce(&body, attributes.clone());
            let at = clock.now();
            produced.insert(body.clone(), Produced { message_id, at, attributes });
            tries.insert(body, script.clone());
            clock.advance(Duration::from_millis(700));
        }
        let batches = Batches {
            stage: Scripted { tries, seen: Mutex::default() },
            dead_letters: DeadLetterQueue::new(queue.clone(), DLQ.to_owned()),
            policy: Policy::new(SimulatedQueue::URL.to_owned(), MAX_RECEIVES),
            queue: queue.clone(),
            metrics: Recorder::new("Test"),
        };
        Self { clock, queue, batches, produced }
    }

    /// Invokes until the queue is empty. `faults` are the faults around the first invocations.
    async fn run(&self, faults: &[Fault]) {
        let mut faults = faults.iter().copied();
        for _ in 0..20_000 {
            let Some(visible_at) = self.queue.next_visible_at() else { return };
            self.clock.advance(visible_at.since(self.clock.now()));
            let records = self.queue.receive(10);
            if records.is_empty() {
                continue;
            }
            match faults.next().unwrap_or(Fault::None) {
                Fault::Crash => {}
                Fault::AnswerLost => {
                    let _ = self.invoke(records).await;
                }
                Fault::None => {
                    for receipt_handle in self.invoke(records).await {
                        self.queue.delete(&receipt_handle);
                    }
                }
            }
        }
        panic!("it never ends");
    }

    /// The receipt handles of the messages that Lambda deletes then.
    async fn invoke(&self, records: Vec<Record>) -> Vec<String> {
        let mut receipts: BTreeMap<String, String> = BTreeMap::new();
        for record in &records {
            receipts.insert(record.message_id.clone(), record.receipt_handle.clone());
        }
        let deadline = self.clock.deadline_in(INVOCATION);
        let response = self.batches.run(records, &deadline).await;
        for failed in response.failures {
            let kept = receipts.remove(&failed.message_id);
            assert!(kept.is_some(), "Lambda handed over no message {}", failed.message_id);
        }
        receipts.into_values().collect()
    }

    /// The dead letters, by body.
    fn letters(&self) -> Vec<Letter> {
        let mut letters = Vec::new();
        for sent in self.queue.sent_elsewhere() {
            assert_eq!(sent.url, DLQ);
            let letter = DeadLetter::read(&sent.message.attributes).unwrap();
            let attributes = letter.original(sent.message.attributes);
            letters.push(Letter { body: sent.message.body, letter, attributes });
        }
        letters
    }

    fn seen(&self) -> Vec<Seen> {
        self.batches.stage.seen.lock().unwrap().clone()
    }

    /// Checks that each event is done or dead, whatever happened, and that it is as it was first sent.
    fn check_nothing_is_lost(&self) -> Result<(), TestCaseError> {
        let mut ended: BTreeSet<String> = self.queue.moved().into_iter().collect();
        for seen in self.seen() {
            let first = &self.produced[&seen.body];
            prop_assert_eq!(&seen.message_id, &first.message_id);
            prop_assert_eq!(seen.sent_at, Some(first.at));
            prop_assert_eq!(&seen.attributes, &first.attributes);
            if seen.passed {
                ended.insert(seen.body);
            }
        }
        for Letter { body, letter, attributes } in self.letters() {
            let first = &self.produced[&body];
            prop_assert_eq!(&letter.message_id, &first.message_id);
            prop_assert_eq!(letter.taken_in(), first.at);
            prop_assert!(letter.first_failed_at >= first.at);
            prop_assert_eq!(&attributes, &first.attributes);
            ended.insert(body);
        }
        let all: BTreeSet<String> = self.produced.keys().cloned().collect();
        prop_assert_eq!(ended, all);
        Ok(())
    }
}

struct Letter {
    body: String,
    letter: DeadLetter,
    /// The attributes as the producer sent them.
    attributes: Attributes,
}

fn a_try() -> impl Strategy<Value = Try> {
    prop_oneof![
        2 => Just(Try::Pass),
        1 => Just(Try::Permanent),
        8 => Just(Try::Transient),
        2 => seconds(0..4_000).prop_map(Try::ThrottledFor),
        6 => seconds(0..4_000).prop_map(Try::AwayFor),
    ]
}

fn seconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_secs)
}

fn scripts() -> impl Strategy<Value = Vec<Vec<Try>>> {
    vec(vec(a_try(), 1..20), 1..6)
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![4 => Just(Fault::None), 1 => Just(Fault::Crash), 1 => Just(Fault::AnswerLost)]
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_event_is_never_lost_and_stays_what_it_was(
        scripts in scripts(), faults in vec(fault(), 0..12), sends in vec(any::<bool>(), 0..30)
    ) {
        let rig = Rig::new(&scripts);
        let mut sends = sends.into_iter();
        rig.queue.refuse(move |_, _| {
            let is_sent = sends.next().unwrap_or(true);
            (!is_sent).then(|| Failure::transient(Code::DependencyUnavailable, "no answer"))
        });
        block_on(rig.run(&faults));
        rig.check_nothing_is_lost()?;
    }

    #[test]
    fn it_is_a_dead_letter_only_after_patience_or_the_longest_wait(scripts in scripts()) {
        let rig = Rig::new(&scripts);
        block_on(rig.run(&[]));
        rig.check_nothing_is_lost()?;
        prop_assert_eq!(rig.queue.moved(), Vec::<String>::new(), "SQS moved it, without a reason");
        let passed = rig.seen().into_iter().filter(|seen| seen.passed).count();
        prop_assert_eq!(passed + rig.letters().len(), scripts.len(), "each ends once");
        for Letter { letter, .. } in rig.letters() {
            match letter.kind.as_str() {
                "transient" | "throttled" => {
                    let tried = letter.last_failed_at.since(letter.first_failed_at);
                    prop_assert!(tried >= PATIENCE, "{:?}: {:?}", tried, letter);
                    prop_assert_eq!(letter.attempts, MAX_RECEIVES);
                }
                "unavailable" => {
                    let since = letter.unavailable_since.unwrap();
                    let waited = letter.last_failed_at.since(since);
                    prop_assert!(waited >= LONGEST_WAIT, "{:?}: {:?}", waited, letter);
                    prop_assert!(letter.attempts < MAX_RECEIVES && letter.parks > 0);
                }
                kind => prop_assert_eq!(kind, "permanent"),
            }
        }
        for (body, script) in &rig.batches.stage.tries {
            let tries = rig.seen().into_iter().filter(|seen| seen.body == *body).map(|seen| seen.at);
            let tries: Vec<Timestamp> = tries.collect();
            // No try comes before the time that the service asked for.
            for (at, pair) in tries.windows(2).enumerate() {
                if let Try::ThrottledFor(asked) = script[at.min(script.len() - 1)] {
                    prop_assert!(pair[1].since(pair[0]) >= asked, "{} of {:?}", at, script);
                }
            }
        }
    }
}

/// The dependency is unavailable for hours, and the breaker is asked each minute. SQS counts none of these receives,
/// and no message is in flight.
#[tokio::test]
async fn what_waits_for_a_dependency_is_never_moved_by_sqs() {
    let away = Try::AwayFor(Duration::from_secs(30));
    let rig = Rig::new(&[vec![away]]);
    rig.run(&[]).await;
    assert_eq!(rig.queue.moved(), Vec::<String>::new());
    let letters = rig.letters();
    let letter = &letters[0].letter;
    assert!((300..600).contains(&letter.parks), "{letter:?}");
    assert_eq!((letter.attempts, letter.code), (0, Code::DependencyUnavailable));
    let since = letter.unavailable_since.unwrap();
    let waited = letter.last_failed_at.since(since);
    assert!((LONGEST_WAIT..LONGEST_WAIT + MINUTE).contains(&waited), "{waited:?}");
    assert!(letter.reason.contains(&since.to_string()), "{}", letter.reason);
}

/// A breaker that is ramping, or a limit of our own: each try may be made at once and then has to wait again.
#[tokio::test]
async fn what_has_to_wait_again_and_again_comes_round_less_often() {
    let rig = Rig::new(&[vec![Try::AwayFor(Duration::ZERO)]]);
    rig.run(&[]).await;
    let parks = rig.letters()[0].letter.parks;
    assert!((300..600).contains(&parks), "{parks} copies in six hours");
    let tries: Vec<Timestamp> = rig.seen().into_iter().map(|seen| seen.at).collect();
    assert!(tries[1].since(tries[0]) <= Duration::from_secs(2), "it is tried soon at first");
}

/// Nobody knows that the dependency is unavailable, so that each try fails.
#[tokio::test]
async fn an_outage_of_as_long_as_patience_leaves_no_dead_letter() {
    let rig = Rig::new(&vec![vec![Try::TransientFor(PATIENCE)]; 200]);
    rig.run(&[]).await;
    assert_eq!(rig.letters().len(), 0);
    let seen = rig.seen();
    assert_eq!(seen.iter().filter(|seen| seen.passed).count(), 200);
    let last = seen.iter().map(|seen| seen.at).max().unwrap();
    assert!(last >= ManualClock::default().now().plus(PATIENCE), "{last}");
}

/// All events that wait for one breaker were given the same time.
#[tokio::test]
async fn what_waited_for_one_dependency_comes_back_spread() {
    let scripts = vec![vec![Try::AwayFor(Duration::from_secs(600)), Try::Pass]; 100];
    let rig = Rig::new(&scripts);
    rig.run(&[]).await;
    let mut waits = BTreeMap::new();
    for seen in rig.seen() {
        let first: &mut Vec<Timestamp> = waits.entry(seen.body).or_default();
        first.push(seen.at);
    }
    let mut in_second: BTreeMap<u64, u32> = BTreeMap::new();
    for tries in waits.values() {
        let waited = tries[1].since(tries[0]);
        assert!((600..=661).contains(&waited.as_secs()), "{waited:?}");
        *in_second.entry(waited.as_secs()).or_default() += 1;
    }
    assert!(in_second.values().all(|&count| count <= 10), "{in_second:?}");
}
