//! The stage in its batch loop, with a weather service whose answers the test sets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use event::{DeadLetter, Payload};
use outbound::{Answer, BreakerParts, Request, RequestError, SecretText, Secrets};
use runtime::{Batches, DeadLetterQueue, Lookup, Policy, Recorder};
use serde_json::json;
use testkit::{ManualClock, ManualHost, MemoryBreakers, MemoryClaims, MemoryQueue};

use super::*;
use crate::doubles::{MemoryFiles, MemoryLookup};
use crate::enrichers::Lookups;

mod answers;
mod headers;
mod large;
mod lookups;
mod outages;

const QUEUE: &str = "http://h/queue";
const SINK: &str = "http://h/sink";
const LAKE: &str = "http://h/lake";
const DLQ: &str = "http://h/dlq";
const WEATHER: &str = r#"{"temp": 39.02,  "wind_gust":null}"#;

type Behaviour = dyn Fn(&str) -> Result<Answer, RequestError> + Send + Sync;

/// A service that answers by URL, and records its requests.
#[derive(Clone)]
struct Service {
    answer: Arc<Behaviour>,
    asked: Arc<Mutex<Vec<(String, Duration)>>>,
    /// The header `x-origin` of each request.
    headers: Arc<Mutex<Vec<String>>>,
}

impl Service {
    fn new(answer: impl Fn(&str) -> Result<Answer, RequestError> + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), asked: Arc::default(), headers: Arc::default() }
    }
}

impl HttpClient for Service {
    async fn ask(&self, request: Request, limit: Duration) -> Result<Answer, RequestError> {
        if let Some(origin) = request.headers.get("x-origin") {
            self.headers.lock().unwrap().push(origin.to_str().unwrap().to_owned());
        }
        let url = request.url;
        self.asked.lock().unwrap().push((url.clone(), limit));
        (self.answer)(&url)
    }
}

fn answer(status: u16, body: &str) -> Result<Answer, RequestError> {
    let body = Ok(Bytes::from(body.to_owned()));
    Ok(Answer { status, retry_after: (status == 429).then_some(Duration::from_secs(90)), body })
}

/// A store without secrets, since no enricher of these tests needs one.
struct NoSecrets;

impl SecretStore for NoSecrets {
    async fn read(&self, name: &str) -> Result<SecretText, Failure> {
        panic!("the secret {name} is read")
    }
}

type TestedStage = Enrich<Service, NoSecrets, MemoryBreakers, ManualHost, MemoryQueue>;

/// The lookups of a test: one that serves as each table and each lookup of one's own, and files.
struct TestedLookups {
    lookup: MemoryLookup,
    files: MemoryFiles,
    table_names: BTreeMap<String, String>,
    custom: BTreeMap<String, Arc<dyn Lookup>>,
}

impl TestedLookups {
    fn new(lookup: MemoryLookup, files: MemoryFiles) -> Self {
        let custom: Arc<dyn Lookup> = Arc::new(lookup.clone());
        Self {
            lookup,
            files,
            table_names: BTreeMap::from([("airlines".to_owned(), "Airlines".to_owned())]),
            custom: BTreeMap::from([("risk".to_owned(), custom)]),
        }
    }

    fn bound(&self) -> Lookups {
        Lookups {
            tables: Box::new(self.lookup.clone()),
            table_names: self.table_names.clone(),
            files: Arc::new(self.files.clone()),
            custom: self.custom.clone(),
        }
    }
}

impl Default for TestedLookups {
    fn default() -> Self {
        let none = MemoryLookup::new(1, |key| panic!("{} is looked up", key.as_str()));
        Self::new(none, MemoryFiles::default())
    }
}

/// One execution environment, with a service to ask.
struct Rig {
    batches: Batches<TestedStage, MemoryQueue>,
    clock: ManualClock,
    /// The large events.
    bucket: MemoryClaims,
}

impl Rig {
    fn new(service: Service, queue: &MemoryQueue) -> Self {
        Self::of(testkit::contracts(), service, queue)
    }

