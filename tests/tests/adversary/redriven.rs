//! Dead letters are collected, planned and redriven while everything goes wrong: each is sunk once, nothing is left, and
//! what the ledger and the audit log say agrees with what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use emulation::faults::{Fault, Plan};
use serde_json::{Value, json};
use sluicegate_tests::{Settings, World, flights};

/// Far beyond what one seed takes, in real time and with others beside it.
const PATIENCE: Duration = Duration::from_secs(1_800);
/// How often an operator tries whose requests fail in the storm.
const TRIES: usize = 20;
/// One brings home what the storm has left, one tells, and one is to spare.
const REDRIVES: usize = 4;

/// Answers what was done to the world.
pub(crate) async fn check(seed: u64, letters: usize) -> BTreeMap<Fault, u64> {
    let sample = flights(0, letters);
    let faults = Plan::storm(seed);
    let settings = Settings { faults, patience: Some(PATIENCE), ..Settings::default() };
    let world = World::start_with(settings).await;
    world.bury(&sample);
    world.settle().await;
    // In the storm, as an operator does: all at once.
    let select = json!({ "stages": ["ingest"] });
    redrive(&world, &select).await;
    world.settle().await;
    let faults = world.emulation().adversary().tally();
    world.emulation().adversary().clear();
    for _ in 0..REDRIVES {
        // For longer than this no letter is hidden in its queue.
        world.emulation().pass(Duration::from_secs(200));
        world.settle().await;
        if dead(&world) == 0 {
            break;
        }
        redrive(&world, &json!({})).await;
        world.settle().await;
    }
    world.assert_written_once(&sample);
    assert_eq!(dead(&world), 0, "letters are left");
    check_books(&world, letters).await;
    world.end().await;
    faults
}

/// Asks until it is answered: a request that fails in the storm may have taken effect.
async fn ask(world: &World, verb: &Value) -> Value {
    for _ in 0..TRIES {
        let answer = world.try_redrive(verb).await;
        if let Some(answer) = answer {
            return answer;
        }
    }
    panic!("not answered in {TRIES} tries: {verb}");
}

async fn redrive(world: &World, select: &Value) {
    let plan = ask(world, &json!({ "plan": { "select": select } })).await["plan"].clone();
    let pace = json!({
        "canary": 0, "rates": [], "most_per_second": 0, "most_waiting": 0, "stop_percent": 100,
    });
    ask(world, &json!({ "redrive": { "plan": plan, "why": "the storm", "pace": pace } })).await;
}

/// How many letters wait for an operator.
fn dead(world: &World) -> usize {
    ["InboxDlq", "EnrichDlq", "SinkDlq", "LakeDlq", "DeliverDlq"]
        .into_iter()
        .map(|queue| world.letters(queue).len())
        .sum()
}

/// What the ledger counted is what there is, and no run is without a record of who began it.
async fn check_books(world: &World, letters: usize) {
    let history = world.ask_redrive(&json!({ "history": {} })).await;
    let runs = history["runs"].as_array().unwrap();
    let sum = |name: &str| runs.iter().map(|run| run[name].as_u64().unwrap()).sum::<u64>();
    for run in runs {
        assert_eq!(run["state"], "done", "{run}");
        assert_eq!(run["position"], run["letters"], "{run}");
        assert_eq!(
            run["sent"].as_u64().unwrap() + run["skipped"].as_u64().unwrap(),
            run["letters"].as_u64().unwrap(),
            "{run}"
        );
    }
    let table = world.name("LettersTable");
    let items = world.emulation().dynamodb().scan_all(table).unwrap();
    let out: Vec<&Value> = items.iter().filter(|item| item["state"]["S"] == "redriven").collect();
    assert!(out.len() >= letters, "{} of {letters} letters were redriven", out.len());
    // Each life of a letter is one that a run has counted. A copy of a letter that came later ended a life without being
    // counted as come back.
    let lives: usize =
        items.iter().filter_map(|item| item["runs"]["L"].as_array()).map(Vec::len).sum();
    assert_eq!(u64::try_from(lives).unwrap(), sum("sent"), "lives of letters, and what runs sent");
    let copies: u64 = world
        .logs
        .lines_with("letters collected")
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["letters.copies"].as_u64())
        .sum();
    let ended = sum("sent") - u64::try_from(out.len()).unwrap();
    assert!(
        (sum("came_back")..=sum("came_back") + copies).contains(&ended),
        "{ended} lives ended; {} came back, and there were {copies} copies",
        sum("came_back")
    );
    let begun: BTreeSet<String> = audited(world).await;
    for run in runs {
        let id = run["run"].as_str().unwrap();
        assert!(begun.contains(id), "{id} is not in the audit log");
    }
}

/// The runs whose begin is in the audit log, as anybody can read it.
async fn audited(world: &World) -> BTreeSet<String> {
    let entries = world.emulation().s3().list(world.archive(), "audit/").unwrap();
    let mut runs = BTreeSet::new();
    for entry in entries {
        let entry: Value = serde_json::from_slice(&entry.body).unwrap();
        if entry["act"] == "redrive" && entry["phase"] == "intent" {
            runs.extend(entry["run"].as_str().map(str::to_owned));
        }
    }
    runs
}
