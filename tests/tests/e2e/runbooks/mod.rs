//! The runbooks, as they stand: each one's commands are run by a shell, in their order, against the trouble that it is
//! for.

mod load;
mod producers;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use emulation::faults::Plan;
use event::Code;
use runtime::env::{Lookup as _, Process};
use serde_json::json;
use sluicegate_tests::{Edit, Flight, Settings, World, flights, gzip, new_folder, root};
use tokio::process::Command;

/// Far beyond what a page takes.
const PATIENCE: Duration = Duration::from_secs(240);

/// The commands of a runbook, step by step: what each of its blocks of `sh` holds, without its indentation.
fn steps(page: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("infra/runbooks").join(page)).unwrap();
    let (mut steps, mut is_inside) = (Vec::new(), false);
    for line in text.lines().map(str::trim_start) {
        match line {
            "```sh" => {
                is_inside = true;
                steps.push(String::new());
            }
            "```" => is_inside = false,
            line if is_inside => {
                let step = steps.last_mut().unwrap();
                step.push_str(line);
                step.push('\n');
            }
            _ => {}
        }
    }
    assert!(steps.concat().contains("sluicegate "), "{page} has no commands");
    steps
}

/// The folder of `sluicegate` itself.
pub(crate) async fn binary() -> PathBuf {
    let profile = match cfg!(debug_assertions) {
        true => emulation::builder::Profile::Dev,
        false => emulation::builder::Profile::Release,
    };
    sluicegate_tests::build(profile, &["sluicegate"], Some(env!("CARGO_PKG_NAME"))).await
}

/// Runs a page whole, and answers its exit status and what it printed.
async fn follow(world: &World, page: &str) -> (i32, String) {
    run(world, &steps(page).concat(), &[]).await
}

