//! The properties of a dataset, in the words of the Open Data Contract Standard.

use std::collections::BTreeSet;

use event::Decimal;
use serde_json::Value;

use super::merged::{Merged, Part};
use crate::contract::ordered_json::Json;

/// How deep properties are described. Schemas may refer to themselves.
const MOST_LEVELS: usize = 8;

/// The most properties that are described.
const MOST_PROPERTIES: usize = 2_000;

/// What the contract says of places, by their pointers.
pub(super) struct Places<'a> {
    /// In the order of the contract.
    pub(super) keys: &'a [String],
    pub(super) personal: &'a [String],
}

/// Describes the places of a payload.
pub(super) struct Describer<'a> {
    places: Places<'a>,
    left: usize,
}

impl<'a> Describer<'a> {
    pub(super) fn new(places: Places<'a>) -> Self {
        Self { places, left: MOST_PROPERTIES }
    }

    /// The properties of an object, in alphabetical order.
    pub(super) fn properties(
        &mut self,
        merged: &Merged<'_>,
        pointer: &str,
        level: usize,
    ) -> Vec<Json> {
        let mut properties = Vec::new();
        for (name, part) in &merged.properties {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let at = format!("{pointer}{}", event::pointer_to(name));
            let mut members = vec![member("name", Json::text(name))];
            let is_always = merged.required.contains(name);
            members.extend(self.property(*part, &at, level, is_always));
            properties.push(Json::Members(members));
        }
        properties
    }

    /// Everything of a property but its name.
    fn property(
        &mut self,
        part: Part<'_>,
        pointer: &str,
        level: usize,
        is_always: bool,
    ) -> Vec<(String, Json)> {
        let merged = part.merged();
        let logical = logical_type(&merged);
        let mut members = Vec::new();
        for (name, keyword) in [("businessName", "title"), ("description", "description")] {
            members.extend(merged.text(keyword).map(|text| member(name, Json::text(text))));
        }
        if let Some(position) = self.places.keys.iter().position(|key| key == pointer) {
            members.push(member("primaryKey", plain("true")));
            members.push(member("primaryKeyPosition", plain(&(position + 1).to_string())));
        }
        members.extend(logical.map(|logical| member("logicalType", Json::text(logical))));
        members.extend(physical_type(&merged).map(|it| member("physicalType", Json::text(&it))));
        let options = logical.map(|logical| options_of(logical, &merged)).unwrap_or_default();
        if !options.is_empty() {
            members.push(member("logicalTypeOptions", Json::Members(options)));
        }
        if is_always && !merged.is_nullable() {
            members.push(member("required", plain("true")));
        }
        if self.places.personal.iter().any(|personal| personal == pointer) {
            members.push(member("classification", Json::text("personal")));
        }
        members.extend(allowed_values(&merged).map(|quality| member("quality", quality)));
        if level < MOST_LEVELS {
            self.add_inner(&merged, logical, pointer, level, &mut members);
        }
        members
    }

    fn add_inner(
        &mut self,
        merged: &Merged<'_>,
        logical: Option<&str>,
        pointer: &str,
        level: usize,
        members: &mut Vec<(String, Json)>,
    ) {
        match (logical, merged.items) {
            (Some("object"), _) => {
                let properties = self.properties(merged, pointer, level + 1);
                if !properties.is_empty() {
                    members.push(member("properties", Json::List(properties)));
                }
            }
            (Some("array"), Some(items)) => {
                let described = self.property(items, &format!("{pointer}/*"), level + 1, true);
                members.push(member("items", Json::Members(described)));
            }
            _ => {}
        }
    }
}

pub(super) fn member(name: &str, value: Json) -> (String, Json) {
    (name.to_owned(), value)
}

fn plain(text: &str) -> Json {
    Json::Plain(text.to_owned())
}

/// A scalar. A number has no exponent, which some readers of YAML take for a text (YAML 1.1 asks for a point before it).
fn scalar(value: &Value) -> Json {
    let text = match value {
        Value::Number(number) => Decimal::plain_text(number).unwrap_or_else(|_| number.to_string()),
        other => other.to_string(),
    };
    plain(&text)
}

fn logical_type(merged: &Merged<'_>) -> Option<&'static str> {
    Some(match (merged.only_type()?, merged.text("format")) {
        ("string", Some("date")) => "date",
        ("string", Some("date-time")) => "timestamp",
        ("string", Some("time")) => "time",
        ("string", _) => "string",
        ("integer", _) => "integer",
        ("number", _) => "number",
        ("boolean", _) => "boolean",
        ("object", _) => "object",
        ("array", _) => "array",
        _ => return None,
    })
}

/// The types of JSON, such as `integer or null`.
fn physical_type(merged: &Merged<'_>) -> Option<String> {
    let types: BTreeSet<&str> = merged.types.clone()?;
    let (null, others): (Vec<&str>, Vec<&str>) =
        types.into_iter().partition(|kind| *kind == "null");
    let all: Vec<&str> = others.into_iter().chain(null).collect();
    (!all.is_empty()).then(|| all.join(" or "))
}

/// The keywords that the standard has for a logical type, with all digits of their numbers.
fn options_of(logical: &str, merged: &Merged<'_>) -> Vec<(String, Json)> {
    let keywords: &[&str] = match logical {
        "string" => &["minLength", "maxLength", "pattern", "format"],
        "integer" | "number" => {
            &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
        }
        "array" => &["minItems", "maxItems", "uniqueItems"],
        "object" => &["minProperties", "maxProperties"],
        _ => &[],
    };
    let mut options = Vec::new();
    for keyword in keywords {
        options.extend(merged.value(keyword).map(|value| member(keyword, scalar(value))));
    }
    if logical == "timestamp" {
        // RFC 3339 times have an offset.
        options.push(member("timezone", plain("true")));
    }
    options
}

/// A rule of quality for `enum` and `const`, which the standard has no option for.
fn allowed_values(merged: &Merged<'_>) -> Option<Json> {
    let values = match (merged.value("enum"), merged.value("const")) {
        (Some(Value::Array(values)), _) => values.iter().collect(),
        (_, Some(only)) => vec![only],
        _ => return None,
    };
    let are_scalars = values.iter().all(|value| !value.is_array() && !value.is_object());
    if !are_scalars {
        return None;
    }
    let values = values.into_iter().map(scalar).collect();
    Some(Json::List(vec![Json::Members(vec![
        member("type", Json::text("library")),
        member("metric", Json::text("invalidValues")),
        member("arguments", Json::Members(vec![member("validValues", Json::List(values))])),
        member("mustBe", plain("0")),
    ])]))
}
