//! The stage in its batch loop, with a service whose answers the test chooses.

mod orders;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use contracts::{Catalog, Variables};
use dedupe::{DedupeRecord, NoEffect};
use event::{DeadLetter, Envelope, Payload};
use outbound::{Answer, BreakerParts, RequestError, SecretText, Secrets};
use runtime::sink::LeasedStage;
use runtime::{BatchResponse, Batches, Clock, DeadLetterQueue, Policy, Record, Recorder};
use serde_json::json;
use testkit::{ManualClock, ManualHost, MemoryBreakers, MemoryQueue, MemoryStore};

use super::*;

const QUEUE: &str = "http://h/queue";
const DLQ: &str = "http://h/dlq";
const INVOCATION: Duration = Duration::from_secs(30);

type Result = std::result::Result<Answer, RequestError>;

/// Gives the answers of the test in their order, and records the requests.
#[derive(Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<Vec<Result>>>,
    asked: Arc<Mutex<Vec<(Request, Duration)>>>,
}

impl HttpClient for Scripted {
    async fn ask(&self, request: Request, limit: Duration) -> Result {
        self.asked.lock().unwrap().push((request, limit));
        let mut answers = self.answers.lock().unwrap();
        if answers.is_empty() { answer(200, None) } else { answers.remove(0) }
    }
}

fn answer(status: u16, retry_after: Option<u64>) -> Result {
    let retry_after = retry_after.map(Duration::from_secs);
    Ok(Answer { status, retry_after, body: Ok(Bytes::new()) })
}

/// Holds one text for all names, or none.
#[derive(Clone, Default)]
struct Vault(Arc<Mutex<Option<String>>>);

impl Vault {
    fn set(&self, text: &str) {
        *self.0.lock().unwrap() = Some(text.to_owned());
    }
}

impl SecretStore for Vault {
    async fn read(&self, name: &str) -> std::result::Result<SecretText, Failure> {
        let text = self.0.lock().unwrap().clone();
        let gone = || Failure::transient(Code::DependencyRefused, format!("no secret `{name}`"));
        text.map(SecretText::new).ok_or_else(gone)
    }
}

type Sink = Delivering<Scripted, Vault, MemoryBreakers, ManualHost>;

struct Rig {
    batches: Batches<LeasedStage<Sink, MemoryStore<NoEffect>>, MemoryQueue>,
    service: Scripted,
    vault: Vault,
    store: MemoryStore<NoEffect>,
    queue: MemoryQueue,
    clock: ManualClock,
}

const VALUES: &str =
    "WEATHER_URL: http://weather.test, TOKEN: 'secret:partner#token', PLAIN: plain";

fn variables(values: &str) -> Variables {
    Variables::parse("variables/test.yaml", &format!("variables: {{{values}}}")).unwrap()
}

fn rig(contracts: Catalog) -> Rig {
    rig_on(contracts, MemoryStore::default())
}

fn rig_on(contracts: Catalog, store: MemoryStore<NoEffect>) -> Rig {
    let (clock, queue) = (ManualClock::default(), MemoryQueue::default());
    let (service, vault) = (Scripted::default(), Vault::default());
    let services = Services::new(variables(VALUES));
    let breakers = BreakerParts {
        metrics: Recorder::new("Test"),
        store: MemoryBreakers::default(),
        host: ManualHost(clock.clone()),
        environment: "e".to_owned(),
        environments: 1,
    };
    let secrets = Secrets::new(vault.clone());
    let dependencies = contracts.declared_dependencies().clone();
    let client = DependencyClient::new(service.clone(), secrets, breakers, dependencies);
    let sink = Delivering::new(services, client);
    let batches = Batches {
        stage: LeasedStage::new(contracts, sink, store.clone(), Recorder::new("Test")),
        dead_letters: DeadLetterQueue::new(queue.clone(), DLQ.to_owned()),
        policy: Policy::new(QUEUE.to_owned(), 5),
        queue: queue.clone(),
        metrics: Recorder::new("Test"),
    };
    Rig { batches, service, vault, store, queue, clock }
}

/// A rig with the sample's contracts.
fn shipped() -> Rig {
    rig(testkit::contracts())
}

impl Rig {
    async fn run(&self, records: Vec<Record>) -> BatchResponse {
        self.batches.run(records, &self.clock.deadline_in(INVOCATION)).await
    }

