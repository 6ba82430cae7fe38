//! The letter store: how long groups take over many letters, how many letters a second are redriven without canary and
//! ramp, and whether memory grows with their number.

use std::path::Path;
use std::time::Duration;

use aws::{LetterBucket, LetterTable, Objects};
use event::{Attributes, Code, DeadLetter, Failure, FailureFingerprint, Timestamp};
use letters::{
    Entry, IndexWrite, IndexWritten, Indexed, LETTER_STORE_FORMAT, Letter, LetterId,
    LetterIndex as _, LetterObjects as _, Place, StoredMessage,
};
use serde_json::{Value, json};
use sluicegate_tests::{Settings, World, flights};
use tokio::time::Instant;

use crate::table::Figures;

/// Letters of an object, as a busy collector writes them.
const SEGMENT: usize = 100;

/// Letters are of so many causes.
const CAUSES: u32 = 50;

/// How often it is looked whether a run is over.
const LOOK: Duration = Duration::from_millis(50);

/// The stages beside each other, each with its own number of letters.
const STAGES: [&str; 2] = ["enrich", "sink"];

pub(crate) async fn measure(folder: &Path, counts: &[usize], figures: &mut Figures) {
    for &count in counts {
        let binaries = Some(folder.to_path_buf());
        let settings = Settings { binaries, without_mappings: true, ..Settings::default() };
        let world = World::start_with(settings).await;
        bury(&world, count).await;
        let started = Instant::now();
        let groups = world.ask_redrive(&json!({ "groups": {} })).await;
        let elapsed = started.elapsed().as_secs_f64();
        assert_eq!(groups["letters"], json!(count), "all of them are counted");
        figures.add(format!("groups over {count} letters"), elapsed, "s");
        let started = Instant::now();
        let select = json!({ "stages": [STAGES[0]] });
        let plan = world.ask_redrive(&json!({ "plan": { "select": select } })).await;
        figures.add(format!("a plan of half of {count}"), started.elapsed().as_secs_f64(), "s");
        let started = Instant::now();
        let sent = redrive(&world, &plan).await;
        let elapsed = started.elapsed().as_secs_f64();
        assert_eq!(sent, u64::try_from(count / STAGES.len()).unwrap());
        #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
        let rate = sent as f64 / elapsed;
        figures.add(format!("redriven of {count}"), rate, "letters/s");
        let reports = world.logs.lines_with("Max Memory Used");
        let megabytes = |line: &String| {
            let (_, rest) = line.split_once("Max Memory Used: ")?;
            rest.split(' ').next()?.parse::<f64>().ok()
        };
        let most = reports.iter().filter_map(megabytes).fold(0.0, f64::max);
        figures.add(format!("memory with {count} letters"), most, "MB");
        world.end().await;
    }
}

/// Sends all letters of a plan, without canary and ramp; the run goes on by itself for as many invocations as that takes.
/// Answers how many were sent.
async fn redrive(world: &World, plan: &Value) -> u64 {
    let pace = letters::Pace::unlimited();
    let begin = json!({ "plan": plan["plan"], "why": "to see how fast", "pace": pace });
    let run = world.ask_redrive(&json!({ "redrive": begin })).await["run"].clone();
    loop {
        let status = world.ask_redrive(&json!({ "status": { "run": run } })).await;
        match status["run"]["state"].as_str() {
            Some("done") => return status["run"]["sent"].as_u64().unwrap(),
            Some("running") => tokio::time::sleep(LOOK).await,
            _ => panic!("{status}"),
        }
    }
}

/// Fills the store, as the collector does.
async fn bury(world: &World, count: usize) {
    let sdk = world.sdk();
    let table = LetterTable::new(&sdk, world.name("LettersTable").to_owned());
    let bucket = LetterBucket::new(Objects::new(&sdk), world.archive().to_owned());
    let sample = flights(0, 1_000);
    let now_ms = i64::try_from(world.emulation().now_ms()).unwrap();
    let now = Timestamp::from_unix_ms(now_ms);
    for first in (0..count).step_by(SEGMENT) {
        let object = format!("dead-letters/bench/{first}.ndjson");
        let (mut segment, mut writes) = (Vec::new(), Vec::new());
        for number in first..(first + SEGMENT).min(count) {
            let line = &sample[number % sample.len()].line;
            let (entry, message) = letter(number, line, &object, segment.len(), now);
            segment.extend(serde_json::to_vec(&message).unwrap());
            let length = u64::try_from(segment.len()).unwrap() - entry.place.offset;
            segment.push(b'\n');
            let place = Place { length, ..entry.place.clone() };
            let to = Indexed { entry: Entry { place, ..entry }, letter: Letter::collected() };
            writes.push(IndexWrite { expected: None, to });
        }
        bucket.add(&object, segment).await.unwrap();
        let written = table.write(&writes, None).await;
        assert!(written.iter().all(|it| *it == IndexWritten::Written));
    }
}

fn letter(
    number: usize,
    body: &str,
    object: &str,
    offset: usize,
    now: Timestamp,
) -> (Entry, StoredMessage) {
    let stage = STAGES[number % STAGES.len()];
    let cause = u32::try_from(number).unwrap() % CAUSES;
    let message_id = format!("m-{number}");
    let why = Failure::permanent(Code::ContractViolation, "expected integer, found other text");
    let failed = DeadLetter::new(stage, &why, now, &message_id);
    let id = LetterId::of(stage, &message_id, body);
    let group =
        FailureFingerprint::of(stage, Code::ContractViolation, None, Some("flights"), Some(cause));
    let message = StoredMessage {
        message_format: LETTER_STORE_FORMAT,
        id: id.clone(),
        stage: stage.to_owned(),
        body: body.to_owned(),
        attributes: failed.write(Attributes::new()),
        group: None,
        message_id: format!("d-{number}"),
        sent_at: Some(now),
        receive_count: 1,
        moved_from: None,
    };
    let entry = Entry {
        entry_format: LETTER_STORE_FORMAT,
        id,
        stage: stage.to_owned(),
        code: Code::ContractViolation,
        kind: "permanent".to_owned(),
        reason: why.reason.to_string(),
        at: None,
        group,
        dataset: Some("flights".to_owned()),
        contract_version: Some(cause),
        tenant: None,
        message_id,
        taken_in_at: now,
        remembered_until: None,
        first_failed_at: now,
        last_failed_at: now,
        collected_at: now,
        attempts: 1,
        parks: 0,
        redrives: 0,
        traceparent: None,
        collected_as: vec![format!("d-{number}")],
        is_moved_by_sqs: false,
        bytes: u64::try_from(body.len()).unwrap(),
        place: Place {
            object: object.to_owned(),
            offset: u64::try_from(offset).unwrap(),
            length: 0,
        },
        original: None,
    };
    (entry, message)
}
