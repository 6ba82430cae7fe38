//! Reads the letter store without the pipeline's code: items of a table whose `entry` is JSON, and
//! lines of objects.

use std::collections::{BTreeMap, HashMap};

use emulation::Emulation;
use serde_json::Value;
use verify::letters::Letter;

use super::variable;
use crate::failure::Failure;

const LETTERS_TABLE: &str = "LETTERS_TABLE";
const LETTERS_BUCKET: &str = "LETTERS_BUCKET";
/// The prefix of the objects with letters' messages in the bucket.
const SEGMENTS: &str = "dead-letters/";
/// The states of letters that are neither in a sink nor on the way to one.
const AT_REST: [&str; 2] = ["dead", "quarantined"];

/// A letter in the store in one of these states.
struct Stored {
    stage: String,
    message: Value,
}

/// The letters in the store that are dead or quarantined.
pub(crate) fn stored_letters(emulation: &Emulation) -> Result<Vec<Letter>, Failure> {
    Ok(at_rest(emulation)?.iter().map(letter).collect())
}

/// The number of dead or quarantined letters of each stage in the store.
pub(crate) fn stored_by_stage(emulation: &Emulation) -> Result<BTreeMap<String, u64>, Failure> {
    let mut stages = BTreeMap::new();
    for Stored { stage, .. } in at_rest(emulation)? {
        *stages.entry(stage).or_default() += 1;
    }
    Ok(stages)
}

fn at_rest(emulation: &Emulation) -> Result<Vec<Stored>, Failure> {
    let (Some(table), Some(bucket)) =
        (variable(emulation, LETTERS_TABLE), variable(emulation, LETTERS_BUCKET))
    else {
        return Ok(Vec::new());
    };
    let items = emulation
        .dynamodb()
        .scan_all(&table)
        .map_err(|error| Failure::new(format!("the table {table} was not read")).because(error))?;
    let objects = emulation.s3().list(&bucket, SEGMENTS).map_err(|error| {
        Failure::new(format!("s3://{bucket}/{SEGMENTS} was not listed")).because(error)
    })?;
    let objects: HashMap<String, _> =
        objects.into_iter().map(|object| (object.key, object.body)).collect();
    let mut stored = Vec::new();
    for item in items {
        let entry = item["entry"]["S"].as_str();
        let Some(entry) = entry.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
            continue;
        };
        if !item["state"]["S"].as_str().is_some_and(|state| AT_REST.contains(&state)) {
            continue;
        }
        let place = &entry["place"];
        let line =
            place["object"].as_str().and_then(|object| objects.get(object)).and_then(|body| {
                let from = usize::try_from(place["offset"].as_u64()?).ok()?;
                let length = usize::try_from(place["length"].as_u64()?).ok()?;
                body.get(from..from + length)
            });
        let message = line.and_then(|line| serde_json::from_slice(line).ok());
        let message: Value = message.ok_or_else(|| {
            Failure::new(format!(
                "letter {} has no message where the index says it is",
                entry["id"]
            ))
        })?;
        stored.push(Stored {
            stage: entry["stage"].as_str().unwrap_or_default().to_owned(),
            message,
        });
    }
    Ok(stored)
}

fn letter(stored: &Stored) -> Letter {
    let Stored { stage, message } = stored;
    let attributes = message["attributes"].as_object().into_iter().flatten();
    let texts = attributes.filter_map(|(name, attribute)| {
        Some((name.clone(), attribute["value"].as_str()?.to_owned()))
    });
    let id = message["message_id"].as_str().unwrap_or_default();
    let body = message["body"].as_str().unwrap_or_default();
    Letter::read(&format!("the letters of {stage}"), stage, id, body, &texts.collect())
}
