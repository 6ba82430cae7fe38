//! Migrates a payload from one version of a schema to the next. A contract declares the steps, which are applied in
//! order.
//!
//! ```yaml
//! migrate:
//!   - rename: {at: /cust, to: customer}
//!   - move: {from: /price, to: /total/amount}
//!   - default: {at: /currency, value: EUR}
//!   - drop: {at: /internal}
//!   - convert: {at: /total/amount, to: number}
//!   - map: {at: '/lines/*/status', values: {A: active, I: inactive}}
//! ```
//!
//! In `at`, `*` stands for each item of an array and each member of an object. A step whose place is missing changes
//! nothing, so that it needs no exception for optional members. Numbers keep their digits.

mod convert;
mod places;

use std::collections::BTreeMap;

use event::{is_same_value, kind_of};
use serde::Deserialize;
use serde_json::Value;

pub use self::convert::ConvertTo;
use self::places::Place;
use crate::error::ContractError;

/// The largest number of steps, which is more than any change of a schema needs.
const MOST_STEPS: usize = 100;

/// The steps from one version of a schema to the next. It has no steps if each payload of the older version fits the
/// newer one as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Migration {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Rename { at: Place, to: String },
    Move { from: Place, to: Place },
    Default { at: Place, value: Value },
    Drop { at: Place },
    Convert { at: Place, to: ConvertTo },
    Map { at: Place, values: BTreeMap<String, Value>, otherwise: Otherwise },
}

/// What a map does with a value that it has no entry for.
#[derive(Clone, Debug, Default, PartialEq)]
enum Otherwise {
    /// It refuses to migrate the payload.
    #[default]
    Fail,
    /// It keeps the value.
    Keep,
    /// It replaces the value with this one.
    Value(Value),
}

