//! The members that a schema declares, for a sink that writes a column for each of them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::branches::{Branch, branches};
use super::documents::{Documents, Node};
use super::members::{root_members, types_of_any};
use super::types::Type;
use super::{Member, Schema};

/// A member that the root of a schema declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property<'a> {
    /// The name of the member, without the escapes of a JSON Pointer.
    pub name: &'a str,
    /// The kind of its values. It is never [`ValueKind::Decimal`] here, which only a sink declares, and the unit of
    /// times is always the default.
    pub kind: ValueKind,
    /// Whether the value may be null, or the member may be missing.
    pub is_nullable: bool,
}

/// The kind of a member's values, apart from null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// `true` or `false`.
    Boolean,
    /// A number without a fraction, of any size.
    Integer,
    /// A number with or without a fraction, of any size.
    Number,
    /// A number of at most 38 digits, which a lake sink declares in [`LakeSink::decimals`](crate::LakeSink::decimals).
    Decimal {
        /// How many of the digits are after the point.
        scale: u32,
    },
    /// Text of any format but `date` and `date-time`.
    Text,
    /// Text whose `format` is `date`. It may be another text, because formats are annotations by default.
    Date,
    /// Text whose `format` is `date-time`. It may be another text too.
    Time {
        /// The unit in which a column counts, which a lake sink may declare in
        /// [`LakeSink::timestamps`](crate::LakeSink::timestamps).
        unit: TimestampUnit,
    },
    /// An object, an array, values of several kinds, or values that the schema does not restrict.
    Json,
}

impl Schema {
    /// The members that the root declares, in the alphabetical order of their names.
    pub fn properties(&self) -> impl Iterator<Item = Property<'_>> {
        self.inner.members.iter().map(|(name, member)| Property {
            name,
            kind: member.kind(),
            is_nullable: member.admits_null() || !self.inner.required.contains(name),
        })
    }
}

/// The unit in which a column of timestamps counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimestampUnit {
    /// Thousandths of a second.
    #[default]
    Milliseconds,
    /// Millionths of a second.
    Microseconds,
}

impl Member {
    fn admits_null(&self) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(&Type::Null))
    }

    fn kind(&self) -> ValueKind {
        let Some(types) = &self.types else { return ValueKind::Json };
        let others: Vec<Type> = types.iter().copied().filter(|each| *each != Type::Null).collect();
        match others[..] {
            [Type::Boolean] => ValueKind::Boolean,
            [Type::Integer] => ValueKind::Integer,
            // Each integer is a number, so that `number` covers both.
            [Type::Number] | [Type::Integer, Type::Number] | [Type::Number, Type::Integer] => {
                ValueKind::Number
            }
            [Type::String] => match self.format.as_deref() {
                Some("date") => ValueKind::Date,
                Some("date-time") => ValueKind::Time { unit: TimestampUnit::default() },
                _ => ValueKind::Text,
            },
            _ => ValueKind::Json,
        }
    }
}

/// The types and the format of each member that the root declares, by name.
pub(super) fn members_of(documents: &Documents) -> BTreeMap<String, Member> {
    let mut members = BTreeMap::new();
    for (name, nodes) in root_members(documents) {
        let formats =
            nodes.iter().filter_map(|node| format_of(documents, *node)).collect::<Vec<_>>();
        let format = match &formats[..] {
            [first, rest @ ..] if formats.len() == nodes.len() => {
                rest.iter().all(|other| other == first).then(|| first.clone())
            }
            _ => None,
        };
        members.insert(name.to_owned(), Member { types: types_of_any(documents, &nodes), format });
    }
    members
}

/// The `format` of a subschema, or of the first subschema that it refers to or combines and that has one.
fn format_of(documents: &Documents, node: Node<'_>) -> Option<String> {
    if let Some(format) = node.value.get("format").and_then(Value::as_str) {
        return Some(format.to_owned());
    }
    branches(documents, node).into_iter().find_map(|branch| match branch {
        Branch::Always(node) | Branch::Alternative(_, node) => format_of(documents, node),
        Branch::Conditional(_) | Branch::NotRequired(_) => None,
    })
}

/// The members that every value has to have. The root requires them, or a subschema does that always applies to the
/// same value.
pub(super) fn required_of(documents: &Documents) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut waiting = vec![documents.root()];
    while let Some(node) = waiting.pop() {
        let required = node.value.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        for branch in branches(documents, node) {
            if let Branch::Always(node) = branch {
                waiting.push(node);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(member: &Value, kind: ValueKind, is_nullable: bool) {
        let schema = json!({"type": "object", "required": ["m"], "properties": {"m": member}});
        let schema = Schema::parse(&schema.to_string()).unwrap();
        let found: Vec<Property<'_>> = schema.properties().collect();
        assert_eq!(found, [Property { name: "m", kind, is_nullable }], "{member}");
    }

    #[test]
    fn a_member_of_one_type_is_of_that_kind_and_any_other_is_json() {
        check(&json!({"type": "boolean"}), ValueKind::Boolean, false);
        check(&json!({"type": "integer"}), ValueKind::Integer, false);
        check(&json!({"type": ["null", "number"]}), ValueKind::Number, true);
        check(&json!({"type": ["integer", "number"]}), ValueKind::Number, false);
        check(&json!({"type": "string", "format": "email"}), ValueKind::Text, false);
        let a_time = ValueKind::Time { unit: TimestampUnit::Milliseconds };
        let time = json!({"type": ["string", "null"], "format": "date-time"});
        check(&time, a_time, true);
        check(&json!({"type": "string", "format": "date"}), ValueKind::Date, false);
        check(&json!({"type": ["string", "integer"], "format": "date"}), ValueKind::Json, false);
        check(&json!({"type": "object"}), ValueKind::Json, false);
        check(&json!({"type": ["integer", "string"]}), ValueKind::Json, false);
        check(&json!({"type": "null"}), ValueKind::Json, true);
        check(&json!({"enum": ["a", 1]}), ValueKind::Json, false);
        check(&json!({"enum": ["a", "b", null]}), ValueKind::Text, true);
        check(&json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}), ValueKind::Integer, true);
        let time = json!({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]});
        check(&time, a_time, true);
        let date = json!({"type": ["string", "null"], "allOf": [{"format": "date"}]});
        check(&date, ValueKind::Date, true);
        let formats = json!([{"type": "string", "format": "date"}, {"type": "null"}]);
        check(&json!({"oneOf": formats}), ValueKind::Date, true);
    }

    #[test]
    fn a_member_that_may_be_missing_may_be_null() {
        let schema = r#"{"required": ["b"], "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}"#;
        let schema = Schema::parse(schema).unwrap();
        let nullable: Vec<bool> = schema.properties().map(|each| each.is_nullable).collect();
        assert_eq!(nullable, [true, false]);
    }
}
