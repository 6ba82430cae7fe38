//! What operators and producers do: start it with a mistake, post to it, bring dead letters back.

use std::collections::BTreeMap;
use std::process::Command;

use event::Code;
use local::weather::Weather;
use serde_json::{Value, json};
use tests::{Settings, World, flights, post, root, weather};
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
        assert_eq!((failure.code, failure.attempts), (Code::DependencyUnavailable, 5), "{letter}");
        assert!(failure.first_failed_at <= failure.last_failed_at, "{letter}");
        assert_eq!((failure.stage.as_str(), failure.redrives), ("enrich", 0), "{letter}");
    }

    let listener = socket.listen(1_024).unwrap();
    let back = tokio::spawn(Weather::load(&weather()).unwrap().serve(listener));
    let report = world.redrive("enrich").await;
    assert_eq!(
        report,
        json!({"stage": "enrich", "moved": 60, "failed": 0, "came_back": 0, "drained": true})
    );
    assert_eq!(world.redrive("ingest").await["moved"], 1);
    world.settle().await;

    world.assert_written_once(&sample);
    world.assert_letters("EnrichDlq", &[]);
    // What is broken for good is back where it was, and tells that it had come back.
    world.assert_letters("InboxDlq", &[(Code::DecodeJson, "redrives 1")]);
    let (url, name) = (world.emulation().endpoint(), world.name("RedriveFunction"));
    let url = format!("{url}/2015-03-31/functions/{name}/invocations");
    let (_, _, refused) = post(&url, r#"{"stage":"pond"}"#).await;
    assert_eq!(refused["errorType"], "Redrive.UnknownStage", "{refused}");
    back.abort();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_posted_over_http_are_answered_one_by_one_and_written() {
    let world = World::start().await;
    let sample = flights(0, 12);
    let url = world.output("IngestUrl").trim_end_matches('/').to_owned();

    let (status, kind, answer) = post(&format!("{url}/flights"), sample[0].line.clone()).await;
    assert_eq!((status, kind.as_str()), (202, "application/json"), "{answer}");
    assert_eq!(answer["results"][0]["status"], "accepted", "{answer}");
    let array: Value = sample[1..6].iter().map(|flight| flight.value.clone()).collect();
    let (status, _, answer) = post(&format!("{url}/flights"), array.to_string()).await;
    assert_eq!((status, answer["results"].as_array().unwrap().len()), (202, 5), "{answer}");
    let mixed =
        format!("{}\n{{\"carrier\":\n", String::from_utf8(tests::lines(&sample[6..])).unwrap());
    let (status, _, answer) = post(&format!("{url}/flights"), mixed).await;
    assert_eq!(status, 202, "{answer}");
    assert_eq!(answer["results"][6]["code"], "decode.json", "{answer}");
    assert_eq!(answer["results"][6]["status"], "refused", "{answer}");

    let (status, kind, answer) = post(&format!("{url}/trains"), "{}").await;
    assert_eq!((status, kind.as_str()), (404, "application/problem+json"), "{answer}");
    assert_eq!(answer["title"], "contract.unknown-dataset", "{answer}");
    assert_eq!(post(&format!("{url}/flights"), "{}").await.0, 422);
    assert_eq!(post(&format!("{url}/flights"), "").await.0, 400);
    world.settle().await;

    world.assert_written_once(&sample);
    world.assert_letters("InboxDlq", &[]);
    world.end().await;
}

/// Each variable that the template gives a function, and those that Lambda always sets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_without_one_of_its_variables_does_not_start_and_names_it() {
    let world = World::start().await;
    let folder = tests::build(local::builder::Profile::Dev, tests::BINARIES, Some("tests")).await;
    for function in &world.emulation().stack().functions {
        let mut all: BTreeMap<String, String> = function.environment.clone();
        // It has a default.
        all.remove("LOG_LEVEL");
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            all.insert(name.to_owned(), "x".to_owned());
        }
        let contracts = root().join("infra/contracts").display().to_string();
        all.entry("CONTRACTS_DIR".to_owned()).and_modify(|dir| *dir = contracts);
        for name in
            all.keys().filter(|name| function.binary != "redrive" || *name != "CONTRACTS_DIR")
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
