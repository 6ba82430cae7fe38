//! The part of JSON Schema that is checked here: types, required members, enumerations, and what is
//! below them.
//!
//! A keyword that would be ignored is refused when the contract is read: a schema never promises
//! more than is checked.

mod csv;
mod properties;

use std::collections::BTreeMap;

use event::{Decimal, is_same_value, kind_of, pointer_to};
use serde_json::{Map, Number, Value};

pub use self::properties::{Property, ValueKind};
use crate::error::{ContractError, SchemaError};

/// A JSON Schema whose every keyword is either checked or an annotation.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    types: Vec<Type>,
    properties: BTreeMap<String, Schema>,
    required: Vec<String>,
    closed: bool,
    items: Option<Box<Schema>>,
    allowed: Option<Vec<Value>>,
    /// Noted, not checked.
    format: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

/// How a value breaks its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The JSON Pointer of the value, or of the member that is missing.
    pub(crate) at: String,
    pub(crate) problem: String,
}

impl Violation {
    fn here(problem: String) -> Self {
        Self { at: String::new(), problem }
    }

    /// The same, told from one level up.
    fn below(mut self, name: &str) -> Self {
        self.at.insert_str(0, &pointer_to(name));
        self
    }
}

/// Keywords that say something and demand nothing. So does `format`, which is an annotation unless a
/// schema opts in (JSON Schema 2020-12, validation, section 7.2.1), but a sink may go by it.
const ANNOTATIONS: &[&str] =
    &["$comment", "$id", "$schema", "default", "deprecated", "description", "examples", "title"];

