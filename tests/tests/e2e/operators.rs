//! Operators move breakers, it is known who did, and it reaches whoever calls the dependency.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws::BreakerTable;
use breaker::{Breakers, Cause, Host, Outcome, Settings, WaitReason};
use event::Timestamp;
use http::Method;
use serde_json::{Value, json};
use sluicegate_tests::{World, ask, post};

/// Whoever signs with an access key of nobody's is the account's owner.
const OWNER: &str = "arn:aws:iam::000000000000:root";
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// An environment's clock: the emulation's, until it is moved.
#[derive(Default)]
struct Clock {
    ahead_ms: AtomicI64,
}

impl Host for &Clock {
    fn now(&self) -> Timestamp {
        let now = runtime::Clock::now(&runtime::SystemClock).unix_ms();
        Timestamp::from_unix_ms(now + self.ahead_ms.load(Ordering::Relaxed))
    }

    fn random(&self) -> u64 {
        0
    }
}

impl Clock {
    fn advance_ms(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

/// An environment of a function that calls `weather`.
fn environment<'a>(world: &World, clock: &'a Clock, id: &str) -> Breakers<BreakerTable, &'a Clock> {
    let table = BreakerTable::new(&world.sdk(), world.name("BreakersTable").to_owned());
    Breakers::new(table, clock, id, [("weather".to_owned(), Settings::default())])
}

/// Why a call is held back, if it is; a store that took too long to answer is asked again.
async fn unavailable_dependency(
    environment: &Breakers<BreakerTable, &Clock>,
) -> Option<WaitReason> {
    for _ in 0..100 {
        let admitted = environment.admit("weather", CALL_LIMIT).await.map(drop);
        if !environment.status()["weather"].is_store_away {
            return admitted.err().map(|wait| wait.reason);
        }
    }
    panic!("the breakers' table does not answer");
}

/// The audit log, by its keys.
fn audit(world: &World) -> BTreeMap<String, Value> {
    let s3 = world.emulation().s3();
    let entries = s3.list(world.archive(), "audit/").unwrap().into_iter().map(|object| {
        let entry = s3.get(world.archive(), &object.key).unwrap();
        (object.key, serde_json::from_slice(&entry.body).unwrap())
    });
    entries.collect()
}