    fn of(contracts: Catalog, service: Service, queue: &MemoryQueue) -> Self {
        Self::with(contracts, service, queue, &TestedLookups::default())
    }

    fn with(
        contracts: Catalog,
        service: Service,
        queue: &MemoryQueue,
        lookups: &TestedLookups,
    ) -> Self {
        let variables = "variables: {WEATHER_URL: http://weather.test}";
        let variables = contracts::Variables::parse("variables/test.yaml", variables).unwrap();
        let enrichers = Enrichers::new(variables, lookups.bound());
        let bucket = MemoryClaims::default();
        let sink_queues =
            BTreeMap::from([(SinkKind::Table, SINK.to_owned()), (SinkKind::Lake, LAKE.to_owned())]);
        let clock = ManualClock::default();
        let breakers = BreakerParts {
            metrics: Recorder::new("Test"),
            store: MemoryBreakers::default(),
            host: ManualHost(clock.clone()),
            environment: "e".to_owned(),
            environments: 1,
        };
        let dependencies = contracts.declared_dependencies().clone();
        let secrets = Secrets::new(NoSecrets);
        let client = DependencyClient::new(service, secrets, breakers, dependencies);
        let sending = Sending { queue: queue.clone(), claims: bucket.claims(), sink_queues };
        let batches = Batches {
            stage: Enrich::new(contracts, enrichers, client, sending, Recorder::new("Test")),
            dead_letters: DeadLetterQueue::new(queue.clone(), DLQ.to_owned()),
            policy: Policy { claims: Some(bucket.claims()), ..Policy::new(QUEUE.to_owned(), 5) },
            queue: queue.clone(),
            metrics: Recorder::new("Test"),
        };
        Self { batches, clock, bucket }
    }

    /// Runs a batch; returns the ids that stay in the queue.
    async fn run(&self, records: Vec<Record>) -> Vec<String> {
        let deadline = self.clock.deadline_in(Duration::from_secs(30));
        let response = self.batches.run(records, &deadline).await;
        response.failures.into_iter().map(|failed| failed.message_id).collect()
    }

    /// The record of a large event, as ingest sends it.
    async fn claimed(&self, id: &str, body: String) -> Record {
        let whole = Outgoing { body, ..Outgoing::default() };
        let Outgoing { body, attributes, .. } = self.bucket.claims().check_in(whole).await.unwrap();
        Record { attributes, ..message(id, body) }
    }

    async fn prepare(&self, record: &Record) -> Result<Enriched, Failure> {
        let deadline = self.clock.deadline_in(Duration::from_secs(30));
        self.batches.stage.prepare(record, &deadline).await
    }
}

/// Runs a batch in a new environment; returns the ids that stay in the queue.
async fn run(service: Service, queue: &MemoryQueue, records: Vec<Record>) -> Vec<String> {
    Rig::new(service, queue).run(records).await
}

/// A flight's payload. Its spaces, an escape and a number have to stay as they are.
fn payload(origin: &str) -> String {
    format!(
        r#"{{"year":2013, "month":1,"day":1,"sched_dep_time":515,"carrier":"UA","flight":1545,"origin":"{origin}","dest":"\u0049AH","time_hour":"2013-01-01T10:00:00Z","distance":1.400e3 }}"#
    )
}

