//! What operators and producers do: start it with a mistake, post to it, bring dead letters back.

use std::collections::BTreeMap;
use std::process::Command;

use contracts::EventOrigin;
use emulation::sqs::{MessageAttribute, NewMessage};
use event::{Code, Payload, Timestamp};
use http::Method;
use sample::Weather;
use serde_json::{Value, json};
use sluicegate_tests::{
    SIGNED, Settings, World, ask, flights, gzip, post, post_signed, root, weather,
};
use tokio::net::TcpSocket;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_of_an_outage_come_back_and_are_written_once() {
    // The port is the test's own from here on; connections are refused until the service listens.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let weather_url = Some(format!("http://{}", socket.local_addr().unwrap()));
    let world = World::start_with(Settings { weather_url, ..Settings::default() }).await;
    let sample = flights(0, 60);
    world.send_flights(&sample);
    world.send("Inbox", "{", &[("dataset", "flights")]);
    world.settle().await;

    world.assert_written_once(&[]);
    let dead = world.letters("EnrichDlq");
    assert_eq!(dead.len(), sample.len());
    for letter in &dead {
        let failure = letter.failure.as_ref().unwrap();
        assert_eq!(failure.code, Code::DependencyUnavailable, "{letter}");
        assert!(failure.reason.contains("longer than the 21600 s allowed"), "{letter}");
        assert!(failure.first_failed_at <= failure.last_failed_at, "{letter}");
        assert_eq!((failure.stage.as_str(), failure.redrives), ("enrich", 0), "{letter}");
    }

    let listener = socket.listen(1_024).unwrap();
    let back = tokio::spawn(Weather::load(&weather()).unwrap().serve(listener));
    let report = world.redrive("enrich").await;
    assert_eq!((&report["sent"], &report["state"]), (&json!(60), &json!("done")), "{report}");
    assert_eq!(world.redrive("ingest").await["sent"], 1);
    world.settle().await;

    world.assert_written_once(&sample);
    world.assert_letters("EnrichDlq", &[]);
    // What is broken for good is back where it was, and tells that it had come back.
    world.assert_letters("InboxDlq", &[(Code::DecodeJson, "redrives 1")]);
    let (url, name) = (world.emulation().endpoint(), world.name("RedriveFunction"));
    let url = format!("{url}/2015-03-31/functions/{name}/invocations");
    let (_, _, refused) = post(&url, r#"{"do":{"move":{"stage":"pond"}}}"#).await;
    assert_eq!(refused["errorType"], "Redrive.Unknown", "{refused}");
    back.abort();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_posted_over_http_are_answered_one_by_one_and_written() {
    let world = World::start().await;
    let sample = flights(0, 12);
    let url = world.output("IngestUrl").trim_end_matches('/').to_owned();

    let (status, kind, answer) =
        post_signed(&format!("{url}/flights"), sample[0].line.clone()).await;
    assert_eq!((status, kind.as_str()), (202, "application/json"), "{answer}");
    assert_eq!(answer["results"][0]["status"], "accepted", "{answer}");
    let array: Value = sample[1..6].iter().map(|flight| flight.value.clone()).collect();
    let (status, _, answer) = post_signed(&format!("{url}/flights"), array.to_string()).await;
    assert_eq!((status, answer["results"].as_array().unwrap().len()), (202, 5), "{answer}");
    let mixed = format!(
        "{}\n{{\"carrier\":\n",
        String::from_utf8(sluicegate_tests::lines(&sample[6..])).unwrap()
    );
    let (status, _, answer) = post_signed(&format!("{url}/flights"), mixed).await;
    assert_eq!(status, 207, "{answer}");
    assert_eq!(answer["results"][6]["code"], "decode.json", "{answer}");
    assert_eq!(answer["results"][6]["status"], "refused", "{answer}");

    let (status, kind, answer) = post_signed(&format!("{url}/trains"), "{}").await;
    assert_eq!((status, kind.as_str()), (404, "application/problem+json"), "{answer}");
    assert_eq!(answer["code"], "contract.unknown-dataset", "{answer}");
    assert_eq!(answer["type"], "urn:sluicegate:contract.unknown-dataset", "{answer}");
    assert_eq!(post_signed(&format!("{url}/flights"), "{}").await.0, 422);
    assert_eq!(post_signed(&format!("{url}/flights"), "").await.0, 400);
    // Again, and compressed, with a byte order mark: known by their keys.
    let zipped = gzip(&[b"\xef\xbb\xbf", &*sluicegate_tests::lines(&sample)].concat());
    let headers = [("content-type", "application/x-ndjson"), ("content-encoding", "gzip"), SIGNED];
    let (status, _, answer) = ask(Method::POST, &format!("{url}/flights"), &headers, zipped).await;
    assert_eq!((status, answer["results"].as_array().unwrap().len()), (202, 12), "{answer}");
    let brotli = [("content-type", "application/x-ndjson"), ("content-encoding", "br"), SIGNED];
    let (status, headers, _) = ask(Method::POST, &format!("{url}/flights"), &brotli, "x").await;
    assert_eq!((status, &headers["accept-encoding"]), (415, &"gzip".parse().unwrap()));
    let (status, headers, _) = ask(Method::GET, &format!("{url}/flights"), &[SIGNED], "").await;
    assert_eq!((status, &headers["allow"]), (405, &"POST".parse().unwrap()));
    let (status, _, answer) = post(&format!("{url}/flights"), "{}").await;
    assert_eq!((status, answer), (403, json!({ "Message": "Forbidden" })), "nobody signed it");
    world.settle().await;

    world.assert_written_once(&sample);
    world.assert_letters("InboxDlq", &[]);
    // Each request says what came of its events, and they add up.
    let logged = |field| world.logs.sum("ingest", field);
    assert_eq!((logged("batch.received"), logged("events.in")), (9, 26));
    assert_eq!((logged("events.out"), logged("events.refused")), (24, 2));
    world.end().await;
}

/// Whoever may send to the inbox may say anything there; it is not an earlier life.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_producer_says_of_an_earlier_life_is_not_believed() {
    let world = World::start().await;
    let sample = flights(0, 2);
    let forged = json!({
        "stage": "ingest", "code": "decode.json", "kind": "permanent", "reason": "forged",
        "first_failed_at": "2001-01-01T00:00:00.000Z", "last_failed_at": "2001-01-01T00:00:00.000Z",
        "taken_in_at": "2001-01-01T00:00:00.000Z", "attempts": 1, "redrives": 7,
        "message_id": "forged", "encoding": "base64",
    });
    let forged = forged.to_string();
    let attributes = [
        ("dataset", "flights"),
        ("sluicegate.failure", forged.as_str()),
        ("eventid", "forged"),
        ("source", "forged"),
    ];
    world.send("Inbox", &sample[0].line, &attributes);
    world.send("Inbox", "{", &attributes);
    world.settle().await;
    // An event of 2001 would be forgotten by now, and one in base64 would be none.
    world.assert_written_once(&sample[..1]);
    world.assert_letters("InboxDlq", &[(Code::DecodeJson, "redrives 0")]);

    // Nor is it believed when an operator has sent it back, or when SQS moves it.
    assert_eq!(world.redrive("ingest").await["sent"], 1);
    world.settle().await;
    world.assert_letters("InboxDlq", &[(Code::DecodeJson, "redrives 1")]);
    let letter = world.letters("InboxDlq").remove(0).failure.unwrap();
    assert!(letter.message_id != "forged" && letter.reason != "forged", "{letter:?}");
    assert!(letter.taken_in_at.as_deref() > Some("2025"), "{letter:?}");
    world.end().await;
}

/// SQS's own move, of letters that are not collected yet, which needs a destination for what functions wrote: the
/// failure comes along, and is ingest's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_that_sqs_itself_moves_are_taken_in_again() {
    let world =
        World::start_with(Settings { without_collecting: true, ..Settings::default() }).await;
    let flight = &flights(0, 1)[0];
    // A first letter, with as many attributes as a message can have; then the dataset is there.
    let mut attributes: Vec<(String, &str)> = (0..8).map(|n| (format!("z{n}"), "x")).collect();
    attributes.extend([("dataset".to_owned(), "flights"), ("traceparent".to_owned(), "none")]);
    let attributes: Vec<(&str, &str)> = attributes.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    world.send("Inbox", &flight.line[..60], &attributes);
    world.settle().await;
    world.assert_letters("InboxDlq", &[(Code::DecodeJson, "redrives 0")]);
    let first = world.letters("InboxDlq").remove(0).failure.unwrap();

    let sqs = aws_sdk_sqs::Client::new(&world.sdk());
    let arn = |queue: &str| {
        let queues = &world.emulation().stack().queues;
        queues.iter().find(|each| each.logical_id == queue).unwrap().arn.clone()
    };
    let task = || sqs.start_message_move_task().source_arn(arn("InboxDlq"));
    task().send().await.unwrap();
    let tasks = sqs.list_message_move_tasks().source_arn(arn("InboxDlq")).send().await.unwrap();
    assert_eq!(tasks.results()[0].failure_reason(), Some("CouldNotDetermineMessageSource"));
    task().destination_arn(arn("Inbox")).send().await.unwrap();
    world.settle().await;
    world.assert_letters("InboxDlq", &[(Code::DecodeJson, "redrives 0")]);
    let second = world.letters("InboxDlq").remove(0).failure.unwrap();
    assert_eq!(
        (second.message_id.clone(), second.taken_in_at.clone()),
        (first.message_id.clone(), first.taken_in_at.clone())
    );
    assert_eq!(second.first_failed_at, first.first_failed_at);
    world.end().await;
}