    async fn run_one(&self, temp: u32) -> bool {
        self.run(vec![observation("m", temp)]).await.failures.is_empty()
    }

    fn will_answer(&self, answers: impl IntoIterator<Item = Result>) {
        self.service.answers.lock().unwrap().extend(answers);
    }

    fn times_asked(&self) -> usize {
        self.service.asked.lock().unwrap().len()
    }

    fn letters(&self) -> Vec<DeadLetter> {
        let sent = self.queue.sent_to(DLQ);
        sent.iter().map(|message| DeadLetter::read(&message.attributes).unwrap()).collect()
    }

    fn record(&self) -> Option<DedupeRecord> {
        self.store.records().into_values().next()
    }

    fn is_completed(&self) -> bool {
        matches!(self.record(), Some(DedupeRecord::Completed(_)))
    }
}

fn envelope(dataset: &str, key: &str, fingerprint: &str, data: &str) -> String {
    let rest = json!({
        "specversion": "1.0", "id": "e1:1", "source": "s", "type": "t",
        "time": "2013-01-01T10:00:00Z", "dataschema": format!("{dataset}/1"),
        "datacontenttype": "application/json", "dataset": dataset, "idempotencykey": key,
        "fingerprint": fingerprint, "ingesttime": "2026-01-01T00:00:00Z", "traceparent": "00-1-2-00",
    });
    let rest = rest.to_string();
    format!("{},\"data\":{data}}}", rest.strip_suffix('}').unwrap())
}

fn message(id: &str, body: String) -> Record {
    Record {
        message_id: id.to_owned(),
        receipt_handle: format!("receipt of {id}"),
        body,
        receive_count: 1,
        ..Record::default()
    }
}

fn data(temp: u32) -> String {
    format!(r#"{{"origin":"EWR", "time_hour":"2013-01-01T10:00:00Z","temp":{temp}.0}}"#)
}

/// The weather of one hour. Payloads differ in the temperature only.
fn observation(id: &str, temp: u32) -> Record {
    message(id, envelope("weather", "k1", &temp.to_string(), &data(temp)))
}

#[tokio::test]
async fn an_event_is_delivered_once_under_its_key_with_its_own_bytes() {
    let rig = shipped();
    assert!(rig.run_one(39).await && rig.run_one(39).await);
    assert!(rig.is_completed());
    let asked = rig.service.asked.lock().unwrap().clone();
    let [(request, limit)] = &asked[..] else { panic!("asked {} times", asked.len()) };
    assert_eq!(request.method, http::Method::PUT);
    assert_eq!(request.url, "http://weather.test/v1/stations/EWR/hours/2013-01-01T10%3A00%3A00Z");
    assert_eq!(request.headers["idempotency-key"], "\"stations#k1\"");
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(request.headers["traceparent"], "00-1-2-00");
    assert_eq!((request.body.as_ref(), *limit), (data(39).as_bytes(), Duration::from_secs(2)));
    // The store is called for the claim and its completion. The environment knows the duplicate.
    assert_eq!(rig.store.calls().len(), 2);
    // Another environment asks the store.
    let other = rig_on(testkit::contracts(), rig.store.clone());
    assert!(other.run_one(39).await);
    assert_eq!((other.times_asked(), rig.store.calls().len()), (0, 3));
}

#[tokio::test]
async fn a_service_that_is_away_for_a_moment_is_asked_again() {
    let rig = shipped();
    let start = rig.clock.now();
    rig.will_answer([Err(RequestError::Connection), answer(429, Some(1))]);
    assert!(rig.run_one(39).await && rig.is_completed());
    assert_eq!(rig.times_asked(), 3);
    let waited = rig.clock.now().since(start);
    assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(2), "{waited:?}");
}

