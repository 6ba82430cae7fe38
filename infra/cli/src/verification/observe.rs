//! Reads tables, lake, services and dead letters for the judge, after all events have reached their
//! end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use emulation::Emulation;
use emulation::dynamodb::{Change, ChangeEvent};
use emulation::sqs::ReceivedMessage;
use sample::{WEATHER_URL, Weather};
use serde_json::Value;
use verify::contract::{Dataset, Kind};
use verify::judge::item::plain;
use verify::judge::{Delivered, Observed, SeenTable};
use verify::lake::{self, LakeError, LakeRow};
use verify::letters::Letter;
use verify::{Instant, Json};

use super::letter_store::stored_letters;
use super::variable;
use crate::failure::Failure;
use crate::project::{SINK_QUEUES, TABLES};

const LAKE_BUCKET: &str = "LAKE_BUCKET";
const LATE_QUEUE_URL: &str = "LATE_QUEUE_URL";

/// Reads everything that concerns a dataset.
pub(crate) fn observe(
    emulation: &Emulation,
    weather: &Weather,
    dataset: &Dataset,
) -> Result<Observed, Failure> {
    let mut seen = Observed {
        letters: read_letters(emulation)?,
        kinds: sink_kinds_by_stage(emulation),
        now: i64::try_from(emulation.now_ms()).ok().map(Instant::from_unix_ms),
        ..Observed::default()
    };
    seen.letters.extend(diverted_events(emulation));
    let tables = variable(emulation, TABLES).and_then(|text| Json::parse(&text));
    let bucket = variable(emulation, LAKE_BUCKET);
    for sink in &dataset.sinks {
        let name = sink.name.clone();
        match &sink.kind {
            Kind::Table(_) => {
                let table = tables.as_ref().and_then(|tables| tables.member(&sink.name)?.as_text());
                if let Some(table) = table {
                    seen.tables.insert(name, read_table(emulation, table)?);
                }
            }
            Kind::Lake => {
                let bucket = bucket.as_deref().unwrap_or_default();
                let prefix = format!("{}/{}/", sink.name, dataset.name);
                seen.lakes.insert(name, lake_rows(emulation, bucket, &prefix)?);
            }
            Kind::Http { url, .. } if url.starts_with(WEATHER_URL) => {
                seen.services.insert(name, deliveries(weather, &sink.name));
            }
            Kind::Http { .. } | Kind::Custom { .. } => {}
        }
    }
    Ok(seen)
}

fn read_table(emulation: &Emulation, table: &str) -> Result<SeenTable, Failure> {
    let items = emulation
        .dynamodb()
        .scan_all(table)
        .map_err(|error| Failure::new(format!("the table {table} was not read")).because(error))?;
    let rows = items.iter().filter_map(|item| Json::parse(&item.to_string()));
    let rows = rows.map(|item| plain(&item)).collect();
    let changes = emulation.dynamodb().changes(table).map_err(|error| {
        Failure::new(format!("the changes of {table} were not read")).because(error)
    })?;
    Ok(SeenTable { rows, writes: writes(&changes) })
}

fn writes(changes: &[Change]) -> BTreeMap<String, u64> {
    let mut writes = BTreeMap::new();
    for change in changes.iter().filter(|change| change.event != ChangeEvent::Remove) {
        let key = change.key["pk"]["S"].as_str().unwrap_or_default();
        *writes.entry(key.to_owned()).or_default() += 1;
    }
    writes
}

/// The rows of all objects that the manifests list.
fn lake_rows(emulation: &Emulation, bucket: &str, prefix: &str) -> Result<Vec<LakeRow>, Failure> {
    let objects = emulation.s3().list(bucket, prefix).map_err(|error| {
        Failure::new(format!("s3://{bucket}/{prefix} was not listed")).because(error)
    })?;
    let mut listed = BTreeSet::new();
    for manifest in objects.iter().filter(|it| it.key.ends_with("/_manifest.json")) {
        listed.extend(lake::listed(&manifest.key, &manifest.body).map_err(unread_lake)?);
    }
    let mut rows = Vec::new();
    for object in objects.into_iter().filter(|object| listed.contains(&object.key)) {
        rows.extend(lake::rows(&object.key, object.body).map_err(unread_lake)?);
    }
    Ok(rows)
}

