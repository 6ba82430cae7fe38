//! The keys that lookups are asked for. A key has parts with names, which are filled in from each event.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use event::canonical_number;
use serde_json::{Number, Value};

use crate::place::{Part, check_is_ready, read_parts};
use crate::variables::VariableValue;
use crate::{UrlError, Variables};

/// The template for the key of a lookup, which is made of named parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTemplate {
    parts: BTreeMap<String, KeyPart>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum KeyPart {
    /// `/origin`: the text or the number at this JSON Pointer.
    Value(String),
    /// `airport#{/origin}`: a text with placeholders.
    Text(Vec<Part>),
}

/// The key that one event asks a lookup for.
///
/// Keys are compared by their texts. Numbers from events have only one text, whatever their notation is (`1`, `1.0`,
/// `10e-1`).
#[derive(Clone, Debug)]
pub struct LookupKey {
    parts: BTreeMap<String, Value>,
    /// The parts as a JSON object.
    text: String,
}

impl KeyTemplate {
    /// Reads the parts. A part that begins with a slash is a JSON Pointer, unless it has placeholders.
    ///
    /// # Errors
    /// If a placeholder is not understood or is a secret, or if no part takes anything from an event.
    pub(super) fn parse(raw: &BTreeMap<String, String>) -> Result<Self, UrlError> {
        let mut parts = BTreeMap::new();
        for (name, text) in raw {
            let part = if text.starts_with('/') && !text.contains('{') {
                KeyPart::Value(text.clone())
            } else {
                let places = read_parts(text)?;
                if places.iter().any(|place| matches!(place, Part::Secret(_))) {
                    return Err(UrlError::SecretInKey);
                }
                KeyPart::Text(places)
            };
            parts.insert(name.clone(), part);
        }
        let key = Self { parts };
        if key.pointers().next().is_none() {
            return Err(UrlError::ConstantKey);
        }
        Ok(key)
    }

    /// The names of the parts, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.keys().map(String::as_str)
    }

    /// The JSON Pointers to the values of a payload that the key needs.
    pub fn pointers(&self) -> impl Iterator<Item = &str> {
        self.parts.values().flat_map(KeyPart::pointers)
    }

    /// The template with the values of its variables.
    ///
    /// # Errors
    /// If a variable is not in the file or is a secret, or if its value still has to be replaced.
    pub fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        let mut parts = BTreeMap::new();
        for (name, part) in &self.parts {
            parts.insert(name.clone(), part.bind(variables)?);
        }
        Ok(Self { parts })
    }

    /// The key for one payload. `None` if the payload lacks a part: its value is absent, null, an empty text, or
    /// neither a text nor a number.
    #[must_use]
    pub fn key(&self, payload: &Value) -> Option<LookupKey> {
        let mut parts = BTreeMap::new();
        for (name, part) in &self.parts {
            parts.insert(name.clone(), part.value(payload)?);
        }
        Some(LookupKey::new(parts))
    }

    /// The key that finds a row of reference data. The row has a member with the name of each part.
    ///
    /// # Errors
    /// The name of the first part that the row lacks: the member is absent, null, an empty text, or neither a text nor
    /// a number.
    pub fn key_of_row(&self, row: &Value) -> Result<LookupKey, &str> {
        let mut parts = BTreeMap::new();
        for name in self.parts.keys() {
            let value = row.get(name).and_then(scalar).ok_or(name.as_str())?;
            parts.insert(name.clone(), value);
        }
        Ok(LookupKey::new(parts))
    }
}

impl KeyPart {
    fn pointers(&self) -> Vec<&str> {
        match self {
            Self::Value(pointer) => vec![pointer],
            Self::Text(places) => {
                let mut pointers = Vec::new();
                for place in places {
                    if let Part::Pointer(pointer) = place {
                        pointers.push(pointer.as_str());
                    }
                }
                pointers
            }
        }
    }

    fn bind(&self, variables: &Variables) -> Result<Self, UrlError> {
        let Self::Text(places) = self else { return Ok(self.clone()) };
        let mut bound = Vec::with_capacity(places.len());
        for place in places {
            let Part::Variable(name) = place else {
                bound.push(place.clone());
                continue;
            };
            match variables.get(name) {
                Some(VariableValue::Text(text)) => {
                    check_is_ready(variables, name, text)?;
                    bound.push(Part::Text(text.clone()));
                }
                Some(VariableValue::Secret(_)) => return Err(UrlError::SecretInKey),
                None => return Err(UrlError::missing(variables, name)),
            }
        }
        Ok(Self::Text(bound))
    }

    fn value(&self, payload: &Value) -> Option<Value> {
        match self {
            Self::Value(pointer) => scalar(payload.pointer(pointer)?),
            Self::Text(places) => {
                let mut text = String::new();
                for place in places {
                    match place {
                        Part::Text(part) => text.push_str(part),
                        Part::Pointer(pointer) => {
                            text.push_str(&plain_text(&scalar(payload.pointer(pointer)?)?));
                        }
                        Part::Variable(_) | Part::Secret(_) => return None,
                    }
                }
                Some(Value::String(text)).filter(|text| text != "")
            }
        }
    }
}