fn envelope(data: &str) -> String {
    let rest = json!({
        "specversion": "1.0", "id": "e1:1", "source": "s", "type": "sluicegate.flights",
        "time": "2013-01-01T10:00:00Z", "dataschema": "flights/1",
        "datacontenttype": "application/json", "dataset": "flights", "idempotencykey": "ab",
        "fingerprint": "cd", "ingesttime": "2026-01-01T00:00:00Z",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
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

/// The events that were sent to the table's queue. The lake's queue has to have the same.
fn passed(queue: &MemoryQueue) -> Vec<Envelope> {
    let sent = queue.sent_to(SINK);
    assert_eq!(queue.sent_to(LAKE), sent);
    sent.iter().map(|message| Envelope::from_json(&message.body).unwrap()).collect()
}

fn letter(queue: &MemoryQueue) -> DeadLetter {
    DeadLetter::read(&queue.sent_to(DLQ)[0].attributes).unwrap()
}

#[tokio::test]
async fn what_the_service_knows_is_added_and_the_payloads_own_bytes_stay() {
    let queue = MemoryQueue::default();
    let service = Service::new(|_| answer(200, WEATHER));
    let record = message("m1", envelope(&payload("EWR")));
    assert!(run(service.clone(), &queue, vec![record]).await.is_empty());
    let own = payload("EWR");
    let own = own.strip_suffix(" }").unwrap();
    let event = &passed(&queue)[0];
    assert_eq!(event.data.get(), format!("{own},\"weather\":{WEATHER}}}"));
    assert_eq!((event.degraded.as_deref(), event.fingerprint.as_str()), (None, "cd"));
    assert_eq!(queue.sent_to(SINK)[0].attributes["traceparent"].value, event.traceparent);
    let url = "http://weather.test/v1/stations/EWR/hours/2013-01-01T10%3A00%3A00Z";
    assert_eq!(*service.asked.lock().unwrap(), [(url.to_owned(), Duration::from_secs(2))]);
}

#[tokio::test]
async fn an_event_stays_in_the_group_by_which_queues_are_shared() {
    for (group, expected) in [(Some("flights/UA"), "flights/UA"), (None, "flights")] {
        let queue = MemoryQueue::default();
        let service = Service::new(|_| answer(200, WEATHER));
        let fair_group = group.map(str::to_owned);
        let record = Record { fair_group, ..message("m1", envelope(&payload("EWR"))) };
        assert!(run(service, &queue, vec![record]).await.is_empty());
        assert_eq!(queue.sent_to(SINK)[0].group.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn each_event_of_a_batch_has_its_own_answer() {
    let queue = MemoryQueue::default();
    let service = Service::new(|url| match url {
        _ if url.contains("EWR") => answer(200, WEATHER),
        _ if url.contains("JFK") => answer(500, ""),
        _ if url.contains("LGA") => answer(400, ""),
        _ => answer(404, ""),
    });
    let batch = ["JFK", "EWR", "LGA", "ISP", "EWR"].iter().enumerate();
    let batch = batch.map(|(n, origin)| message(&format!("m{n}"), envelope(&payload(origin))));
    let mut batch: Vec<Record> = batch.collect();
    batch.push(message("m5", "not an envelope".to_owned()));
    assert_eq!(run(service, &queue, batch).await, ["m0"]);
    let degraded: Vec<_> = passed(&queue).into_iter().map(|event| event.degraded).collect();
    assert_eq!(degraded, [None, Some("weather".to_owned()), None]);
    assert_eq!(queue.calls_to(SINK), [3], "one call for a batch");
    let codes: Vec<_> = queue
        .sent_to(DLQ)
        .iter()
        .map(|message| DeadLetter::read(&message.attributes).unwrap().code)
        .collect();
    assert_eq!(codes.len(), 2);
    assert!(codes.contains(&Code::EnricherRefused) && codes.contains(&Code::DecodeEnvelope));
}

/// The dataset may be in a newer deployment than this environment's, or in none. If it is in none, each receive fails.
#[tokio::test]
async fn an_event_of_a_dataset_that_is_not_known_yet_is_tried_again_until_its_last_receive() {
    let queue = MemoryQueue::default();
    let other = envelope(&payload("EWR")).replace("\"flights\"", "\"trains\"");
    let first = message("m0", other.clone());
    let last = Record { receive_count: 5, ..message("m1", other) };
    let unasked = Service::new(|_| answer(200, WEATHER));
    assert_eq!(run(unasked, &queue, vec![first, last]).await, ["m0"]);
    let letter = DeadLetter::read(&queue.sent_to(DLQ)[0].attributes).unwrap();
    assert_eq!((letter.code, letter.kind.as_str()), (Code::UnknownDataset, "transient"));
    assert_eq!(letter.message_id, "m1");
}

#[tokio::test]
async fn a_member_of_the_producers_own_is_never_overwritten() {
    let queue = MemoryQueue::default();
    let body = envelope(&payload("EWR").replace("\"year\"", "\"weather\":\"fine\",\"year\""));
    let service = Service::new(|_| answer(200, WEATHER));
    assert!(run(service, &queue, vec![message("m1", body.clone())]).await.is_empty());
    let letter = letter(&queue);
    assert_eq!((letter.code, letter.at.as_deref()), (Code::ContractViolation, Some("/weather")));
    assert_eq!(queue.sent_to(DLQ)[0].body, body);
}

#[tokio::test]
async fn an_event_that_is_not_sent_stays_in_the_queue() {
    let queue = MemoryQueue::default();
    queue.refuse(|url, _| (url == SINK).then(|| Failure::throttled(None, "slow down")));
    let service = Service::new(|_| answer(200, WEATHER));
    let record = message("m1", envelope(&payload("EWR")));
    assert_eq!(run(service, &queue, vec![record]).await, ["m1"]);
}

/// Each sample is run as Lambda would invoke the function. The service answers with the sample of the weather.
#[tokio::test]
async fn the_samples_are_enriched() {
    let hours = testkit::sample_lines("weather.ndjson.gz");
    let service = Service::new(move |url| {
        let url = url.replace("%3A", ":");
        let known = hours.iter().find(|line| {
            let hour: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| hour[name].as_str().unwrap().to_owned();
            url.ends_with(&format!("/{}/hours/{}", text("origin"), text("time_hour")))
        });
        known.map_or_else(|| answer(404, ""), |line| answer(200, line))
    });
    for path in testkit::samples_of("enrich") {
        match path {
            "sqs/enrich.json" => {
                let queue = MemoryQueue::default();
                let batch: aws_lambda_events::sqs::SqsEvent =
                    serde_json::from_str(&testkit::sample(path)).unwrap();
                let records: Vec<Record> = batch.records.into_iter().map(Record::new).collect();
                records.iter().for_each(check_taken_in);
                assert!(run(service.clone(), &queue, records).await.is_empty());
                let events = passed(&queue);
                assert!(events[0].data.get().contains("\"weather\":{\"origin\":\"EWR\""));
                assert_eq!(events[1].degraded.as_deref(), Some("weather"));
                let sink = testkit::sample("sqs/sink.json");
                let sink: Value = serde_json::from_str(&sink).unwrap();
                for (event, record) in events.iter().zip(sink["Records"].as_array().unwrap()) {
                    let sample = record["body"].as_str().unwrap();
                    let sample = Envelope::from_json(sample).unwrap();
                    assert_eq!(event.to_json().unwrap(), sample.to_json().unwrap());
                }
            }
            // The service above answers with this one.
            "weather.ndjson.gz" => {}
            other => panic!("no test for {other}"),
        }
    }
}

/// Checks that ingest makes this very envelope of the payload.
fn check_taken_in(record: &Record) {
    let envelope = Envelope::from_json(&record.body).unwrap();
    let contracts = testkit::contracts();
    let payload = Payload::parse(envelope.data.get().as_bytes()).unwrap();
    let accepted = contracts.get(&envelope.dataset).unwrap().accept(&payload).unwrap();
    assert_eq!(envelope.idempotencykey, accepted.key);
    assert_eq!(envelope.fingerprint, accepted.fingerprint);
    assert_eq!((envelope.time, &envelope.subject), (accepted.event_time, &accepted.subject));
    assert!(envelope.ingesttime > Timestamp::from_unix_ms(0));
    let trace = event::TraceParent::of_event(&envelope.source, &envelope.id);
    assert_eq!(envelope.traceparent, trace.as_str());
}
