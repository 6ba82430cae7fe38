//! The schema and the sample of a dataset of which no events are known: they have what the pointers of its contract name.

use std::collections::BTreeMap;

use contracts::{ANY_TOKEN, pointer_tokens};
use serde_json::{Value, json};

use super::answers::Answers;
use crate::contract::ordered_json::Json;
use crate::failure::Failure;

/// What the pointers need a place to hold.
#[derive(Default)]
struct Place {
    members: BTreeMap<String, Place>,
    items: Option<Box<Place>>,
    is_time: bool,
}

/// A schema in which each place that a pointer names is there.
///
/// # Errors
/// If a pointer is none, or one goes through what another takes a value from.
pub(super) fn schema_of(answers: &Answers) -> Result<Json, Failure> {
    let mut members =
        vec![("$schema".to_owned(), Json::text("https://json-schema.org/draft/2020-12/schema"))];
    members.extend(place_of(answers)?.schema());
    Ok(Json::Members(members))
}

/// An event that fits the schema.
///
/// # Errors
/// Those of [`schema_of`].
pub(super) fn event_of(answers: &Answers) -> Result<Value, Failure> {
    Ok(place_of(answers)?.example("event"))
}

fn place_of(answers: &Answers) -> Result<Place, Failure> {
    let mut root = Place::default();
    let keys = answers.keys.iter().chain(&answers.business).chain(&answers.tenant);
    for pointer in keys.chain(&answers.personal) {
        root.at(pointer)?;
    }
    root.at(&answers.event_time)?.is_time = true;
    Ok(root)
}

impl Place {
    fn at(&mut self, pointer: &str) -> Result<&mut Self, Failure> {
        let tokens = pointer_tokens(pointer).filter(|tokens| !tokens.is_empty());
        let Some(tokens) = tokens else {
            return Err(Failure::new(format!("`{pointer}` is no JSON Pointer such as /id")));
        };
        let mut place = self;
        for token in tokens {
            let is_items = token == ANY_TOKEN;
            if (is_items && !place.members.is_empty()) || (!is_items && place.items.is_some()) {
                return Err(Failure::new(format!(
                    "`{pointer}` is within an array for one pointer, and within an object for another"
                )));
            }
            place = if is_items {
                place.items.get_or_insert_default()
            } else {
                place.members.entry(token).or_default()
            };
        }
        Ok(place)
    }

    fn schema(&self) -> Vec<(String, Json)> {
        let mut keywords = Vec::new();
        let kind = match (&self.items, self.members.is_empty()) {
            (Some(_), _) => "array",
            (None, false) => "object",
            (None, true) => "string",
        };
        keywords.push(("type".to_owned(), Json::text(kind)));
        if self.is_time {
            keywords.push(("format".to_owned(), Json::text("date-time")));
        }
        if let Some(items) = &self.items {
            keywords.push(("items".to_owned(), Json::Members(items.schema())));
        }
        if !self.members.is_empty() {
            let names = self.members.keys().map(|name| Json::text(name)).collect();
            keywords.push(("required".to_owned(), Json::List(names)));
            let members = self.members.iter();
            let properties =
                members.map(|(name, place)| (name.clone(), Json::Members(place.schema())));
            keywords.push(("properties".to_owned(), Json::Members(properties.collect())));
        }
        keywords
    }

    fn example(&self, name: &str) -> Value {
        if let Some(items) = &self.items {
            return json!([items.example(name)]);
        }
        if self.is_time {
            return json!("2026-01-01T00:00:00Z");
        }
        if self.members.is_empty() {
            return json!(format!("{name}-1"));
        }
        let members = self.members.iter();
        Value::Object(members.map(|(name, place)| (name.clone(), place.example(name))).collect())
    }
}
