//! Checks whether an event has the fault for which it was refused before the sinks.
//!
//! A letter that blames the event excuses the pipeline, so it has to be true. What the event and
//! its schema alone can show is checked here. If that does not decide it, the letter is believed.

use crate::contract::Dataset;
use crate::json::Json;

/// A payload of half the size of a message is never too large, whatever is added to it.
const SMALL_BYTES: usize = 512 * 1024;
/// Every reader of JSON has to accept this depth.
const SHALLOW: usize = 32;
/// The most digits of a number that a DynamoDB table stores:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.
const MOST_DIGITS: usize = 38;
/// The powers of ten that the first digit can have in a DynamoDB table.
const POWERS: std::ops::RangeInclusive<i64> = -130..=125;

/// Whether a record with this payload can have the fault that `code` names. `bytes` is the length
/// of the record.
pub(super) fn may_be(code: &str, payload: &Json, bytes: usize, dataset: &Dataset) -> bool {
    match code {
        // The judge could read it.
        "decode.json" | "decode.csv" | "decode.utf8" | "decode.parquet" => false,
        "key.missing" => dataset.identity.iter().any(|at| payload.at(at).is_none_or(Json::is_null)),
        "time.invalid" => !dataset.event_time.is_plain(payload),
        "number.out-of-range" => has_odd_number(payload),
        "size.exceeded" => bytes.max(payload.to_string().len()) > SMALL_BYTES,
        "depth.exceeded" => depth(payload) > SHALLOW,
        "contract.violation" => {
            let sequence = dataset.sequence.as_deref().map(|at| payload.at(at));
            sequence.is_some_and(|found| found.is_none_or(|value| !is_of("integer", value)))
                || breaks(&dataset.schema, payload)
                || is_beyond(&dataset.schema)
                || has_odd_number(payload)
                || is_nameless(payload)
        }
        _ => true,
    }
}

/// Whether a schema has a keyword that [`breaks`] does not know: what it refuses cannot be told here.
fn is_beyond(schema: &Json) -> bool {
    let Json::Object(keywords) = schema else { return !schema.is_null() };
    keywords.iter().any(|(keyword, value)| match keyword.as_str() {
        "type" | "required" | "enum" | "const" | "format" => false,
        "$comment" | "$id" | "$schema" | "default" | "deprecated" | "description" | "examples"
        | "title" => false,
        "properties" => members(value).into_iter().any(is_beyond),
        "items" => is_beyond(value),
        "additionalProperties" => !matches!(value, Json::Bool(_)),
        _ => true,
    })
}

fn members(value: &Json) -> Vec<&Json> {
    match value {
        Json::List(items) => items.iter().collect(),
        Json::Object(members) => members.values().collect(),
        _ => Vec::new(),
    }
}

/// Whether it has a number that no table stores.
fn has_odd_number(value: &Json) -> bool {
    let is_odd = matches!(value, Json::Number(_))
        && value.as_decimal().is_none_or(|number| {
            let (_, digits, point) = number.parts();
            !digits.is_empty() && (digits.len() > MOST_DIGITS || !POWERS.contains(&(point - 1)))
        });
    is_odd || members(value).into_iter().any(has_odd_number)
}

fn is_nameless(value: &Json) -> bool {
    value.member("").is_some() || members(value).into_iter().any(is_nameless)
}

fn depth(value: &Json) -> usize {
    let below = members(value).into_iter().map(depth).max();
    below.map_or(usize::from(matches!(value, Json::List(_) | Json::Object(_))), |below| below + 1)
}

/// Whether a value breaks a JSON Schema, as far as types, enumerations and members go.
fn breaks(schema: &Json, value: &Json) -> bool {
    let types: Vec<&str> = match schema.member("type") {
        Some(Json::List(names)) => names.iter().filter_map(Json::as_text).collect(),
        one => one.and_then(Json::as_text).into_iter().collect(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_of(name, value)) {
        return true;
    }
    if let Some(Json::List(allowed)) = schema.member("enum")
        && !allowed.contains(value)
    {
        return true;
    }
    if schema.member("const").is_some_and(|only| only != value) {
        return true;
    }
    match value {
        Json::List(items) => {
            let schema = schema.member("items");
            schema.is_some_and(|schema| items.iter().any(|item| breaks(schema, item)))
        }
        Json::Object(members) => {
            let is_closed = schema.member("additionalProperties") == Some(&Json::Bool(false));
            let required = schema.member("required").map(self::members).unwrap_or_default();
            let mut names = required.into_iter().filter_map(Json::as_text);
            if names.any(|name| !members.contains_key(name)) {
                return true;
            }
            members.iter().any(|(name, member)| {
                let known = schema.member("properties").and_then(|known| known.member(name));
                known.map_or(is_closed, |schema| breaks(schema, member))
            })
        }
        _ => false,
    }
}

fn is_of(name: &str, value: &Json) -> bool {
    match value {
        Json::Null => name == "null",
        Json::Bool(_) => name == "boolean",
        Json::Text(_) => name == "string",
        Json::List(_) => name == "array",
        Json::Object(_) => name == "object",
        Json::Number(_) => {
            let is_whole = value.as_decimal().is_none_or(|number| number.is_whole());
            name == "number" || (name == "integer" && is_whole)
        }
    }
}
