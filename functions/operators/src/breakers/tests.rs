//! Verbs with a store in memory: what they do, what they refuse, and what is in the audit log.

mod faults;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use aws_lambda_events::lambda_function_urls::LambdaFunctionUrlRequest;
use breaker::polling::{ChangeOutcome, Pause, Phase, Polling};
use breaker::{Cause, Event, Publication, PublishOutcome, State, Window};
use testkit::{ManualClock, MemoryBreakers};

use super::*;
use crate::letters::RedriveFunction;
use crate::response::answer;

const ARN: &str = "arn:aws:iam::123456789012:user/ada";

/// The verbs of these tests never ask redrive.
struct NoRedrive;

impl RedriveFunction for NoRedrive {
    async fn invoke(&self, _payload: Vec<u8>) -> Result<aws::Invoked, event::Failure> {
        panic!("redrive was asked")
    }
}

/// An audit log in memory, which may be unavailable from its nth entry on.
#[derive(Clone, Default)]
struct MemoryAudit {
    entries: Arc<Mutex<Vec<(String, Value)>>>,
    away_from: Option<usize>,
}

impl Audit for MemoryAudit {
    async fn add(&self, key: &str, body: Vec<u8>) -> Result<(), String> {
        let mut entries = self.entries.lock().unwrap();
        if self.away_from.is_some_and(|from| entries.len() >= from) {
            return Err("told to be away".to_owned());
        }
        assert!(entries.iter().all(|(known, _)| known != key), "nothing is replaced");
        entries.push((key.to_owned(), serde_json::from_slice(&body).unwrap()));
        Ok(())
    }
}

impl MemoryAudit {
    fn entries(&self) -> Vec<(String, Value)> {
        self.entries.lock().unwrap().clone()
    }

    /// The phase of each entry.
    fn phases(&self) -> Vec<Value> {
        self.entries().into_iter().map(|(_, entry)| entry["phase"].clone()).collect()
    }
}

#[derive(Clone)]
struct Delayed(Result<u64, String>);

impl Depths for Delayed {
    async fn delayed(&self, queue_url: &str) -> Result<u64, String> {
        assert!(queue_url.starts_with("http://h/"), "{queue_url}");
        self.0.clone()
    }
}

/// A fault of one write.
#[derive(Clone, Copy)]
enum Meets {
    /// Another operator resets the breaker before it.
    Another,
    /// The write is done, and its answer is lost.
    LostAnswer,
    /// The write is lost.
    LostRequest,
}

/// A store whose next writes have these faults.
#[derive(Clone, Default)]
struct Troubled {
    inner: MemoryBreakers,
    meets: Arc<Mutex<VecDeque<Meets>>>,
}

impl Store for Troubled {
    async fn read(&self) -> Result<BTreeMap<String, Snapshot>, StoreUnavailable> {
        self.inner.read().await
    }

    async fn replace(&self, breaker: &str, expected: u64, record: &Record) -> ReplaceOutcome {
        let meets = self.meets.lock().unwrap().pop_front();
        let lost = ReplaceOutcome::Unknown(StoreUnavailable { reason: "no answer".to_owned() });
        match meets {
            None => self.inner.replace(breaker, expected, record).await,
            Some(Meets::LostRequest) => lost,
            Some(Meets::LostAnswer) => {
                self.inner.replace(breaker, expected, record).await;
                lost
            }
            Some(Meets::Another) => {
                write(&self.inner, breaker, Event::Reset).await;
                self.inner.replace(breaker, expected, record).await
            }
        }
    }

    async fn publish(&self, breaker: &str, window: Window, it: &Publication) -> PublishOutcome {
        self.inner.publish(breaker, window, it).await
    }
}

impl PollingStore for Troubled {
    async fn read_polling(&self) -> Result<BTreeMap<String, PollingRecord>, StoreUnavailable> {
        self.inner.read_polling().await
    }

    async fn change(&self, stage: &str, expected: u64, polling: &Polling) -> ChangeOutcome {
        self.inner.change(stage, expected, polling).await
    }
}

/// Writes an event of a breaker, at the first time of the clock.
async fn write(store: &MemoryBreakers, breaker: &str, event: Event) {
    let record = store.snapshot(breaker).record.unwrap_or_else(Record::unwritten);
    let at = Moment { now: ManualClock::default().now(), roll: 0 };
    let next = step(&record, event, at, &Settings::default()).unwrap();
    assert_eq!(store.replace(breaker, record.version, &next).await, ReplaceOutcome::Written);
}

struct World {
    breakers: Breakers<Troubled, MemoryAudit, Delayed, ManualClock>,
}