impl Schema {
    /// # Errors
    /// When the text is no JSON, or holds a keyword that this does not check.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let value = serde_json::from_str(text).map_err(SchemaError::Json)?;
        Self::read(&value, "")
    }

    fn read(value: &Value, at: &str) -> Result<Self, SchemaError> {
        let object = value.as_object().ok_or_else(|| invalid(at, "a schema is an object"))?;
        let mut schema = Self::default();
        for (keyword, value) in object {
            let here = format!("{at}/{keyword}");
            match keyword.as_str() {
                "type" => schema.types = read_types(value, &here)?,
                "properties" => schema.properties = read_properties(value, &here)?,
                "required" => schema.required = read_names(value, &here)?,
                "items" => schema.items = Some(Box::new(Self::read(value, &here)?)),
                "enum" => {
                    let allowed = value.as_array().ok_or_else(|| invalid(&here, "not a list"))?;
                    schema.allowed = Some(allowed.clone());
                }
                "const" => schema.allowed = Some(vec![value.clone()]),
                "additionalProperties" => {
                    let open = value.as_bool();
                    schema.closed =
                        !open.ok_or_else(|| invalid(&here, "neither true nor false"))?;
                }
                "format" => schema.format = value.as_str().map(str::to_owned),
                annotation if ANNOTATIONS.contains(&annotation) => {}
                other => {
                    return Err(invalid(at, &format!("the keyword `{other}` is not checked here")));
                }
            }
        }
        Ok(schema)
    }

    /// What is wrong with `value` first, with where it is; nothing of what it holds.
    #[must_use]
    pub fn problem(&self, value: &Value) -> Option<String> {
        let violation = self.check(value).err()?;
        Some(format!("`{}`: {}", violation.at, violation.problem))
    }

    /// That of one of a contract's files.
    pub(crate) fn of_file(
        file: String,
        files: &BTreeMap<String, String>,
    ) -> Result<Self, ContractError> {
        match files.get(&file) {
            Some(text) => {
                Self::parse(text).map_err(|source| ContractError::Schema { file, source })
            }
            None => Err(ContractError::SchemaMissing { file }),
        }
    }

    /// The first violation in `value`, in the order of the document.
    pub(crate) fn check(&self, value: &Value) -> Result<(), Violation> {
        if !self.types.is_empty() && !self.types.iter().any(|expected| expected.admits(value)) {
            let problem = format!("expected {}, found {}", self.expectation(), kind_of(value));
            return Err(Violation::here(problem));
        }
        if let Some(allowed) = &self.allowed
            && !allowed.iter().any(|allowed| is_same_value(allowed, value))
        {
            let problem = match allowed.len() {
                1 => "expected the one value that is allowed".to_owned(),
                count => format!("expected one of {count} values"),
            };
            return Err(Violation::here(problem));
        }
        match value {
            Value::Object(members) => self.check_members(members),
            Value::Array(items) => self.check_items(items),
            _ => Ok(()),
        }
    }

    fn check_items(&self, items: &[Value]) -> Result<(), Violation> {
        let Some(schema) = &self.items else { return Ok(()) };
        for (index, item) in items.iter().enumerate() {
            schema.check(item).map_err(|violation| violation.below(&index.to_string()))?;
        }
        Ok(())
    }

    fn check_members(&self, members: &Map<String, Value>) -> Result<(), Violation> {
        if let Some(missing) = self.required.iter().find(|name| !members.contains_key(*name)) {
            return Err(Violation::here("required, and missing".to_owned()).below(missing));
        }
        for (name, member) in members {
            match self.properties.get(name) {
                Some(schema) => schema.check(member).map_err(|violation| violation.below(name))?,
                None if self.closed => {
                    let problem = "not a member that the schema knows".to_owned();
                    return Err(Violation::here(problem).below(name));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// The types that this schema admits, for a person: `integer or null`.
    fn expectation(&self) -> String {
        self.types.iter().map(|t| t.name()).collect::<Vec<_>>().join(" or ")
    }

    /// The members that must be there.
    pub(crate) fn required(&self) -> &[String] {
        &self.required
    }
}

impl Type {
    const ALL: [Self; 7] = [
        Self::Null,
        Self::Boolean,
        Self::Integer,
        Self::Number,
        Self::String,
        Self::Array,
        Self::Object,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// `1.0` is an integer too: JSON Schema 2020-12, core, section 4.2.3.
    fn admits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Null, Value::Null)
            | (Self::Boolean, Value::Bool(_))
            | (Self::Number, Value::Number(_))
            | (Self::String, Value::String(_))
            | (Self::Array, Value::Array(_))
            | (Self::Object, Value::Object(_)) => true,
            (Self::Integer, Value::Number(number)) => is_integer(number),
            _ => false,
        }
    }
}

fn is_integer(number: &Number) -> bool {
    let is_written_as_one = !number.as_str().contains(['.', 'e', 'E']);
    is_written_as_one || Decimal::of(number).is_ok_and(Decimal::is_integer)
}

/// A whole number without a fraction: spreadsheets write `141.0`. `None` for any other.
fn integer(number: Number) -> Option<Number> {
    if !number.as_str().contains(['.', 'e', 'E']) {
        return Some(number);
    }
    let whole = Decimal::of(&number).ok().filter(|number| number.is_integer())?;
    whole.to_string().parse().ok()
}

fn invalid(at: &str, problem: &str) -> SchemaError {
    SchemaError::Invalid { at: at.to_owned(), problem: problem.to_owned() }
}

fn read_types(value: &Value, at: &str) -> Result<Vec<Type>, SchemaError> {
    let names = match value {
        Value::String(name) => vec![name.clone()],
        other => read_names(other, at)?,
    };
    names
        .iter()
        .map(|name| {
            let found = Type::ALL.into_iter().find(|candidate| candidate.name() == name);
            found.ok_or_else(|| invalid(at, &format!("no type is called `{name}`")))
        })
        .collect()
}

fn read_names(value: &Value, at: &str) -> Result<Vec<String>, SchemaError> {
    let names: Option<Vec<String>> = value
        .as_array()
        .and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
    names.ok_or_else(|| invalid(at, "not a list of names"))
}

fn read_properties(value: &Value, at: &str) -> Result<BTreeMap<String, Schema>, SchemaError> {
    let object = value.as_object().ok_or_else(|| invalid(at, "not an object"))?;
    object
        .iter()
        .map(|(name, value)| Ok((name.clone(), Schema::read(value, &format!("{at}/{name}"))?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let text = r#"{
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["id"],
            "additionalProperties": false,
            "properties": {
                "id": {"type": "integer"},
                "a/b": {"type": ["string", "null"], "format": "date-time"},
                "list": {"type": "array", "items": {"type": "number"}},
                "unit": {"enum": ["m", "ft"]},
                "kind": {"const": "a"},
                "level": {"enum": [1, 2.50]},
                "amount": {"type": "number"}
            }
        }"#;
        Schema::parse(text).unwrap()
    }

    #[track_caller]
    fn check(value: &Value, at: &str, problem: &str) {
        let violation = schema().check(value).unwrap_err();
        assert_eq!(violation.at, at);
        assert!(violation.problem.contains(problem), "{violation:?}");
    }

    #[test]
    fn a_violation_names_the_pointer_and_what_was_expected() {
        check(&json!({}), "/id", "missing");
        check(&json!({"id": "1"}), "/id", "expected integer, found a string");
        check(&json!({"id": 1.5}), "/id", "expected integer, found a number");
        check(&json!({"id": 1, "a/b": 2}), "/a~1b", "expected string or null");
        check(&json!({"id": 1, "list": [1, 2.5, "x"]}), "/list/2", "expected number");
        check(&json!({"id": 1, "unit": "yd"}), "/unit", "one of 2 values");
        check(&json!({"id": 1, "kind": "b"}), "/kind", "the one value");
        check(&json!({"id": 1, "other": 2}), "/other", "not a member");
        check(&json!([]), "", "expected object, found an array");
    }

    #[test]
    fn what_fits_passes() {
        let value = json!({"id": 1.0, "a/b": null, "list": [1], "unit": "m"});
        assert_eq!(schema().check(&value), Ok(()));
    }

    #[test]
    fn an_open_schema_takes_members_that_it_does_not_know() {
        let open = Schema::parse(r#"{"properties":{"id":{"type":"integer"}}}"#).unwrap();
        assert_eq!(open.check(&json!({"id": 1, "other": 2})), Ok(()));
    }

    #[test]
    fn numbers_are_integers_and_members_of_enumerations_by_their_value() {
        let passes = |text: &str| schema().check(&serde_json::from_str(text).unwrap()).is_ok();
        assert!(passes(r#"{"id": 12345678901234567890123}"#));
        assert!(passes(r#"{"id": 1e3, "level": 2.5}"#));
        assert!(passes(r#"{"id": 1.000, "level": 1.0}"#));
        assert!(!passes(r#"{"id": 10e-2}"#));
        assert!(!passes(r#"{"id": 1, "level": 2.51}"#));
        assert!(!passes(r#"{"id": 12345678901234567890.5}"#));
    }

    #[test]
    fn a_keyword_that_would_be_ignored_is_refused() {
        let error = Schema::parse(r#"{"properties":{"id":{"minimum":1}}}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "at `/properties/id`: the keyword `minimum` is not checked here"
        );
        assert!(Schema::parse(r#"{"type":"int"}"#).unwrap_err().to_string().contains("`int`"));
    }

    #[test]
    fn a_csv_field_takes_the_type_that_its_schema_names() {
        assert_eq!(schema().typed("id", "12").unwrap(), json!(12));
        assert_eq!(schema().typed("a/b", "12").unwrap(), json!("12"));
        assert_eq!(schema().typed("undeclared", "12").unwrap(), json!("12"));
        assert_eq!(schema().typed("id", "1x").unwrap_err().at, "/id");
    }

    #[track_caller]
    fn check_typed(name: &str, text: &str, expected: Option<&str>) {
        let typed = schema().typed(name, text).ok().map(|value| value.to_string());
        assert_eq!(typed.as_deref(), expected, "{text}");
    }

    #[test]
    fn a_csv_number_keeps_its_digits_and_an_integer_may_be_written_as_a_decimal() {
        check_typed("id", "141.0", Some("141"));
        check_typed("id", "1e3", Some("1000"));
        check_typed("id", "1.5", None);
        check_typed("id", "12345678901234567890", Some("12345678901234567890"));
        check_typed("amount", "9007199254740993", Some("9007199254740993"));
        check_typed("amount", "12345678901234567.89", Some("12345678901234567.89"));
        check_typed("amount", "1.50", Some("1.50"));
        check_typed("amount", "inf", None);
    }
}
