//! The types of JSON values, as sets.

use serde_json::Value;

use crate::number::Exact;

/// A set of types. Integers and other numbers are types of their own here, so that a number may be
/// narrowed to integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Types(u8);

impl Types {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOLEAN: Self = Self(2);
    pub(crate) const INTEGER: Self = Self(4);
    /// Numbers that are not integers. `1.0` is an integer.
    pub(crate) const FRACTION: Self = Self(8);
    pub(crate) const STRING: Self = Self(16);
    pub(crate) const ARRAY: Self = Self(32);
    pub(crate) const OBJECT: Self = Self(64);
    pub(crate) const NUMBER: Self = Self(4 | 8);
    pub(crate) const ALL: Self = Self(127);

    const EACH: [Self; 7] = [
        Self::OBJECT,
        Self::STRING,
        Self::INTEGER,
        Self::FRACTION,
        Self::BOOLEAN,
        Self::ARRAY,
        Self::NULL,
    ];

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn has(self, other: Self) -> bool {
        !self.and(other).is_empty()
    }

    pub(crate) fn is_within(self, other: Self) -> bool {
        self.without(other).is_empty()
    }

    /// The types of this set one by one, those that schemas speak of most first.
    pub(crate) fn each(self) -> impl Iterator<Item = Self> {
        Self::EACH.into_iter().filter(move |&one| self.has(one))
    }

    /// The type of that name in a schema.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "null" => Some(Self::NULL),
            "boolean" => Some(Self::BOOLEAN),
            "integer" => Some(Self::INTEGER),
            "number" => Some(Self::NUMBER),
            "string" => Some(Self::STRING),
            "array" => Some(Self::ARRAY),
            "object" => Some(Self::OBJECT),
            _ => None,
        }
    }

    /// The type of a value. `None` for a number of which nothing is known.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
            Value::Number(number) if Exact::of(number)?.is_integer() => Self::INTEGER,
            Value::Number(_) => Self::FRACTION,
        })
    }

    /// The names that a schema has for these types.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for one in self.each() {
            let name = match one {
                Self::NULL => "null",
                Self::BOOLEAN => "boolean",
                Self::STRING => "string",
                Self::ARRAY => "array",
                Self::OBJECT => "object",
                Self::INTEGER if self.has(Self::FRACTION) => "number",
                Self::INTEGER => "integer",
                _ => "number",
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// Whether two JSON values are the same: numbers by their value, members in any order. `None` where a
/// number has more digits than can be compared.
pub(crate) fn is_same(one: &Value, other: &Value) -> Option<bool> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            if one == other {
                return Some(true);
            }
            let order = Exact::of(one)?.compare(Exact::of(other)?)?;
            Some(order.is_eq())
        }
        (Value::Array(one), Value::Array(other)) => {
            if one.len() != other.len() {
                return Some(false);
            }
            all(one.iter().zip(other).map(|(one, other)| is_same(one, other)))
        }
        (Value::Object(one), Value::Object(other)) => {
            if one.len() != other.len() {
                return Some(false);
            }
            all(one.iter().map(|(name, value)| match other.get(name) {
                Some(other) => is_same(value, other),
                None => Some(false),
            }))
        }
        (one, other) => Some(one == other),
    }
}

/// Whether all are true. One that is false decides; otherwise one that is unknown leaves it unknown.
pub(crate) fn all(answers: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut result = Some(true);
    for answer in answers {
        match answer {
            Some(true) => {}
            Some(false) => return Some(false),
            None => result = None,
        }
    }
    result
}

/// Whether any is true. One that is true decides; otherwise one that is unknown leaves it unknown.
pub(crate) fn any(answers: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    all(answers.into_iter().map(|answer| answer.map(|answer| !answer))).map(|none| !none)
}
