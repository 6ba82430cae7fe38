//! Takes the members out of a request, one by one, with the types of the API.
//!
//! The JSON protocol does not convert values: a number in place of a string is refused, in AWS's
//! wording. A member that is null counts as absent.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::errors::{Code, Fault};

/// A structure of a request.
pub(super) struct Input(Map<String, Value>);

impl Input {
    /// Parses a request body. An empty body counts as a structure without members.
    ///
    /// # Errors
    /// `Serialization` if the body is not a JSON object.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Fault> {
        if body.is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(value) => structure(value),
            Err(error) => Err(Fault::new(Code::Serialization, error.to_string())),
        }
    }

    pub(super) fn string(&mut self, name: &str) -> Result<Option<String>, Fault> {
        self.take(name).map(string).transpose()
    }

    /// Takes a string that must be present.
    ///
    /// # Errors
    /// `MissingParameter` if it is absent or empty.
    pub(super) fn required(&mut self, name: &str) -> Result<String, Fault> {
        self.string(name)?.filter(|text| !text.is_empty()).ok_or_else(|| Fault::missing(name))
    }

    /// A 32-bit integer.
    pub(super) fn integer(&mut self, name: &str) -> Result<Option<i64>, Fault> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.as_i64().filter(|number| i32::try_from(*number).is_ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(mismatch(&value, "an Integer")),
        }
    }

    /// Bytes, which are base64 in the request.
    pub(super) fn blob(&mut self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        let Some(text) = self.string(name)? else { return Ok(None) };
        match STANDARD.decode(text) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(_) => Err(Fault::new(Code::Serialization, format!("{name} is not valid base64."))),
        }
    }

    /// A list of strings; empty if absent.
    pub(super) fn strings(&mut self, name: &str) -> Result<Vec<String>, Fault> {
        self.list(name)?.into_iter().map(string).collect()
    }

    /// A map of strings; empty if absent.
    pub(super) fn string_map(&mut self, name: &str) -> Result<BTreeMap<String, String>, Fault> {
        self.map(name)?.into_iter().map(|(key, value)| Ok((key, string(value)?))).collect()
    }

    /// A list of structures; empty if absent.
    pub(super) fn structures(&mut self, name: &str) -> Result<Vec<Self>, Fault> {
        self.list(name)?.into_iter().map(structure).collect()
    }

    /// A map of structures; empty if absent.
    pub(super) fn structure_map(&mut self, name: &str) -> Result<Vec<(String, Self)>, Fault> {
        self.map(name)?.into_iter().map(|(key, value)| Ok((key, structure(value)?))).collect()
    }

    /// Takes a list and returns whether it is present and has elements.
    pub(super) fn has_items(&mut self, name: &str) -> Result<bool, Fault> {
        Ok(!self.list(name)?.is_empty())
    }

    fn list(&mut self, name: &str) -> Result<Vec<Value>, Fault> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(mismatch(&other, "a List")),
        }
    }

    fn map(&mut self, name: &str) -> Result<Map<String, Value>, Fault> {
        match self.take(name) {
            None => Ok(Map::new()),
            Some(Value::Object(members)) => Ok(members),
            Some(other) => Err(mismatch(&other, "a Map")),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }
}

fn structure(value: Value) -> Result<Input, Fault> {
    match value {
        Value::Object(members) => Ok(Input(members)),
        other => Err(mismatch(&other, "a Structure")),
    }
}

fn string(value: Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(mismatch(&other, "a String")),
    }
}

fn mismatch(value: &Value, wanted: &str) -> Fault {
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "Start of list",
        Value::Object(_) => "Start of structure or map",
    };
    Fault::new(Code::Serialization, format!("{found} can not be converted to {wanted}"))
}
