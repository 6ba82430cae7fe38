//! Whether an event gave a reason for being refused where it came in.
//!
//! A letter that names a fault of the event's own excuses the pipeline, and so it has to be true: what is
//! told by the event and its schema alone is looked at anew. Where that is not enough to tell, the letter is
//! believed.

use crate::Instant;
use crate::contract::Dataset;
use crate::json::Json;

/// Half of what a message may have: nothing that is added to an event makes that too large.
const SMALL_BYTES: usize = 512 * 1024;
/// Less than what any reader of JSON has to take, by far.
const SHALLOW: usize = 32;
/// What a DynamoDB table keeps:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>.
const MOST_DIGITS: usize = 38;
/// Of the first digit; a number's point is one further to the right.
const POWERS: std::ops::RangeInclusive<i64> = -130..=125;

/// Whether a record with this payload may be refused so. `bytes` is the record's length.
pub(super) fn may_be(code: &str, payload: &Json, bytes: usize, dataset: &Dataset) -> bool {
    match code {
        // It has been read.
        "decode.json" | "decode.csv" | "decode.utf8" => false,
        "key.missing" => dataset.identity.iter().any(|at| payload.at(at).is_none_or(Json::is_null)),
        "time.invalid" => {
            let time = payload.at(&dataset.event_time).and_then(Json::as_text);
            !time.is_some_and(is_plain_time)
        }
        "number.out-of-range" => has_odd_number(payload),
        "size.exceeded" => bytes.max(payload.to_string().len()) > SMALL_BYTES,
        "depth.exceeded" => depth(payload) > SHALLOW,
        "contract.violation" => {
            breaks(&dataset.schema, payload) || has_odd_number(payload) || is_nameless(payload)
        }
        _ => true,
    }
}

/// A time as nearly all are: neither a leap second, nor at the ends of the calendar.
fn is_plain_time(text: &str) -> bool {
    let (Some(year), Some(second)) = (text.get(..4), text.get(17..19)) else { return false };
    Instant::parse(text).is_some() && !matches!(year, "0000" | "9999") && second < "60"
}

fn members(value: &Json) -> Vec<&Json> {
    match value {
        Json::List(items) => items.iter().collect(),
        Json::Object(members) => members.values().collect(),
        _ => Vec::new(),
    }
}

/// One that no table keeps.
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

/// Whether a value breaks a JSON Schema, as far as that has types, enumerations and members.
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
            let is_missing =
                |name: &Json| name.as_text().is_some_and(|it| !members.contains_key(it));
            let required = schema.member("required").map(self::members).unwrap_or_default();
            required.into_iter().any(is_missing)
                || members.iter().any(|(name, member)| {
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