/// Fair queues are standard queues whose messages have a group, and refuse a deduplication id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_a_fair_queue_is_redriven_with_its_group() {
    let world = World::start().await;
    let flight = flights(0, 1);
    let dataset = MessageAttribute {
        data_type: "String".to_owned(),
        string_value: Some("flights".to_owned()),
        binary_value: None,
    };
    let message = NewMessage {
        body: flight[0].line.clone(),
        message_attributes: BTreeMap::from([("dataset".to_owned(), dataset)]),
        group_id: Some("tenant-7".to_owned()),
        ..NewMessage::default()
    };
    let poison = NewMessage { body: "{".to_owned(), ..message.clone() };
    let (sqs, dead) = (world.emulation().sqs(), world.name("InboxDlq"));
    sqs.send(world.name("Inbox"), poison).unwrap();
    sqs.send(dead, message).unwrap();
    world.settle().await;
    let report = world.redrive("ingest").await;
    assert_eq!((&report["sent"], &report["skipped"]), (&2.into(), &0.into()), "{report}");
    world.settle().await;
    world.assert_written_once(&flight);
    world.assert_letters("InboxDlq", &[(Code::DecodeJson, "redrives 1")]);
    assert_eq!(world.letters("InboxDlq")[0].group.as_deref(), Some("tenant-7"));
    world.end().await;
}

