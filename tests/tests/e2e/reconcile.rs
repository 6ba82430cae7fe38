//! `sluicegate dlq reconcile` over files as people have them: what it says of each line.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use sluicegate_tests::{Settings, World, new_folder, root};
use tokio::process::Command;

use crate::runbooks::binary;

async fn reconcile(world: &World, files: &[PathBuf]) -> (i32, Value) {
    let mut command = Command::new(binary().await.join("sluicegate"));
    command.args(["dlq", "reconcile", "--dataset", "probe", "--format", "json", "--contracts"]);
    command.arg(root().join("tests/datasets")).args(files);
    command.env("AWS_ENDPOINT_URL", world.emulation().endpoint()).stdin(Stdio::null());
    let done = command.output().await.unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    let answer =
        serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    (done.status.code().unwrap_or(-1), answer)
}

fn write(folder: &Path, name: &str, text: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[track_caller]
fn check(answer: &Value, expected: &[(&str, u64)]) {
    for (name, count) in expected {
        assert_eq!(answer[*name], *count, "{name}: {answer}");
    }
    let parts = [
        "in_sinks",
        "in_seen_sinks",
        "dead",
        "quarantined",
        "discarded",
        "on_their_way",
        "unseen",
        "not_found",
    ];
    let sum: u64 = parts.iter().map(|part| answer[*part].as_u64().unwrap()).sum();
    assert_eq!(answer["sent"], sum, "{answer}");
}

fn lines(views: &Value) -> Vec<u64> {
    views.as_array().unwrap().iter().map(|view| view["line"].as_u64().unwrap()).collect()
}

fn probe_world() -> Settings {
    Settings { datasets: &["probe"], ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_line_of_odd_files_is_in_its_sinks_or_a_letter() {
    let world = World::start_with(probe_world()).await;
    let folder = new_folder();
    // A byte order mark, both line ends, blank lines, a noncharacter, one event twice, two lines alike that are none,
    // bytes that are no text, and a line that is longer than an event may be.
    let at = r#""at":"2026-11-29T03:00:00Z","k":"a""#;
    let lines_file = [
        format!("\u{feff}{{\"id\":1,{at}}}\r\n\r\n").into_bytes(),
        format!("cut o\r\n{{\"id\":2,{at},\"size\":\"\u{ffff}\"}}\r\n").into_bytes(),
        format!("cut o\r\n{{{at}, \"id\": 1}}\n").into_bytes(),
        [b"{\"id\":3,\"size\":\"".as_slice(), b"\xff\"}\n"].concat(),
        format!(
            "{{\"id\":\"four\",{at}}}\n{{\"id\":5,{at},\"size\":\"{}\"}}\n",
            "x".repeat(5_000_000)
        )
        .into_bytes(),
    ];
    let lines_file = lines_file.concat();
    // A row of another length, one that its contract refuses, one in conflict with the first line's event, and a quote
    // that is never closed.
    let rows = "id,at,size,amount,k\r\n\
                11,2026-11-29T03:00:00Z,5\" pipe,12345678901234567.890,a\r\n\
                12,2026-11-29T03:00:00Z,too,few\r\n\
                x,2026-11-29T03:00:00Z,,1,a\r\n\
                1,2026-11-29T03:00:00Z,other,1,a\r\n\
                13,2026-11-29T03:00:00Z,\"open,1,a\r\n";
    let one = write(&folder, "one.ndjson", &lines_file);
    let two = write(&folder, "two.csv", rows.as_bytes());
    world.land("probe/one.ndjson", lines_file.clone());
    world.settle().await;
    world.land("probe/two.csv", rows.as_bytes().to_vec());
    world.settle().await;
    let (status, answer) = reconcile(&world, std::slice::from_ref(&one)).await;
    // Lines 1, 4 and 6 are in their sinks; 3, 5, 7, 8 and 9 are dead.
    check(&answer, &[("sent", 8), ("in_sinks", 3), ("dead", 5), ("repeats", 2)]);
    assert_eq!(status, 0, "{answer}");
    let (status, answer) = reconcile(&world, &[one, two]).await;
    // Of the rows one is written, and four are dead.
    check(&answer, &[("sent", 13), ("in_sinks", 4), ("dead", 9), ("other_letters", 0)]);
    assert_eq!(status, 0, "{answer}");
    let codes: Vec<&str> = (answer["letters"].as_array().unwrap().iter())
        .map(|letter| letter["code"].as_str().unwrap())
        .collect();
    assert!(codes.contains(&"dedupe.conflict") && codes.contains(&"size.exceeded"), "{codes:?}");
    // What was never sent is found to be missing, by its line; and so is one of three lines alike, of which two were.
    let never = format!("{{\"id\":1,{at}}}\n{{\"id\":99,{at}}}\ncut o\ncut o\r\ncut o\n");
    let never = write(&folder, "never.jsonl", never.as_bytes());
    let (status, answer) = reconcile(&world, &[never]).await;
    check(&answer, &[("sent", 5), ("in_sinks", 1), ("dead", 2), ("not_found", 2)]);
    assert_eq!((status, lines(&answer["not_found_lines"])), (1, vec![2, 5]), "{answer}");
    assert_eq!(answer["waiting"]["in_queues"], 0, "{answer}");
    world.end().await;
}
