//! The places that a step changes. They are given by a JSON Pointer in which `*` stands for each item and each member.

use std::fmt;

use serde_json::{Map, Value};

use crate::personal::ANY_TOKEN;
use crate::pointer::{pointer_index, pointer_tokens};

/// One or several places of a payload. It is never the whole payload.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// The pointer as the contract has it.
    text: String,
    /// The tokens before the last one.
    before: Vec<String>,
    last: String,
}

impl Place {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = pointer_tokens(text)
            .ok_or_else(|| format!("`{text}` is not a JSON Pointer such as /customer/name"))?;
        let last = tokens.pop().ok_or("the whole payload is no place of a step")?;
        Ok(Self { text: text.to_owned(), before: tokens, last })
    }

    /// The last token, which is the name of a member or the index of an item.
    pub(super) fn last(&self) -> &str {
        &self.last
    }

    pub(super) fn has_wildcard(&self) -> bool {
        self.last == ANY_TOKEN || self.before.iter().any(|token| token == ANY_TOKEN)
    }

    /// Whether this place is below another one.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let mut other = other.before.iter().chain([&other.last]);
        let mut own = self.before.iter().chain([&self.last]);
        other.all(|token| own.next() == Some(token)) && own.next().is_some()
    }

    /// The objects and arrays that can have this place. Those that the payload lacks are left out.
    pub(super) fn parents<'a>(&self, payload: &'a mut Value) -> Vec<&'a mut Value> {
        let mut found = vec![payload];
        for token in &self.before {
            let mut next = Vec::new();
            for value in found {
                step_into(value, token, &mut next);
            }
            found = next;
        }
        found
    }

    /// The values at this place. They are none if the payload does not have it.
    pub(super) fn values<'a>(&self, payload: &'a mut Value) -> Vec<&'a mut Value> {
        let mut found = Vec::new();
        for parent in self.parents(payload) {
            step_into(parent, &self.last, &mut found);
        }
        found
    }

    /// Removes all values at this place.
    pub(super) fn remove_all(&self, payload: &mut Value) {
        for parent in self.parents(payload) {
            match parent {
                Value::Object(members) if self.last == ANY_TOKEN => members.clear(),
                Value::Object(members) => {
                    members.remove(&self.last);
                }
                Value::Array(items) if self.last == ANY_TOKEN => items.clear(),
                Value::Array(items) => {
                    if let Some(index) = pointer_index(&self.last)
                        && index < items.len()
                    {
                        items.remove(index);
                    }
                }
                _ => {}
            }
        }
    }

    /// Removes the value at this place and returns it. The place must have no wildcard.
    pub(super) fn take_one(&self, payload: &mut Value) -> Option<Value> {
        let value = self.values(payload).pop()?.take();
        self.remove_all(payload);
        Some(value)
    }

    /// Inserts a value as a member of an object, and adds the objects on the way to it.
    ///
    /// # Errors
    /// If something is there already, or the way leads through a value that cannot have the member.
    pub(super) fn put(&self, payload: &mut Value, value: Value) -> Result<(), String> {
        let mut at = payload;
        for token in &self.before {
            at = match at {
                Value::Object(members) => {
                    members.entry(token.clone()).or_insert_with(|| Value::Object(Map::new()))
                }
                Value::Array(items) => pointer_index(token)
                    .and_then(|index| items.get_mut(index))
                    .ok_or_else(|| format!("`{}` leads to no item", self.text))?,
                _ => return Err(format!("`{}` leads through a value without members", self.text)),
            };
        }
        match at {
            Value::Object(members) if members.contains_key(&self.last) => {
                Err(format!("something is at `{}` already", self.text))
            }
            Value::Object(members) => {
                members.insert(self.last.clone(), value);
                Ok(())
            }
            _ => Err(format!("`{}` is in no object", self.text)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Adds the member or item that a token names to `found`; all of them for a wildcard.
fn step_into<'a>(value: &'a mut Value, token: &str, found: &mut Vec<&'a mut Value>) {
    match (value, token) {
        (Value::Object(members), ANY_TOKEN) => found.extend(members.values_mut()),
        (Value::Array(items), ANY_TOKEN) => found.extend(items.iter_mut()),
        (Value::Object(members), name) => found.extend(members.get_mut(name)),
        (Value::Array(items), index) => {
            found.extend(pointer_index(index).and_then(|index| items.get_mut(index)));
        }
        _ => {}
    }
}