#[tokio::test]
async fn a_long_wait_is_left_to_the_queue() {
    for (answers, waits) in [(vec![600], 600), (vec![3], 3), (vec![1, 0, 2], 2)] {
        let rig = shipped();
        let start = rig.clock.now();
        let asked = answers.len();
        rig.will_answer(answers.into_iter().map(|seconds| answer(503, Some(seconds))));
        let is_parked = rig.run_one(39).await;
        assert_eq!((is_parked, rig.is_completed()), (waits > 60, false));
        assert_eq!(rig.times_asked(), asked);
        // The other events of the batch are completed only after this one, so it must not take long.
        assert!(rig.clock.now().since(start) <= Duration::from_secs(2));
        let parked = rig.queue.sent_to(QUEUE).into_iter().filter_map(|message| message.delay);
        let hidden = rig.queue.hidden_in(QUEUE).into_iter().map(|(_, wait)| wait);
        let [wait] = parked.chain(hidden).collect::<Vec<_>>()[..] else { panic!("not one wait") };
        assert!(wait >= Duration::from_secs(waits), "{wait:?}");
        // The next delivery of the same payload need not wait for the lease. Until the time that the service asked for,
        // it is left alone.
        let asked = rig.times_asked();
        rig.run_one(39).await;
        assert_eq!(rig.times_asked(), asked);
        rig.clock.advance(Duration::from_secs(waits));
        assert!(rig.run_one(39).await && rig.is_completed());
    }
}

#[tokio::test]
async fn an_outage_ends_in_a_retry_and_never_beyond_the_invocations_time() {
    let rig = shipped();
    let start = rig.clock.now();
    rig.will_answer((0..20).map(|_| answer(500, None)));
    assert!(!rig.run_one(39).await);
    assert!(rig.letters().is_empty());
    assert!(rig.times_asked() > 1 && rig.clock.now().since(start) < INVOCATION);
}

#[tokio::test]
async fn a_refusal_is_a_dead_letter_and_gives_its_key_back() {
    for status in [409, 422] {
        let rig = shipped();
        rig.will_answer([answer(status, None)]);
        assert!(rig.run_one(39).await);
        let letters = rig.letters();
        assert_eq!((letters.len(), letters[0].code), (1, Code::DeliveryRefused));
        assert_eq!(letters[0].reason, format!("sink stations: HTTP {status}"));
        assert_eq!((rig.times_asked(), rig.record()), (1, None));
        // The corrected event has another payload under the same key.
        assert!(rig.run_one(40).await && rig.is_completed());
    }
}

#[tokio::test]
async fn what_may_have_taken_effect_keeps_its_key_from_another_payload() {
    let rig = shipped();
    rig.will_answer([Err(RequestError::TimedOut { limit_ms: 2_000 }), answer(400, None)]);
    assert!(rig.run_one(39).await);
    assert_eq!(rig.letters()[0].code, Code::DeliveryRefused);
    // It waits for the outcome of the first payload until its last receive.
    assert!(!rig.run_one(40).await);
    let last = Record { receive_count: 5, ..observation("m", 40) };
    assert!(rig.run(vec![last]).await.failures.is_empty());
    assert_eq!((rig.letters()[1].code, rig.times_asked()), (Code::Conflict, 2));
    // After a redrive of the first payload, the service is asked once more, and the outcome is known.
    assert!(rig.run_one(39).await && rig.is_completed());
}

#[tokio::test]
async fn a_service_that_is_still_at_work_on_a_key_is_asked_again() {
    let rig = shipped();
    rig.will_answer([Err(RequestError::BrokenOff), answer(409, None), answer(201, None)]);
    assert!(rig.run_one(39).await && rig.is_completed());
    assert_eq!((rig.times_asked(), rig.letters().len()), (3, 0));
}

/// A copy that was enriched at another time may have another body. The service refuses it if it took the first.
#[tokio::test]
async fn a_copy_that_a_service_refuses_waits_for_the_one_that_it_took() {
    let rig = shipped();
    let copy = |id: &str, temp| message(id, envelope("weather", "k1", "39", &data(temp)));
    let lost = || Err(RequestError::BrokenOff);
    rig.will_answer([lost(), lost(), lost(), answer(422, None), answer(200, None)]);
    assert!(!rig.run_one(39).await);
    let failures = rig.run(vec![copy("m2", 40)]).await.failures;
    assert_eq!((failures.len(), rig.times_asked(), rig.letters().len()), (1, 4, 0));
    assert!(rig.run_one(39).await && rig.is_completed());
    assert!(rig.run(vec![copy("m2", 40)]).await.failures.is_empty());
    assert_eq!((rig.times_asked(), rig.letters().len()), (5, 0));
}