impl World {
    /// A world in which the breaker `weather` is open.
    async fn new() -> Self {
        let store = Troubled::default();
        write(&store.inner, "weather", Event::Trip { cause: Cause::FailureRate }).await;
        let queues =
            ["deliver", "enrich"].map(|stage| (stage.to_owned(), format!("http://h/{stage}")));
        let parking = Parking { queues: queues.into(), depths: Delayed(Ok(7)) };
        let clock = ManualClock::default();
        let (audit, contracts) = (MemoryAudit::default(), Catalog::default());
        Self { breakers: Breakers { store, audit, parking, contracts, clock } }
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> (i64, Value) {
        let request: LambdaFunctionUrlRequest = serde_json::from_value(json!({
            "rawPath": format!("/v1/breakers{path}"),
            "requestContext": {
                "requestId": "q1", "timeEpoch": 0, "http": { "method": method },
                "authorizer": { "iam": { "userArn": ARN } },
            },
            "body": body.to_string(), "isBase64Encoded": false,
        }))
        .unwrap();
        let response = answer(&self.breakers, &NoRedrive, &request).await;
        (response.status_code, serde_json::from_str(response.body.as_deref().unwrap()).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, &json!(null)).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn act(&self, path: &str, body: Value) -> (i64, Value) {
        self.ask("POST", path, &body).await
    }

    fn record(&self) -> Record {
        self.breakers.store.inner.snapshot("weather").record.unwrap()
    }

    fn meets(&self, meets: impl IntoIterator<Item = Meets>) {
        self.breakers.store.meets.lock().unwrap().extend(meets);
    }

    #[track_caller]
    fn check_phases(&self, expected: &[&str]) {
        assert_eq!(self.breakers.audit.phases(), expected);
    }
}

fn until() -> Value {
    json!({ "why": "the vendor says so", "until": "2026-01-01T02:00:00Z" })
}

#[tokio::test(start_paused = true)]
async fn a_breaker_is_shown_with_what_waits_for_it() {
    let world = World::new().await;
    let shown = world.get("/weather").await;
    assert_eq!(shown["breaker"]["state"], "open");
    let queues = json!([{ "stage": "deliver", "about": 7 }, { "stage": "enrich", "about": 7 }]);
    assert_eq!(shown["parked"], json!({ "about": 14, "queues": queues }));
    assert_eq!(shown["breaker"]["unavailable_since"], "2026-01-01T00:00:00.000Z");
    assert_eq!(shown["first_dead_letter_at"], "2026-01-01T06:00:00.000Z");
    let listed = world.get("").await;
    assert_eq!(listed["breakers"], json!([shown["breaker"]]));
    world.check_phases(&[]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_not_polled_is_shown_with_when_it_is_to_be() {
    let world = World::new().await;
    assert_eq!(world.get("").await["polling"], json!([]));
    let now = world.breakers.clock.now();
    let waits_for = BTreeSet::from(["weather".to_owned()]);
    let pause = Pause { since: now, asked_at: now, waits_for, phase: Phase::Disabled };
    let polling = Polling::Paused(pause);
    assert_eq!(world.breakers.store.change("enrich", 0, &polling).await, ChangeOutcome::Written);
    world.act("/weather/force-open", until()).await;
    let paused = json!([{
        "stage": "enrich", "state": "disabled", "paused_at": "2026-01-01T00:00:00.000Z",
        "waits_for": ["weather"], "resumes_at": "2026-01-01T00:15:00.000Z", "left_alone_until": null,
    }]);
    assert_eq!(world.get("").await["polling"], paused);
    assert_eq!(world.get("/weather").await["polling"], paused);
}

#[tokio::test(start_paused = true)]
async fn what_is_parked_may_be_unknown_and_the_breaker_is_shown_all_the_same() {
    let mut world = World::new().await;
    world.breakers.parking.depths = Delayed(Err("away".to_owned()));
    let shown = world.get("/weather").await;
    assert_eq!(
        (&shown["breaker"]["state"], &shown["parked"]["about"]),
        (&json!("open"), &json!(null))
    );
}

#[tokio::test(start_paused = true)]
async fn an_act_is_done_and_written_down_before_and_after() {
    let world = World::new().await;
    let (status, done) = world.act("/weather/force-open", until()).await;
    assert_eq!(status, 200, "{done}");
    let forced = world.record().forced.unwrap();
    assert_eq!((forced.by.as_str(), forced.why.as_str()), (ARN, "the vendor says so"));
    assert_eq!(forced.until, Some("2026-01-01T02:00:00Z".parse().unwrap()));
    assert_eq!(
        (&done["before"]["state"], &done["breaker"]["state"]),
        (&json!("open"), &json!("forced-open"))
    );
    assert_eq!(done["reaches_fleet_within_ms"], 1_000);

    let entries = world.breakers.audit.entries();
    assert_eq!(entries.len(), 2);
    assert_eq!(done["audit"], json!({ "intent": entries[0].0, "outcome": entries[1].0 }));
    for ((key, entry), phase) in entries.iter().zip(["intent", "done"]) {
        assert!(key.starts_with("audit/2026/01/01/000000.000Z-"), "{key}");
        assert_eq!((&entry["phase"], &entry["act"]), (&json!(phase), &json!("force-open")));
        assert_eq!((&entry["operator"]["arn"], &entry["request_id"]), (&json!(ARN), &json!("q1")));
        assert_eq!(
            (&entry["breaker"], &entry["why"]),
            (&json!("weather"), &json!("the vendor says so"))
        );
        assert_eq!(entry["until"], "2026-01-01T02:00:00.000Z");
        assert_eq!((&entry["before"], &entry["after"]), (&done["before"], &done["breaker"]));
    }
}

#[tokio::test(start_paused = true)]
async fn the_sample_of_the_repository_is_done() {
    for path in testkit::samples_of("operators") {
        assert_eq!(path, "api/operators.json", "a sample without a test");
        let world = World::new().await;
        let request = serde_json::from_str(&testkit::sample(path)).unwrap();
        let response = answer(&world.breakers, &NoRedrive, &request).await;
        assert_eq!(response.status_code, 200, "{:?}", response.body);
        let forced = world.record().forced.unwrap();
        assert_eq!(forced.by, "arn:aws:sts::123456789012:assumed-role/operators/ada@example.com");
        assert_eq!(forced.until, Some("2026-01-01T02:00:00Z".parse().unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn each_act_is_what_the_breaker_makes_of_it() {
    let world = World::new().await;
    let without_end = json!({ "why": "w", "indefinitely": true });
    for (act, body, state) in [
        ("force-close", &without_end, "forced-closed"),
        ("disable", &without_end, "disabled"),
        ("release", &json!({ "why": "w" }), "closed"),
        ("force-open", &until(), "forced-open"),
        ("reset", &json!({ "why": "w" }), "closed"),
    ] {
        let (status, done) = world.act(&format!("/weather/{act}"), body.clone()).await;
        assert_eq!((status, &done["breaker"]["state"]), (200, &json!(state)), "{act}: {done}");
    }
    assert!(matches!(world.record().state, State::Closed { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_act_that_makes_no_sense_is_told_and_is_not_in_the_log() {
    let world = World::new().await;
    let release = json!({ "why": "w" });
    let (status, refused) = world.act("/weather/release", release.clone()).await;
    assert_eq!(status, 409, "{refused}");
    assert_eq!(refused["type"], "urn:sluicegate:operators.illegal");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("no operator forces or disables it"), "{detail}");

    world.act("/weather/force-open", until()).await;
    world.breakers.clock.advance(Duration::from_secs(7_200));
    let (status, refused) = world.act("/weather/release", release).await;
    assert_eq!(status, 409, "{refused}");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains(ARN) && detail.contains("ended at 2026-01-01T02:00"), "{detail}");
    world.check_phases(&["intent", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nobody_knows_is_not_moved_unless_it_is_meant() {
    let world = World::new().await;
    let (status, refused) = world.act("/wether/force-open", until()).await;
    assert_eq!(status, 404, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("there are `weather`"), "{refused}");
    assert_eq!(world.ask("GET", "/wether", &json!(null)).await.0, 404);
    world.check_phases(&[]);
    let mut meant = until();
    meant["new"] = json!(true);
    assert_eq!(world.act("/stations/force-open", meant).await.0, 200);
    assert_eq!(world.get("").await["breakers"][0]["name"], "stations");

    let mut contracts = Catalog::default();
    let slow = "dependencies: {tides: {longest_wait_s: 60}, weather: {longest_wait_s: 60}}";
    contracts.declare_dependencies(slow).unwrap();
    let world = World { breakers: Breakers { contracts, ..World::new().await.breakers } };
    let names = world.get("").await["breakers"].clone();
    assert_eq!((&names[0]["name"], &names[1]["name"]), (&json!("tides"), &json!("weather")));
    let tides = world.get("/tides").await;
    assert_eq!(tides["breaker"]["state"], "closed", "a contract names it");
    assert_eq!(world.act("/tides/disable", until()).await.0, 200);
    let weather = world.get("/weather").await;
    assert_eq!(weather["first_dead_letter_at"], "2026-01-01T00:01:00.000Z", "as it is declared");
}