fn unread_lake(error: LakeError) -> Failure {
    Failure::new("the lake was not read").because(error)
}

/// The requests that the sample's service accepted from a sink.
fn deliveries(weather: &Weather, sink: &str) -> Vec<Delivered> {
    let prefix = format!("{sink}#");
    let mut delivered = Vec::new();
    for (key, taken) in weather.deliveries() {
        if key.trim_start_matches('"').starts_with(&prefix) {
            delivered.push(Delivered { body: taken.body.to_vec() });
        }
    }
    delivered
}

/// For each stage, the kind of sink whose queue its function reads.
fn sink_kinds_by_stage(emulation: &Emulation) -> HashMap<String, String> {
    let queues = variable(emulation, SINK_QUEUES).unwrap_or_default();
    let queues: BTreeMap<String, String> = serde_json::from_str(&queues).unwrap_or_default();
    let stack = emulation.stack();
    let mut kinds = HashMap::new();
    for (kind, url) in queues {
        let queue = stack.queues.iter().find(|queue| queue.url == url);
        if let Some(stage) = queue.and_then(|queue| stage_of(emulation, &queue.arn)) {
            kinds.insert(stage, kind);
        }
    }
    kinds
}

/// The stages at which a dataset's events end.
pub(crate) fn last_stages(emulation: &Emulation, dataset: &Dataset) -> BTreeSet<String> {
    let kinds: BTreeSet<String> = dataset.sinks.iter().map(|sink| sink.kind_name()).collect();
    let of_dataset =
        self::sink_kinds_by_stage(emulation).into_iter().filter(|(_, kind)| kinds.contains(kind));
    of_dataset.map(|(stage, _)| stage).collect()
}

/// The letters of all dead-letter queues, read without receiving them, and those that were
/// collected from the queues.
pub(crate) fn read_letters(emulation: &Emulation) -> Result<Vec<Letter>, Failure> {
    let mut letters = stored_letters(emulation)?;
    for (queue, stage) in dead_letter_queues(emulation) {
        for message in emulation.sqs().peek(&queue) {
            let texts = texts_of(&message);
            letters.push(Letter::read(&queue, &stage, &message.message_id, &message.body, &texts));
        }
    }
    Ok(letters)
}

/// The texts of a message's attributes.
fn texts_of(message: &ReceivedMessage) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for (name, attribute) in &message.message_attributes {
        texts.extend(attribute.string_value.clone().map(|text| (name.clone(), text)));
    }
    texts
}

/// The messages of the late queue, read without receiving them. Empty if there is no such queue.
fn diverted_events(emulation: &Emulation) -> Vec<Letter> {
    let url = variable(emulation, LATE_QUEUE_URL);
    let mut queues = emulation.stack().queues.iter();
    let Some(queue) = queues.find(|queue| Some(&queue.url) == url.as_ref()) else {
        return Vec::new();
    };
    let mut letters = Vec::new();
    for message in emulation.sqs().peek(&queue.name) {
        let texts = texts_of(&message);
        letters.push(Letter::diverted(&queue.name, &message.message_id, &message.body, &texts));
    }
    letters
}

/// The name of each dead-letter queue, and the stage whose letters are in it.
pub(crate) fn dead_letter_queues(emulation: &Emulation) -> Vec<(String, String)> {
    let stack = emulation.stack();
    let mut queues = BTreeMap::new();
    for queue in &stack.queues {
        let policy = queue.attributes.get("RedrivePolicy");
        let policy: Option<Value> = policy.and_then(|text| serde_json::from_str(text).ok());
        let target = policy.as_ref().and_then(|policy| policy["deadLetterTargetArn"].as_str());
        if let Some(dead) = stack.queues.iter().find(|dead| Some(dead.arn.as_str()) == target) {
            let stage = stage_of(emulation, &queue.arn).unwrap_or_else(|| queue.logical_id.clone());
            queues.insert(dead.name.clone(), stage);
        }
    }
    queues.into_iter().collect()
}

/// The stage that reads a queue.
fn stage_of(emulation: &Emulation, queue_arn: &str) -> Option<String> {
    let stack = emulation.stack();
    let mapping = stack.mappings.iter().find(|mapping| mapping.queue_arn == queue_arn)?;
    let function = stack.functions.iter().find(|each| each.name == mapping.function)?;
    Some(function.binary.clone())
}