/// No other delivery completes the key.
#[tokio::test]
async fn a_repeat_that_a_service_always_refuses_is_a_dead_letter_in_the_end() {
    let rig = shipped();
    rig.will_answer([Err(RequestError::BrokenOff), answer(422, None), answer(422, None)]);
    assert!(!rig.run_one(39).await);
    let last = Record { receive_count: 5, ..observation("m", 39) };
    assert!(rig.run(vec![last]).await.failures.is_empty());
    assert_eq!((rig.letters()[0].code, rig.times_asked()), (Code::DeliveryRefused, 3));
}

#[tokio::test]
async fn a_refused_token_is_no_fault_of_the_event() {
    let rig = shipped();
    rig.will_answer([answer(401, None)]);
    assert!(!rig.run_one(39).await);
    assert_eq!((rig.times_asked(), rig.letters().len(), rig.record()), (1, 0, None));
}

#[tokio::test]
async fn each_event_of_a_batch_has_its_own_answer() {
    let rig = shipped();
    rig.will_answer([answer(200, None), answer(400, None), answer(401, None)]);
    let event =
        |n: u32| message(&format!("m{n}"), envelope("weather", &format!("k{n}"), "p", &data(n)));
    let batch = vec![event(0), event(1), event(2), event(3), message("m4", "{".to_owned())];
    let response = rig.run(batch).await;
    let failed: Vec<_> = response.failures.iter().map(|it| it.message_id.as_str()).collect();
    assert_eq!(failed, ["m2"]);
    let codes: Vec<_> = rig.letters().iter().map(|letter| letter.code).collect();
    assert_eq!(codes.len(), 2);
    assert!(codes.contains(&Code::DeliveryRefused) && codes.contains(&Code::DecodeEnvelope));
    // One call has all claims, and another one has everything that follows from the answers.
    assert_eq!(rig.store.calls().len(), 2);
}

/// Twenty failed attempts open the breaker.
#[tokio::test]
async fn an_event_waits_for_a_service_whose_breaker_is_open_and_its_key_is_free() {
    let rig = shipped();
    rig.will_answer((0..20).map(|_| Err(RequestError::Connection)));
    for n in 0..10 {
        let key = format!("k{n}");
        let event = message(&key, envelope("weather", &key, "p", &data(n)));
        rig.run(vec![event]).await;
    }
    let asked = rig.times_asked();
    assert_eq!(asked, 20, "no retry once the breaker is open");
    let parked = rig.queue.sent_to(QUEUE).len();
    assert!(rig.run(vec![observation("m", 39)]).await.failures.is_empty());
    let copies = rig.queue.sent_to(QUEUE);
    assert_eq!((copies.len(), rig.times_asked(), rig.letters().len()), (parked + 1, asked, 0));
    assert!(copies[parked].delay >= Some(Duration::from_secs(7)), "{:?}", copies[parked].delay);
    assert_eq!(rig.record(), None);
    // When the service is back, probes close the breaker, and the event is delivered.
    rig.clock.advance(Duration::from_secs(20));
    for n in 20..24 {
        let key = format!("p{n}");
        rig.run(vec![message(&key, envelope("weather", &key, "p", &data(n)))]).await;
    }
    rig.clock.advance(Duration::from_secs(60));
    assert!(rig.run_one(39).await);
    assert_eq!(rig.times_asked(), asked + 5);
}

/// Each sample goes through the code that Lambda calls.
#[tokio::test]
async fn the_samples_are_delivered() {
    for path in testkit::samples_of("deliver") {
        match path {
            "sqs/deliver.json" => {
                let rig = shipped();
                let batch: aws_lambda_events::sqs::SqsEvent =
                    serde_json::from_str(&testkit::sample(path)).unwrap();
                let records: Vec<Record> = batch.records.into_iter().map(Record::new).collect();
                records.iter().for_each(check_key);
                assert!(rig.run(records).await.failures.is_empty());
                assert_eq!((rig.times_asked(), rig.letters().len()), (2, 0));
            }
            other => panic!("no test for {other}"),
        }
    }
}

/// The key and the fingerprint are those that ingest makes from the payload.
fn check_key(record: &Record) {
    let envelope = Envelope::from_json(&record.body).unwrap();
    let payload = Payload::parse(envelope.data.get().as_bytes()).unwrap();
    let contracts = testkit::contracts();
    let accepted = contracts.get(&envelope.dataset).unwrap().accept(&payload).unwrap();
    assert_eq!(envelope.idempotencykey, accepted.key);
    assert_eq!(envelope.fingerprint, accepted.fingerprint);
}