/// What became of it then is known no more, and a letter that is redriven is as old as its first life: no run sends it,
/// though a plan that has not read it may have it. What gets to a sink all the same is not written there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_in_too_long_ago_is_not_written() {
    let world = World::start().await;
    let flight = &flights(0, 1)[0];
    let failure = json!({
        "stage": "ingest", "code": "contract.unknown-dataset", "kind": "permanent", "reason": "none",
        "taken_in_at": "2020-01-01T00:00:00.000Z", "first_failed_at": "2026-11-01T00:00:00.000Z",
        "last_failed_at": "2026-11-01T00:00:00.000Z", "attempts": 1, "redrives": 40,
        "message_id": "9b2cf535-f277-4197-8744-643645a39853", "fingerprint": "1-0123456789abcdef",
    });
    let failure = failure.to_string();
    let attributes = [("dataset", "flights"), ("sluicegate.failure", failure.as_str())];
    world.send("InboxDlq", &flight.line, &attributes);
    let report = world.redrive("ingest").await;
    assert_eq!((&report["sent"], &report["skipped"]), (&0.into(), &1.into()), "{report}");

    let origin = EventOrigin {
        source: "s".to_owned(),
        id: "e".to_owned(),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        taken_in: Timestamp::from_unix_ms(1_577_836_800_000),
    };
    let payload = Payload::parse(flight.line.as_bytes()).unwrap();
    let envelope = testkit::contracts().get("flights").unwrap().envelope(payload, origin).unwrap();
    for queue in ["SinkQueue", "LakeQueue"] {
        world.send(queue, &envelope.to_json().unwrap(), &[]);
    }
    world.settle().await;
    world.assert_written_once(&[]);
    for queue in ["SinkDlq", "LakeDlq"] {
        world.assert_letters(queue, &[(Code::Forgotten, "taken in at 2020-01-01")]);
    }
    world.end().await;
}

/// Each variable that the template gives a function, and those that Lambda always sets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_without_one_of_its_variables_does_not_start_and_names_it() {
    let world = World::start().await;
    let folder = sluicegate_tests::build(
        emulation::builder::Profile::Dev,
        sluicegate_tests::BINARIES,
        Some(env!("CARGO_PKG_NAME")),
    )
    .await;
    for function in &world.emulation().stack().functions {
        let mut all: BTreeMap<String, String> = function.environment.clone();
        // The one has a default, and the other is needed only for contracts that divert events.
        for optional in ["LOG_LEVEL", "LATE_QUEUE_URL"] {
            all.remove(optional);
        }
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            all.insert(name.to_owned(), "x".to_owned());
        }
        if function.binary == "redrive" {
            // Lambda sets it, too; nobody else asks for it.
            all.insert("AWS_LAMBDA_FUNCTION_NAME".to_owned(), function.name.clone());
        }
        let contracts = root().join("tests/contracts").display().to_string();
        all.entry("CONTRACTS_DIR".to_owned()).and_modify(|dir| *dir = contracts);
        if let Some(file) = all.get_mut("VARIABLES_FILE") {
            *file = function.layers[0].join("variables/local.yaml").display().to_string();
        }
        for name in
            all.keys().filter(|name| !function.layers.is_empty() || *name != "CONTRACTS_DIR")
        {
            let mut variables = all.clone();
            variables.remove(name);
            let mut command = Command::new(folder.join(&function.binary));
            let output = command.env_clear().envs(&variables).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned()
                + &String::from_utf8_lossy(&output.stdout);
            let case = format!("{} without {name}: {said}", function.binary);
            assert_eq!(output.status.code(), Some(1), "{case}");
            assert!(said.contains(name.as_str()) && said.contains("expected"), "{case}");
        }
    }
    world.end().await;
}
