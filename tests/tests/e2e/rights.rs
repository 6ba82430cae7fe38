//! The rights that the template grants: each is needed, and nothing else is.

mod large;
mod missing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use emulation::faults::{Fault, Plan, Rule};
use emulation::iam::{Decision, Grant};
use emulation::lambda::mapping::State;
use emulation::server::Access;
use emulation::template::{EventSourceMapping, Role};
use event::Code;
use http::Method;
use serde_json::{Value, json};
use sluicegate_tests::{Edit, Flight, SIGNED, Settings, World, ask, flights, gzip, lines, root};

/// What no run of seconds on one machine needs, each with the reason why it is granted all the same.
const RARE: &[(&str, &str)] = &[
    ("logs:CreateLogStream", "Lambda writes the logs, as the function"),
    ("logs:PutLogEvents", "Lambda writes the logs, as the function"),
    ("xray:PutTraceSegments", "Lambda writes the traces, as the function"),
    ("xray:PutTelemetryRecords", "Lambda writes the traces, as the function"),
    ("s3:AbortMultipartUpload", "a copy of more than 5 GB, in parts, fails"),
    ("s3:GetObjectVersion", "buckets have no versions here"),
];

/// Who meets an outage, and of what; each lasts until it made the function park a message, after some that it
/// hid.
const OUTAGES: [(&str, &str); 5] = [
    ("IngestFunction", "s3.GetObject"),
    ("EnrichFunction", "sqs.SendMessageBatch"),
    ("SinkFunction", "dynamodb"),
    ("LakeFunction", "dynamodb"),
    ("DeliverFunction", "dynamodb"),
];
/// The lake loses environments in the middle of a batch; in its outage, no call gets as far as that.
const DEATHS: &str = "
seed: 3
faults:
  - {fault: kill, on: LakeFunction, at: call, chance: 0.4, times: 12}
";
/// Long enough for breakers to open.
const WEATHER_OUTAGE: &str = "faults: [{fault: host-failing, on: weather, for: 60s}]";
/// How often it is looked whether an outage has had its effect.
const LOOK: Duration = Duration::from_millis(10);

/// Keys are remembered for so short a time that a redrive extends it, and the backlog is bounded.
const LESS: Edit =
    Edit { old: "idempotency_days: 30", new: "idempotency_days: 15\nbacklog: {limit: 100000}" };

/// A file of 2 MiB is read in slices.
const SLICES: Edit = Edit { old: "SLICE_MIB: '1024'", new: "SLICE_MIB: '1'" };