/// A text that is not empty, or a number in its canonical notation. `None` for every other value.
fn scalar(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) if !text.is_empty() => Some(value.clone()),
        Value::Number(number) => {
            let digits = canonical_number(number).ok()?;
            serde_json::from_str::<Number>(&digits).ok().map(Value::Number)
        }
        _ => None,
    }
}

/// A text without quotes, or the digits of a number.
fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl LookupKey {
    /// The key with these parts, which must be texts or numbers. Numbers are taken in the notation that they have.
    #[must_use]
    pub fn new(parts: BTreeMap<String, Value>) -> Self {
        let mut members = serde_json::Map::new();
        for (name, value) in &parts {
            members.insert(name.clone(), value.clone());
        }
        Self { parts, text: Value::Object(members).to_string() }
    }

    /// The values of the parts, by name. They are texts or numbers.
    #[must_use]
    pub fn parts(&self) -> &BTreeMap<String, Value> {
        &self.parts
    }

    /// The parts as a JSON object, such as `{"carrier":"UA"}`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parts as texts, in the order of their names. A number and the text with its digits are the same here, so
    /// that an event with a number finds its row in a CSV file, which only has texts.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.parts.values().map(plain_text).collect()
    }
}

impl PartialEq for LookupKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for LookupKey {}

impl PartialOrd for LookupKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LookupKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(part: &str) -> Result<KeyTemplate, UrlError> {
        KeyTemplate::parse(&BTreeMap::from([("k".to_owned(), part.to_owned())]))
    }

    #[track_caller]
    fn check(part: &str, payload: &Value, expected: Option<&str>) {
        let key = template(part).unwrap().key(payload);
        assert_eq!(key.as_ref().map(LookupKey::as_str), expected, "{part} of {payload}");
    }

    #[test]
    fn a_value_keeps_its_kind_and_a_number_has_one_notation() {
        check("/a", &json!({"a": "UA"}), Some(r#"{"k":"UA"}"#));
        for number in ["1545", "1545.0", "15.45e2"] {
            let payload = serde_json::from_str(&format!("{{\"a\": {number}}}")).unwrap();
            check("/a", &payload, Some(r#"{"k":1545}"#));
        }
        check("/a", &json!({"a": "1545"}), Some(r#"{"k":"1545"}"#));
    }

    #[test]
    fn a_text_has_places() {
        check("airline#{/a}", &json!({"a": "UA"}), Some(r#"{"k":"airline#UA"}"#));
        check("{/a}/{/b/c}", &json!({"a": 1.0, "b": {"c": "x"}}), Some(r#"{"k":"1/x"}"#));
        check("/stations/{/a}", &json!({"a": "x"}), Some(r#"{"k":"/stations/x"}"#));
    }

    #[test]
    fn a_key_that_is_the_same_for_each_event_is_refused() {
        assert_eq!(template("origin"), Err(UrlError::ConstantKey), "the slash is missing");
        assert_eq!(template("{REGION}"), Err(UrlError::ConstantKey));
        let sorted = [("pk", "/origin"), ("sk", "profile")];
        let sorted = sorted.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert!(KeyTemplate::parse(&BTreeMap::from(sorted)).is_ok(), "one part may be a constant");
    }

    #[test]
    fn an_event_without_a_part_has_no_key() {
        for payload in [json!({}), json!({"a": null}), json!({"a": ""}), json!({"a": [1]})] {
            check("/a", &payload, None);
            check("x{/a}", &payload, None);
        }
    }

    #[test]
    fn variables_are_put_in_place_and_secrets_are_refused() {
        let variables = "variables: {PREFIX: air, TOKEN: 'secret:weather#token'}";
        let variables = Variables::parse("variables/a.yaml", variables).unwrap();
        let bound = template("{PREFIX}#{/a}").unwrap().bind(&variables).unwrap();
        assert_eq!(bound.key(&json!({"a": "x"})).unwrap().as_str(), r#"{"k":"air#x"}"#);
        let unbound = template("{OTHER}{/a}").unwrap().bind(&variables);
        assert!(matches!(unbound, Err(UrlError::Variable { .. })));
        let secret = template("{TOKEN}{/a}").unwrap().bind(&variables);
        assert_eq!(secret, Err(UrlError::SecretInKey));
        assert_eq!(template("{secret:a}{/a}"), Err(UrlError::SecretInKey));
    }

    #[test]
    fn what_it_needs_is_known() {
        let template = template("{/a}#{/b/c}").unwrap();
        assert_eq!(template.pointers().collect::<Vec<_>>(), ["/a", "/b/c"]);
    }
}
