//! What a schema says of an object's members, for a sink that has a column for each.

use super::{Schema, Type};

/// A member that the schema knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property<'a> {
    pub name: &'a str,
    pub kind: ValueKind,
    /// Whether it may be null, or missing.
    pub is_nullable: bool,
}

/// The one kind of value, null aside, that a member has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    Boolean,
    Integer,
    Number,
    /// A number of at most so many decimals and 38 digits, where a lake sink says that it is one.
    Decimal {
        scale: u32,
    },
    Text,
    /// Text whose `format` is `date-time`; whether it is one is not checked here.
    Time,
    /// An object, an array, or anything of several kinds.
    Json,
}

impl Schema {
    /// The members that it knows, by their names.
    pub fn properties(&self) -> impl Iterator<Item = Property<'_>> {
        self.properties.iter().map(|(name, schema)| Property {
            name,
            kind: schema.kind(),
            is_nullable: schema.admits_null() || !self.required.contains(name),
        })
    }

    fn admits_null(&self) -> bool {
        self.types.is_empty() || self.types.contains(&Type::Null)
    }

    fn kind(&self) -> ValueKind {
        let has = |wanted: Type| self.types.contains(&wanted);
        let others = self.types.iter().filter(|&&each| each != Type::Null).count();
        match others {
            1 if has(Type::Boolean) => ValueKind::Boolean,
            1 if has(Type::Integer) => ValueKind::Integer,
            1 if has(Type::Number) => ValueKind::Number,
            // An integer is a number.
            2 if has(Type::Integer) && has(Type::Number) => ValueKind::Number,
            1 if has(Type::String) && self.format.as_deref() == Some("date-time") => {
                ValueKind::Time
            }
            1 if has(Type::String) => ValueKind::Text,
            _ => ValueKind::Json,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
        let time = json!({"type": ["string", "null"], "format": "date-time"});
        check(&time, ValueKind::Time, true);
        check(&json!({"type": "object"}), ValueKind::Json, false);
        check(&json!({"type": ["integer", "string"]}), ValueKind::Json, false);
        check(&json!({"type": "null"}), ValueKind::Json, true);
        check(&json!({"enum": ["a", 1]}), ValueKind::Json, true);
    }

    #[test]
    fn a_member_that_may_be_missing_may_be_null() {
        let schema = r#"{"required": ["b"], "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}"#;
        let schema = Schema::parse(schema).unwrap();
        let nullable: Vec<bool> = schema.properties().map(|each| each.is_nullable).collect();
        assert_eq!(nullable, [true, false]);
    }
}