const STAGES: [&str; 5] = ["ingest", "enrich", "sink", "lake", "deliver"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_right_that_is_granted_is_needed_and_none_is_missing() {
    let faults = Plan::parse(DEATHS).unwrap();
    let datasets = &["guarded", "authorized", "lookups", "late"];
    let settings = Settings {
        faults,
        datasets,
        edits: vec![SLICES],
        contract_edits: vec![("flights/contract.yaml", LESS)],
        ..Settings::default()
    };
    let world = World::start_with(settings).await;
    for secret in ["sluicegate/guarded", "sluicegate/authorized"] {
        world.emulation().secrets().put(secret, r#"{"token":"t"}"#).unwrap();
    }
    let airports = "faa,name\nEWR,Newark\nJFK,Kennedy\nLGA,La Guardia\n";
    let bucket = world.output("ReferenceBucketName");
    world.emulation().s3().put(bucket, "airports.csv", airports.into(), "text/csv").unwrap();
    world.emulation().record_access();
    let outages = begin_outages(&world);
    let throttling = throttle_weather(&world);
    tokio::join!(run(&world), end_outages(&world, outages, throttling));

    let mut used = world.emulation().allowed();
    used.extend(used_by_mappings(&world));
    let unneeded = unneeded(&world, &used);
    assert!(unneeded.is_empty(), "granted, and never needed:\n{}", unneeded.join("\n"));
    world.end().await;
}

/// A bit of everything: files, messages, deliveries, duplicates, conflicts, poison at every stage, and a
/// redrive of each.
async fn run(world: &World) {
    for stage in STAGES {
        let report = world.redrive(stage).await;
        assert_eq!((&report["sent"], &report["state"]), (&json!(0), &json!("done")), "{report}");
    }
    let sample = flights(0, 60);
    let (files, messages) = sample.split_at(30);
    put_tagged(world, "flights/tagged.ndjson.gz", gzip(&lines(&files[..15]))).await;
    let bad_line = [lines(&files[15..]), b"{\n".to_vec()].concat();
    world.land("flights/mixed.ndjson.gz", gzip(&bad_line));
    let blank = vec![b'\n'; 2 * 1024 * 1024];
    world.land("flights/long.ndjson", [lines(&files[..1]), blank, lines(&files[1..2])].concat());
    world.send("Inbox", &announcement(world, "flights/gone.ndjson.gz"), &[]);
    world.send_flights(messages);
    world.send_flights(&messages[..10]);
    for observation in testkit::sample_lines("weather.ndjson.gz").iter().take(10) {
        world.send("Inbox", observation, &[("dataset", "weather")]);
    }
    let late = json!({ "id": "a", "at": "2013-01-01T10:00:00Z", "revision": 1 });
    world.send("Inbox", &late.to_string(), &[("dataset", "late")]);
    // It leaves no room for why it is a dead letter.
    world.send("Inbox", &"x".repeat(1_048_500), &[("dataset", "flights")]);
    // The service has whole hours alone, and refuses it.
    for number in [20, 21] {
        let line = &testkit::sample_lines("weather.ndjson.gz")[number];
        let mut observation: Value = serde_json::from_str(line).unwrap();
        observation["time_hour"] = json!("2013-01-01T10:30:00Z");
        observation["origin"] = json!(format!("X{number}"));
        world.send("Inbox", &observation.to_string(), &[("dataset", "weather")]);
    }
    for queue in ["Inbox", "EnrichQueue", "SinkQueue", "LakeQueue", "DeliverQueue"] {
        world.send(queue, "garbage", &[]);
        world.send(queue, "rubbish", &[]);
    }
    let large = large::send(world);
    world.settle().await;
    // Delivered with a token, and enriched with one. Each is behind a breaker of its own, to which other stages
    // write nothing, and which opens.
    world.emulation().adversary().add(&Plan::parse(WEATHER_OUTAGE).unwrap());
    for observation in &testkit::sample_lines("weather.ndjson.gz")[30..60] {
        world.send("Inbox", observation, &[("dataset", "guarded")]);
        world.send("Inbox", observation, &[("dataset", "authorized")]);
        world.send("Inbox", observation, &[("dataset", "lookups")]);
    }
    world.settle().await;
    let others = messages[..2].iter().map(|flight| flight.with("dep_delay", 999.into()));
    world.send_flights(&others.collect::<Vec<_>>());
    world.settle().await;
    for stage in STAGES {
        let report = world.redrive(stage).await;
        assert_ne!(report["sent"], 0, "{report}");
    }
    world.settle().await;
    repeat_a_request(world, &messages[0]).await;
    large::redrive_to_ingest(world).await;
    redrive_as_an_operator(world).await;
    move_a_breaker(world).await;
    pause_polling(world).await;
    lose_letters(world).await;
    assert_eq!(world.redrive("ingest").await["sent"], 5, "a line, a file, three messages");
    world.settle().await;
    let letters = world.letters("InboxDlq").into_iter().filter_map(|letter| letter.failure);
    let gone = letters.filter(|failure| failure.code == Code::InputNotFound);
    assert_eq!(gone.count(), 2, "the file, and the message that was in the archive");
    assert_eq!(world.emulation().denied(), BTreeSet::new(), "the template does not grant it");
    let later = lose_environments(world).await;
    world.assert_in_totals_whatever_was_extended(&[sample, vec![large], later].concat());
}

/// The second request is answered with what is kept of the first.
async fn repeat_a_request(world: &World, flight: &Flight) {
    let url = format!("{}/flights", world.output("IngestUrl").trim_end_matches('/'));
    let headers = [("content-type", "application/json"), SIGNED, ("idempotency-key", "k")];
    let (status, _, first) = ask(Method::POST, &url, &headers, flight.line.clone()).await;
    assert_eq!(status, 202, "{first}");
    let (_, _, again) = ask(Method::POST, &url, &headers, flight.line.clone()).await;
    assert_eq!(again, first);
}

/// All that operators do with letters, through their function.
async fn redrive_as_an_operator(world: &World) {
    let list = world.ask_dlq("list", json!({})).await;
    assert_ne!(list["stages"]["sink"]["letters"]["dead"], Value::Null, "{list}");
    // What is looked for in a sink's table, and among dedupe records; it comes back, and that ends the run.
    for (stage, code) in [("sink", "dedupe.conflict"), ("deliver", "delivery.refused")] {
        let select = json!({ "stages": [stage], "codes": [code] });
        let plan = world.ask_dlq("plan", json!({ "select": select })).await;
        let begun = json!({ "plan": plan["plan"], "why": "mended", "pace": { "canary": 1 } });
        let run = world.ask_dlq("redrive", begun).await["run"].clone();
        world.settle().await;
        let status = world.ask_dlq("status", json!({ "run": run })).await;
        assert_eq!(status["run"]["state"], "paused", "{status}");
        world.ask_dlq("cancel", json!({ "run": run, "why": "it came back" })).await;
    }
    world.settle().await;
    let letter = world.ask_dlq("letters", json!({ "limit": 1 })).await["letters"][0]["id"].clone();
    world.ask_dlq("show", json!({ "letter": letter })).await;
    let now_ms = i64::try_from(world.emulation().now_ms()).unwrap();
    let today = event::Timestamp::from_unix_ms(now_ms).date();
    let audit = world.ask_dlq("audit", json!({ "day": today })).await;
    assert_ne!(audit["entries"], json!([]), "{audit}");
}

/// Sends more flights, until enough of the lake's environments have died in the middle of a batch: each death
/// leaves a claim that the next one settles. Answers what was sent.
async fn lose_environments(world: &World) -> Vec<Flight> {
    const ENOUGH: usize = 4;
    // Several deaths may have struck one environment: there are more to come.
    world.emulation().adversary().add(&Plan::parse(DEATHS).unwrap());
    let mut sent = Vec::new();
    for round in 0..40 {
        if world.logs.lines_with("signal: killed").len() >= ENOUGH {
            return sent;
        }
        let flights = flights(60 + 2 * round, 2);
        world.send_flights(&flights);
        world.settle().await;
        sent.extend(flights);
    }
    panic!("too few of the lake's environments were killed");
}

/// An operator does it, and looks at it.
async fn move_a_breaker(world: &World) {
    let body = json!({ "why": "to see whether it may be done", "for_s": 60 });
    let (status, done) =
        world.operators(Method::POST, "/v1/breakers/weather/force-open", &body).await;
    assert_eq!(status, 200, "{done}");
    assert!(done["audit"]["outcome"].is_string(), "{done}");
    let (_, shown) = world.operators(Method::GET, "/v1/breakers/weather", &Value::Null).await;
    assert!(shown["parked"]["about"].is_u64(), "{shown}");
    let body = json!({ "why": "it may be done" });
    let (status, done) = world.operators(Method::POST, "/v1/breakers/weather/reset", &body).await;
    assert_eq!(status, 200, "{done}");
}

/// Events wait at both stages that call services, one after the other, until their queues are not polled; what
/// is sent had been written before, or is delivered.
async fn pause_polling(world: &World) {
    let body = json!({ "why": "to see whether polling pauses", "for_s": 7_200 });
    let (_, done) = world.operators(Method::POST, "/v1/breakers/weather/force-open", &body).await;
    assert_eq!(done["breaker"]["state"], "forced-open", "{done}");
    for observation in &testkit::sample_lines("weather.ndjson.gz")[70..72] {
        world.send("Inbox", observation, &[("dataset", "weather")]);
    }
    world.rest().await;
    world.pass_minutes(3).await;
    world.send_flights(&flights(30, 2));
    world.rest().await;
    world.pass_minutes(1).await;
    assert_eq!(world.mapping("DeliverFunctionDeliver").mapping.state(), State::Disabled);
    assert_eq!(world.mapping("EnrichFunctionEnrich").mapping.state(), State::Disabling);
    let body = json!({ "why": "it does" });
    let (status, done) = world.operators(Method::POST, "/v1/breakers/weather/release", &body).await;
    assert_eq!(status, 200, "{done}");
    world.settle().await;
}

/// The numbers of the faults, as the adversary counts them, by their functions.
fn begin_outages(world: &World) -> BTreeMap<String, u64> {
    let begin = |(function, what): (&str, &str)| {
        let outage = Rule {
            on: what.to_owned(),
            from: Some(function.to_owned()),
            ..Rule::new(Fault::Error)
        };
        let plan = Plan { seed: 0, rules: vec![outage] };
        (world.name(function).to_owned(), world.emulation().adversary().add(&plan)[0])
    };
    OUTAGES.map(begin).into_iter().collect()
}

/// Enrich parks nothing while it cannot send to any queue: it hides then, and parks what this service asks it
/// to keep for a while. The number of the fault.
fn throttle_weather(world: &World) -> u64 {
    let plan = "faults: [{fault: host-failing, on: weather, status: 429, retry-after: 90s}]";
    world.emulation().adversary().add(&Plan::parse(plan).unwrap())[0]
}

async fn end_outages(world: &World, mut outages: BTreeMap<String, u64>, throttling: u64) {
    let enrich = world.name("EnrichFunction");
    let mut is_throttling = true;
    while !outages.is_empty() || is_throttling {
        let parking = parking_functions(world);
        if is_throttling && parking.contains(enrich) {
            is_throttling = false;
            assert!(world.emulation().adversary().remove(throttling));
        }
        let over: Vec<String> = if outages.contains_key(enrich) && hides(world, enrich) {
            vec![enrich.to_owned()]
        } else {
            parking.into_iter().collect()
        };
        for function in over {
            if let Some(number) = outages.remove(&function) {
                assert!(world.emulation().adversary().remove(number));
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn hides(world: &World, function: &str) -> bool {
    world.emulation().calls().into_keys().any(|call| {
        call.caller == function && call.operation.starts_with("ChangeMessageVisibility")
    })
}

/// The functions that have sent to their own queue.
fn parking_functions(world: &World) -> BTreeSet<String> {
    let mappings = &world.emulation().stack().mappings;
    let is_own = |access: &Access| {
        access.action == "sqs:SendMessage"
            && mappings.iter().any(|mapping| {
                mapping.function == access.function && mapping.queue_arn == access.resource
            })
    };
    let sent = world.emulation().allowed().into_iter().filter(is_own);
    sent.map(|access| access.function).collect()
}

async fn put_tagged(world: &World, key: &str, body: Vec<u8>) {
    let s3 = aws_sdk_s3::Client::new(&world.sdk());
    let put = s3.put_object().bucket(world.output("LandingBucketName")).key(key).tagging("a=b");
    put.body(ByteStream::from(body)).send().await.unwrap();
}

/// The message of a letter that had no room for it is kept in the archive, and is there no more.
async fn lose_letters(world: &World) {
    let s3 = aws_sdk_s3::Client::new(&world.sdk());
    let bucket = world.archive();
    for object in world.emulation().s3().list(bucket, "letters/").unwrap() {
        s3.delete_object().bucket(bucket).key(object.key).send().await.unwrap();
    }
}

/// What S3 says of a new object, for one that is there no more.
fn announcement(world: &World, key: &str) -> String {
    let text = std::fs::read_to_string(root().join("events/s3/inbox-notification.json")).unwrap();
    let sample: Value = serde_json::from_str(&text).unwrap();
    let mut body: Value =
        serde_json::from_str(sample["Records"][0]["body"].as_str().unwrap()).unwrap();
    let s3 = &mut body["Records"][0]["s3"];
    s3["bucket"]["name"] = json!(world.output("LandingBucketName"));
    s3["object"]["key"] = json!(key);
    body.to_string()
}

/// Lambda made these mappings, and so their functions' roles let it.
fn used_by_mappings(world: &World) -> impl Iterator<Item = Access> {
    world.emulation().stack().mappings.iter().flat_map(|mapping| {
        EventSourceMapping::ACTIONS.map(|action| Access {
            function: mapping.function.clone(),
            action: action.to_owned(),
            resource: mapping.queue_arn.clone(),
        })
    })
}

/// The grants without which all of `used` would have been allowed as well.
fn unneeded(world: &World, used: &BTreeSet<Access>) -> Vec<String> {
    let stack = world.emulation().stack();
    let added = added_tables(world);
    let mut unneeded = Vec::new();
    for function in &stack.functions {
        let role = stack.roles.iter().find(|role| role.arn == function.role).unwrap();
        let own: Vec<_> = used.iter().filter(|access| access.function == function.name).collect();
        for grant in role.rights.grants() {
            let is_rare = RARE.iter().any(|(action, _)| *action == grant.action);
            let is_added = added.iter().any(|table| grant.resource.ends_with(table));
            if !is_added && is_needed(role, &grant, &own) == is_rare {
                let Grant { action, resource } = grant;
                unneeded.push(format!("{} {action} {resource} (rare: {is_rare})", function.name));
            }
        }
    }
    unneeded
}

/// The ends of the ARNs of tables that were added for sinks of datasets, which no event here is written to.
fn added_tables(world: &World) -> Vec<String> {
    let sink = world.emulation().stack().functions.iter().find(|it| it.binary == "sink").unwrap();
    let tables: BTreeMap<String, String> =
        serde_json::from_str(&sink.environment["TABLES"]).unwrap();
    let added =
        tables.into_iter().filter(|(sink, _)| !["records", "totals"].contains(&sink.as_str()));
    added.map(|(_, table)| format!(":table/{table}")).collect()
}

fn is_needed(role: &Role, grant: &Grant, used: &[&Access]) -> bool {
    let less = role.rights.without(grant);
    used.iter().any(|access| less.decide(&access.action, &access.resource) != Decision::Allowed)
}
