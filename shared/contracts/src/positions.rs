//! Finds the line and column of a field in a YAML or JSON text.
//!
//! Most mistakes are found after the file was read, when the values have no positions any more. The text is then read
//! again for the position.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

/// A place in the text of a file. Its text form is `line 3, column 7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first line is 1.
    pub line: u64,
    /// The first character of a line is 1.
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The position of a field's value in a YAML or JSON text. If the field is missing, it is the position of the innermost
/// value on the way to it that is there. `None` if the text cannot be read.
///
/// A segment of `path` is the name of a member, the index of an item from 0, or the `name` of an item.
pub(crate) fn position_of<'a>(
    text: &str,
    path: impl IntoIterator<Item = &'a str>,
) -> Option<Position> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let mut node: Node = serde_saphyr::from_str_with_options(text, options).ok()?;
    for segment in path {
        match node.take(segment) {
            Some(next) => node = next,
            None => break,
        }
    }
    let position = Position { line: node.0.referenced.line(), column: node.0.referenced.column() };
    (position.line > 0).then_some(position)
}

/// A value of a file, with its position.
#[derive(Deserialize)]
#[serde(transparent)]
struct Node(Spanned<Content>);

/// The text of a scalar is kept only if it is a text, because only names are compared.
enum Content {
    Members(Vec<(String, Node)>),
    Items(Vec<Node>),
    Scalar(String),
}

impl Node {
    /// Takes the value that a segment of a path leads to, out of this one.
    fn take(&mut self, segment: &str) -> Option<Self> {
        match &mut self.0.value {
            Content::Members(members) => {
                let place = members.iter().position(|(name, _)| name == segment)?;
                Some(members.swap_remove(place).1)
            }
            Content::Items(items) => {
                let named = items.iter().position(|item| item.name() == Some(segment));
                let place = named.or_else(|| segment.parse().ok())?;
                (place < items.len()).then(|| items.swap_remove(place))
            }
            Content::Scalar(_) => None,
        }
    }

    /// The text of its member `name`.
    fn name(&self) -> Option<&str> {
        let Content::Members(members) = &self.0.value else { return None };
        let (_, name) = members.iter().find(|(member, _)| member == "name")?;
        match &name.0.value {
            Content::Scalar(text) => Some(text),
            Content::Members(_) | Content::Items(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Content, E> {
        Ok(Content::Scalar(String::new()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Content, E> {
        Ok(Content::Scalar(String::new()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Content, E> {
        Ok(Content::Scalar(String::new()))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Content, E> {
        Ok(Content::Scalar(String::new()))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Content, E> {
        Ok(Content::Scalar(String::new()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Content, E> {
        Ok(Content::Scalar(String::new()))
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(String::new()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Scalar(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<Key>()? {
            members.push((name.0, map.next_value()?));
        }
        Ok(Content::Members(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Content::Items(items))
    }
}

/// The name of a member. It is empty if the name is not a text.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_string(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, text: &str) -> Result<Key, E> {
        Ok(Key(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Key, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Key(String::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "dataset: orders
sinks:
  - name: rows
    kind: table
  - {name: totals, sums: {a: /a,
      b: /b}}
keys: {idempotency: [/id, /at]}
";

    #[track_caller]
    fn check(text: &str, path: &str, expected: (u64, u64)) {
        let found = position_of(text, path.split('.')).unwrap();
        assert_eq!((found.line, found.column), expected, "{path}");
    }

    #[test]
    fn a_field_is_found_by_its_path() {
        check(YAML, "dataset", (1, 10));
        check(YAML, "sinks.rows.kind", (4, 11));
        check(YAML, "sinks.0.kind", (4, 11));
        check(YAML, "sinks.totals.sums.b", (6, 10));
        check(YAML, "keys.idempotency.1", (7, 27));
        check(YAML, "keys.idempotency", (7, 21));
    }

    #[test]
    fn a_missing_field_has_the_position_of_what_it_would_be_in() {
        check(YAML, "sinks.rows.window", (3, 5));
        check(YAML, "retention.idempotency_days", (1, 1));
    }

    #[test]
    fn a_json_text_has_positions_too() {
        check("{\n  \"type\": \"object\",\n  \"required\": 1\n}", "required", (3, 15));
        assert_eq!(position_of("{", ["a"]), None);
    }
}