/// A step as it is written in the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum RawStep {
    Rename(RawRename),
    Move(RawMove),
    Default(RawDefault),
    Drop(RawPlace),
    Convert(RawConvert),
    Map(RawMap),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRename {
    at: String,
    to: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMove {
    from: String,
    to: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawDefault {
    at: String,
    value: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPlace {
    at: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawConvert {
    at: String,
    to: ConvertTo,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawMap {
    at: String,
    /// The new values by the text of the old ones. A text is itself, and other values are as JSON writes them: `12`,
    /// `true` or `null`.
    values: BTreeMap<String, Value>,
    otherwise: Option<RawOtherwise>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum RawOtherwise {
    Fail,
    Keep,
    Value(Value),
}

/// Why a payload cannot be migrated. It does not quote any value of the payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {step} ({name}) at `{at}`: {problem}")]
pub struct MigrationError {
    /// The number of the step that failed, from 1.
    pub step: usize,
    /// The name of the step in the contract, such as `rename` or `convert`.
    pub name: &'static str,
    /// The `at` or `from` of the step: a JSON Pointer in which `*` may stand for any token.
    pub at: String,
    /// What was found there.
    pub problem: String,
}

impl Migration {
    pub(crate) fn validate(raw: Vec<RawStep>) -> Result<Self, ContractError> {
        if raw.len() > MOST_STEPS {
            return Err(invalid(&format!("at most {MOST_STEPS} steps")));
        }
        let mut steps = Vec::with_capacity(raw.len());
        for (index, step) in raw.into_iter().enumerate() {
            let step = Step::validate(step)
                .map_err(|problem| invalid(&format!("step {}: {problem}", index + 1)))?;
            steps.push(step);
        }
        Ok(Self { steps })
    }

    /// Applies all steps to a copy of the payload.
    ///
    /// # Errors
    /// The first step that fails.
    pub fn apply(&self, payload: &Value) -> Result<Value, MigrationError> {
        let mut changed = payload.clone();
        for (index, step) in self.steps.iter().enumerate() {
            step.apply(&mut changed).map_err(|problem| MigrationError {
                step: index + 1,
                name: step.name(),
                at: step.place().to_string(),
                problem,
            })?;
        }
        Ok(changed)
    }
}

fn invalid(problem: &str) -> ContractError {
    crate::error::invalid("schema.versions.migrate", problem)
}

impl Step {
    fn validate(raw: RawStep) -> Result<Self, String> {
        Ok(match raw {
            RawStep::Rename(RawRename { at, to }) => {
                if to.is_empty() || to.contains('/') {
                    return Err("`to` is the new name of the member, no pointer".to_owned());
                }
                Self::Rename { at: Place::parse(&at)?, to }
            }
            RawStep::Move(RawMove { from, to }) => {
                let (from, to) = (Place::parse(&from)?, Place::parse(&to)?);
                if from.has_wildcard() || to.has_wildcard() {
                    return Err("a move has no `*`: from one place to another".to_owned());
                }
                if to.is_within(&from) {
                    return Err("a value cannot be moved into itself".to_owned());
                }
                Self::Move { from, to }
            }
            RawStep::Default(RawDefault { at, value }) => {
                Self::Default { at: Place::parse(&at)?, value }
            }
            RawStep::Drop(RawPlace { at }) => Self::Drop { at: Place::parse(&at)? },
            RawStep::Convert(RawConvert { at, to }) => Self::Convert { at: Place::parse(&at)?, to },
            RawStep::Map(RawMap { at, values, otherwise }) => {
                let otherwise = match otherwise {
                    None | Some(RawOtherwise::Fail) => Otherwise::Fail,
                    Some(RawOtherwise::Keep) => Otherwise::Keep,
                    Some(RawOtherwise::Value(value)) => Otherwise::Value(value),
                };
                Self::Map { at: Place::parse(&at)?, values, otherwise }
            }
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Rename { .. } => "rename",
            Self::Move { .. } => "move",
            Self::Default { .. } => "default",
            Self::Drop { .. } => "drop",
            Self::Convert { .. } => "convert",
            Self::Map { .. } => "map",
        }
    }

    /// The place that errors name.
    fn place(&self) -> &Place {
        match self {
            Self::Rename { at, .. }
            | Self::Move { from: at, .. }
            | Self::Default { at, .. }
            | Self::Drop { at }
            | Self::Convert { at, .. }
            | Self::Map { at, .. } => at,
        }
    }

    fn apply(&self, payload: &mut Value) -> Result<(), String> {
        match self {
            Self::Rename { at, to } => rename(payload, at, to),
            Self::Move { from, to } => match from.take_one(payload) {
                Some(value) => to.put(payload, value),
                None => Ok(()),
            },
            Self::Default { at, value } => {
                for parent in at.parents(payload) {
                    if let Value::Object(members) = parent {
                        members.entry(at.last().to_owned()).or_insert_with(|| value.clone());
                    }
                }
                Ok(())
            }
            Self::Drop { at } => {
                at.remove_all(payload);
                Ok(())
            }
            Self::Convert { at, to } => {
                for value in at.values(payload) {
                    to.convert(value)?;
                }
                Ok(())
            }
            Self::Map { at, values, otherwise } => {
                for value in at.values(payload) {
                    map(value, values, otherwise)?;
                }
                Ok(())
            }
        }
    }
}

/// Renames the members at a place. A member that has the new name already must have the same value.
fn rename(payload: &mut Value, at: &Place, to: &str) -> Result<(), String> {
    for parent in at.parents(payload) {
        let Value::Object(members) = parent else { continue };
        let Some(value) = members.remove(at.last()) else { continue };
        match members.get(to) {
            Some(other) if !is_same_value(other, &value) => {
                return Err(format!("`{to}` is there already, with another value"));
            }
            _ => {
                members.insert(to.to_owned(), value);
            }
        }
    }
    Ok(())
}

/// Replaces a value by the one that the map has for it.
fn map(
    value: &mut Value,
    values: &BTreeMap<String, Value>,
    otherwise: &Otherwise,
) -> Result<(), String> {
    let text = match &*value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => {
            return Err(format!("{} is there, which no map has", kind_of(value)));
        }
        scalar => scalar.to_string(),
    };
    match (values.get(&text), otherwise) {
        (Some(mapped), _) | (None, Otherwise::Value(mapped)) => *value = mapped.clone(),
        (None, Otherwise::Keep) => {}
        (None, Otherwise::Fail) => {
            return Err("a value is there that the map does not have".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