/// Runs commands with these variables.
async fn run(world: &World, commands: &str, variables: &[(&str, &str)]) -> (i32, String) {
    let folder = binary().await;
    let path = format!("{}:{}", folder.display(), Process.get("PATH").unwrap_or_default());
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", commands]);
    shell.env("PATH", path).env("AWS_ENDPOINT_URL", world.emulation().endpoint());
    shell.envs(variables.iter().copied());
    shell.env("NO_COLOR", "1").current_dir(root()).stdin(Stdio::null()).kill_on_drop(true);
    let done = tokio::time::timeout(PATIENCE, shell.output()).await.unwrap().unwrap();
    let printed = format!(
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    (done.status.code().unwrap_or(-1), printed)
}

/// Runs a page step by step, with this file as `$file`. Between two steps all queues become empty.
async fn follow_with_file(world: &World, page: &str, file: &Path) -> String {
    let variables = [("file", file.to_str().unwrap())];
    let mut printed = String::new();
    for step in steps(page) {
        printed.push_str(&check_ended_well(run(world, &step, &variables).await));
        world.settle().await;
    }
    printed
}

/// A file as a producer has sent it.
fn file_of(lines: &[u8]) -> PathBuf {
    let path = new_folder().join("sent.ndjson.gz");
    std::fs::write(&path, gzip(lines)).unwrap();
    path
}

#[track_caller]
fn check_ended_well((status, printed): (i32, String)) -> String {
    assert_eq!(status, 0, "{printed}");
    printed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_change_is_mended_and_its_events_are_redriven() {
    const TOO_NARROW: Edit = Edit {
        old: r#""origin": {"type": "string"}"#,
        new: r#""origin": {"type": "string", "enum": ["EWR", "LGA"]}"#,
    };
    let state = Some(new_folder());
    let sample = flights(0, 40);
    let refused = sample.iter().filter(|flight| flight.value["origin"] == "JFK").count();
    assert!(refused > 10, "more than go first");
    let contract_edits = vec![("flights/v1.schema.json", TOO_NARROW)];
    let wrong = Settings { state: state.clone(), contract_edits, ..Settings::default() };
    let world = World::start_with(wrong).await;
    world.send_flights(&sample);
    world.settle().await;
    world.assert_codes("InboxDlq", &[Code::ContractViolation]);
    world.end().await;
    // The contract is mended, and deployed over what is there.
    let world = World::start_with(Settings { state, ..Settings::default() }).await;
    let printed = check_ended_well(follow(&world, "schema-change.md").await);
    assert!(printed.contains("/origin"), "the place is shown: {printed}");
    let forecast = printed.lines().map(str::split_whitespace).map(Iterator::collect::<Vec<_>>);
    let refused = refused.to_string();
    let row = ["records", refused.as_str(), "0", "0", "0", "0", "0"];
    assert!(
        forecast.into_iter().any(|words| words == row),
        "{refused} are to be written: {printed}"
    );
    world.settle().await;
    assert_eq!(world.records().len(), sample.len(), "{printed}");
    world.assert_letters("InboxDlq", &[]);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_outage_left_is_redriven_once_the_service_is_back() {
    let world = World::start().await;
    let sample = flights(0, 30);
    let away = "faults: [{fault: host-failing, on: weather}]";
    world.emulation().adversary().add(&Plan::parse(away).unwrap());
    world.send_flights(&sample);
    world.settle().await;
    world.assert_codes("EnrichDlq", &[Code::DependencyUnavailable]);
    world.emulation().adversary().clear();
    // The next event's probe finds the service back, and the breaker closes.
    let next = flights(30, 1);
    world.send_flights(&next);
    world.settle().await;
    check_ended_well(follow(&world, "service-outage.md").await);
    world.settle().await;
    world.assert_written_once(&[sample, next].concat());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_record_is_put_aside_and_brought_back() {
    let world = World::start().await;
    world.send("SinkQueue", "garbage", &[]);
    world.settle().await;
    world.assert_codes("SinkDlq", &[Code::DecodeEnvelope]);
    let printed = check_ended_well(follow(&world, "poison-record.md").await);
    assert!(printed.contains("garbage"), "{printed}");
    world.assert_codes("SinkDlq", &[Code::DecodeEnvelope]);
    world.end().await;
}

/// Ten messages, and not all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_fix_comes_back_and_costs_ten_messages() {
    let world = World::start().await;
    let broken: Vec<Flight> =
        flights(0, 60).iter().map(|flight| flight.with("distance", json!("far"))).collect();
    world.send_flights(&broken);
    world.settle().await;
    assert_eq!(world.letters("InboxDlq").len(), 60);
    // Nothing is mended, and all of it is sent again.
    let plan = world.ask_redrive(&json!({ "plan": {} })).await["plan"].clone();
    let begun = world.ask_redrive(&json!({ "redrive": { "plan": plan, "why": "hope" } })).await;
    world.settle().await;
    let status = world.ask_redrive(&json!({ "status": { "run": begun["run"] } })).await;
    assert_eq!((&status["run"]["state"], &status["run"]["sent"]), (&json!("paused"), &json!(10)));
    let printed = check_ended_well(follow(&world, "wrong-fix.md").await);
    assert!(printed.contains("came back"), "{printed}");
    let letters = world.letters("InboxDlq");
    assert_eq!(letters.len(), 60, "none is lost");
    let redriven = letters.iter().filter(|it| it.failure.as_ref().unwrap().redrives == 1).count();
    assert_eq!(redriven, 10);
    world.end().await;
}

/// The function is killed in the middle of its run, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_that_is_killed_in_the_middle_is_resumed() {
    let world = World::start().await;
    let sample = flights(0, 300);
    world.bury(&sample);
    world.settle().await;
    let plan = world.ask_redrive(&json!({ "plan": {} })).await["plan"].clone();
    let kills =
        "{seed: 1, faults: [{fault: kill, on: RedriveFunction, at: call, chance: 0.2, times: 3}]}";
    world.emulation().adversary().add(&Plan::parse(kills).unwrap());
    let pace = json!({ "canary": 0, "rates": [], "most_per_second": 0, "most_waiting": 0 });
    let verb = json!({ "redrive": { "plan": plan, "why": "mended", "pace": pace } });
    let mut begun = None;
    for _ in 0..10 {
        begun = world.try_redrive(&verb).await;
        if begun.is_some() {
            break;
        }
    }
    let run = begun.unwrap()["run"].clone();
    world.settle().await;
    world.emulation().adversary().clear();
    let paused = json!({ "pause": { "run": run, "why": "to be looked at" } });
    let _ = world.try_redrive(&paused).await;
    let (status, printed) = follow(&world, "broken-redrive.md").await;
    // A run that has come to its end by itself is not resumed: the page says so by an error.
    assert!(status == 0 || printed.contains("is done"), "{status}: {printed}");
    world.settle().await;
    world.assert_written_once(&sample);
    assert_eq!(world.letters("InboxDlq").len(), 0);
    world.end().await;
}

/// Three causes among 200 flights: one is mended and redriven, one redriven, one put aside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_file_that_was_sent_each_event_is_accounted_for_at_every_step() {
    const TOO_FAR: [usize; 5] = [7, 47, 87, 127, 167];
    const AWAY: [usize; 6] = [5, 38, 71, 104, 137, 190];
    const CUT_OFF: [usize; 4] = [20, 70, 120, 170];
    let world = World::start().await;
    let (mut file, mut in_object, mut while_away) = (String::new(), String::new(), Vec::new());
    for (at, flight) in flights(0, 200).into_iter().enumerate() {
        let line = match at {
            at if TOO_FAR.contains(&at) => flight.with("distance", json!("far")).line,
            at if CUT_OFF.contains(&at) => flight.line[..flight.line.len() / 2].to_owned(),
            _ => flight.line.clone(),
        };
        file.push_str(&format!("{line}\n"));
        match AWAY.contains(&at) {
            true => while_away.push(flight),
            false => in_object.push_str(&format!("{line}\n")),
        }
    }
    world.land("flights/night.ndjson.gz", gzip(in_object.as_bytes()));
    world.settle().await;
    let away = "faults: [{fault: host-failing, on: weather}]";
    world.emulation().adversary().add(&Plan::parse(away).unwrap());
    world.send_flights(&while_away);
    world.settle().await;
    world.emulation().adversary().clear();
    // The next events' probes find the service back, and the breaker closes. They are not of the file.
    world.send_flights(&flights(200, 30));
    world.settle().await;
    let path = file_of(file.as_bytes());
    let printed = follow_with_file(&world, "what-became.md", &path).await;
    let sums: Vec<&str> = printed.lines().filter(|line| line.contains(" sent = ")).collect();
    // 200 - 5 - 6 - 4 were taken in and written before anything was mended.
    let expected = [
        "200 sent = 185 in their sinks + 15 dead",
        "200 sent = 190 in their sinks + 10 dead",
        "200 sent = 196 in their sinks + 4 dead",
        "200 sent = 196 in their sinks + 4 discarded",
    ];
    assert_eq!(sums, expected, "{printed}");
    assert_eq!(world.records().len(), 196 + 30, "{printed}");
    world.end().await;
}