async fn act(world: &World, verb: &str, body: Value) -> (u16, Value) {
    world.operators(Method::POST, &format!("/v1/breakers/weather/{verb}"), &body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_reaches_every_environment_within_the_interval_and_says_whose_it_is() {
    let world = World::start().await;
    let clock = Clock::default();
    let environments = ["e1", "e2"].map(|id| environment(&world, &clock, id));
    for environment in &environments {
        assert_eq!(unavailable_dependency(environment).await, None);
    }
    let body = json!({ "why": "the vendor said so", "for_s": 7_200 });
    let (status, done) = act(&world, "force-open", body).await;
    assert_eq!((status, &done["breaker"]["state"]), (200, &json!("forced-open")), "{done}");

    clock.advance_ms(done["reaches_fleet_within_ms"].as_i64().unwrap());
    for environment in &environments {
        let reason = unavailable_dependency(environment).await;
        assert_eq!(reason, Some(WaitReason::Open(Cause::Operator)));
    }

    // Released before its time, it waits no longer: the next call is a probe.
    let (status, done) = act(&world, "release", json!({ "why": "it is back" })).await;
    assert_eq!((status, &done["breaker"]["state"]), (200, &json!("open")), "{done}");
    clock.advance_ms(done["reaches_fleet_within_ms"].as_i64().unwrap());
    let permit = environments[0].admit("weather", CALL_LIMIT).await;
    permit.unwrap_or_else(|wait| panic!("{wait:?}")).finish(Outcome::Ignored).await;

    let log = audit(&world);
    let told: Vec<[&Value; 5]> = log
        .values()
        .map(|entry| ["phase", "act", "breaker", "why", "until"].map(|name| &entry[name]))
        .collect();
    let until = &done["before"]["forced"]["until"];
    assert!(until.is_string(), "{done}");
    let (opened, back) = (json!("the vendor said so"), json!("it is back"));
    let (force_open, release, weather) = (json!("force-open"), json!("release"), json!("weather"));
    let (intent, outcome, none) = (json!("intent"), json!("done"), json!(null));
    let expected = [
        [&intent, &force_open, &weather, &opened, until],
        [&outcome, &force_open, &weather, &opened, until],
        [&intent, &release, &weather, &back, &none],
        [&outcome, &release, &weather, &back, &none],
    ];
    assert_eq!(told, expected);
    for (key, entry) in &log {
        assert_eq!(entry["operator"]["arn"], OWNER, "{entry}");
        let day = entry["at"].as_str().unwrap()[..10].replace('-', "/");
        assert!(key.starts_with(&format!("audit/{day}/")), "{key}");
        assert!(!entry["request_id"].as_str().unwrap().is_empty(), "{entry}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_acts_without_a_signature_or_past_the_url() {
    let world = World::start().await;
    let url = format!("{}v1/breakers", world.output("OperatorsUrl"));
    let (status, _, refused) = ask(Method::GET, &url, &[], "").await;
    assert_eq!((status, refused), (403, json!({ "Message": "Forbidden" })));

    // A plain invoke tells nobody's name.
    let (endpoint, name) = (world.emulation().endpoint(), world.name("OperatorsFunction"));
    let invoke = format!("{endpoint}/2015-03-31/functions/{name}/invocations");
    let (_, _, failed) = post(&invoke, r#"{"verb":"reset","breaker":"weather"}"#).await;
    assert!(failed["errorType"].is_string(), "{failed}");
    let request = json!({
        "version": "2.0", "rawPath": "/v1/breakers/weather/reset", "headers": {},
        "requestContext": { "timeEpoch": 0, "http": { "method": "POST" } },
        "body": r#"{"why":"w"}"#, "isBase64Encoded": false,
    });
    let (_, _, refused) = post(&invoke, request.to_string()).await;
    assert_eq!(refused["statusCode"], 403, "{refused}");
    assert_eq!(audit(&world), BTreeMap::new());
    let (_, listed) = world.operators(Method::GET, "/v1/breakers", &json!(null)).await;
    assert_eq!(listed["breakers"][0]["version"], 0, "nothing was done: {listed}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_environment_finds_out_is_shown_with_what_waits_for_it() {
    let world = World::start().await;
    let clock = Clock::default();
    let environment = environment(&world, &clock, "e1");
    for _ in 0..Settings::default().minimum_calls {
        let permit = environment.admit("weather", CALL_LIMIT).await;
        permit.unwrap_or_else(|wait| panic!("{wait:?}")).finish(Outcome::Failed).await;
        clock.advance_ms(100);
    }
    environment.end_invocation().await;
    assert!(unavailable_dependency(&environment).await.is_some());
    let sqs = aws_sdk_sqs::Client::new(&world.sdk());
    for (queue, count) in [("EnrichQueue", 3), ("DeliverQueue", 1)] {
        let url = format!("{}/000000000000/{}", world.emulation().endpoint(), world.name(queue));
        for _ in 0..count {
            let sent = sqs.send_message().queue_url(&url).message_body("parked").delay_seconds(900);
            sent.send().await.unwrap();
        }
    }
    let (status, shown) = world.operators(Method::GET, "/v1/breakers/weather", &json!(null)).await;
    assert_eq!(status, 200, "{shown}");
    let breaker = &shown["breaker"];
    assert_eq!((&breaker["state"], &breaker["cause"]), (&json!("open"), &json!("failure-rate")));
    assert_eq!(breaker["counts"][0]["window_s"], 60, "{shown}");
    let queues = json!([{ "stage": "deliver", "about": 1 }, { "stage": "enrich", "about": 3 }]);
    assert_eq!(shown["parked"], json!({ "about": 4, "queues": queues }));
    let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    let (since, first) =
        (time(&breaker["unavailable_since"]), time(&shown["first_dead_letter_at"]));
    assert_eq!(first.since(since), Duration::from_secs(21_600));
    assert!(since < time(&breaker["next_probe_at"]), "{shown}");
    world.end().await;
}
