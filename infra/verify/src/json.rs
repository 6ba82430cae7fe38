//! JSON as RFC 8259 has it, each number as its digits.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::decimal::Decimal;

/// Deeper than any event that is accepted.
const MAX_DEPTH: usize = 200;

/// A JSON value.
#[derive(Clone, Debug)]
pub enum Json {
    Null,
    Bool(bool),
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<Json>),
    /// Two members of one name make no object here: what it says is left open (RFC 8259, section 4).
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads a document; `None` if it is not JSON. A byte order mark before it is skipped (RFC 8259,
    /// section 8.1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.skip_space();
        (reader.at == text.len()).then_some(value)
    }

    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// What a JSON Pointer (RFC 6901) finds.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        let mut found = self;
        for part in pointer.split('/').skip(1) {
            let name = part.replace("~1", "/").replace("~0", "~");
            found = match found {
                Self::Object(members) => members.get(&name)?,
                Self::List(items) => items.get(name.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(found)
    }

    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Number(digits) => Decimal::parse(digits),
            _ => None,
        }
    }

    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// One text for all values that are equal: numbers by their value, members in any order.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, Digits::ByValue);
        text
    }

    fn write(&self, to: &mut String, digits: Digits) {
        match self {
            Self::Null => to.push_str("null"),
            Self::Bool(value) => to.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) => match (digits, Decimal::parse(text)) {
                (Digits::ByValue, Some(number)) => to.push_str(&number.to_string()),
                _ => to.push_str(text),
            },
            Self::Text(text) => write_text(text, to),
            Self::List(items) => {
                to.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        to.push(',');
                    }
                    item.write(to, digits);
                }
                to.push(']');
            }
            Self::Object(members) => {
                to.push('{');
                for (index, (name, member)) in members.iter().enumerate() {
                    if index > 0 {
                        to.push(',');
                    }
                    write_text(name, to);
                    to.push(':');
                    member.write(to, digits);
                }
                to.push('}');
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Digits {
    AsWritten,
    ByValue,
}

/// Equal by value.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(two)) => {
                one == two || Decimal::parse(one) == Decimal::parse(two)
            }
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::List(one), Self::List(two)) => one == two,
            (Self::Object(one), Self::Object(two)) => one == two,
            _ => false,
        }
    }
}

/// On one line, its numbers as they are written.
impl std::fmt::Display for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        self.write(&mut text, Digits::AsWritten);
        f.write_str(&text)
    }
}

fn write_text(text: &str, to: &mut String) {
    to.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => to.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(to, "\\u{:04x}", u32::from(c));
            }
            c => to.push(c),
        }
    }
    to.push('"');
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, expected: &str) -> Option<()> {
        let is_there = self.text[self.at..].starts_with(expected);
        is_there.then(|| self.at += expected.len())
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        self.skip_space();
        match self.peek()? {
            b'n' => self.take("null").map(|()| Json::Null),
            b't' => self.take("true").map(|()| Json::Bool(true)),
            b'f' => self.take("false").map(|()| Json::Bool(false)),
            b'"' => self.string().map(Json::Text),
            b'[' if depth < MAX_DEPTH => self.list(depth),
            b'{' if depth < MAX_DEPTH => self.object(depth),
            _ => self.number(),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Json> {
        self.take("[")?;
        let mut items = Vec::new();
        self.skip_space();
        if self.take("]").is_some() {
            return Some(Json::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_space();
            if self.take("]").is_some() {
                return Some(Json::List(items));
            }
            self.take(",")?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        self.take("{")?;
        let mut members = BTreeMap::new();
        self.skip_space();
        if self.take("}").is_some() {
            return Some(Json::Object(members));
        }
        loop {
            self.skip_space();
            let name = self.string()?;
            self.skip_space();
            self.take(":")?;
            let value = self.value(depth + 1)?;
            if members.insert(name, value).is_some() {
                return None;
            }
            self.skip_space();
            if self.take("}").is_some() {
                return Some(Json::Object(members));
            }
            self.take(",")?;
        }
    }

    /// RFC 8259, section 6: no plus, no zero before another digit, a digit on both sides of the point.
    fn number(&mut self) -> Option<Json> {
        let start = self.at;
        let _ = self.take("-");
        match self.digits() {
            0 => return None,
            1 => {}
            _ if self.text[start..].trim_start_matches('-').starts_with('0') => return None,
            _ => {}
        }
        if self.take(".").is_some() && self.digits() == 0 {
            return None;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return None;
            }
        }
        Some(Json::Number(self.text[start..self.at].to_owned()))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Option<String> {
        self.take("\"")?;
        let mut text = String::new();
        loop {
            let c = self.text[self.at..].chars().next()?;
            self.at += c.len_utf8();
            match c {
                '"' => return Some(text),
                '\\' => text.push(self.escaped()?),
                c if c < ' ' => return None,
                c => text.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unit().and_then(|unit| self.character(unit)),
            _ => return None,
        })
    }

    /// A character of its UTF-16 code units; half of a pair is none.
    fn character(&mut self, first: u16) -> Option<char> {
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) {
            self.take("\\u")?;
            units.push(self.unit()?);
        }
        char::decode_utf16(units).next()?.ok()
    }

    fn unit(&mut self) -> Option<u16> {
        let digits = self.text.get(self.at..self.at + 4)?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.at += 4;
        is_hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn parse(text: &str) -> Json {
        Json::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn documents_are_read_and_written_with_their_digits() {
        for text in [
            "null",
            "[1,-0.50,1e400,12345678901234567890123]",
            r#"{"a":[{},[]],"b":"\"\\","c":true}"#,
        ] {
            assert_eq!(parse(text).to_string(), text);
        }
        assert_eq!(
            parse("\u{feff} [ 1 , \"\\u00e9\\ud83d\\ude00/\" ] ").to_string(),
            "[1,\"é😀/\"]"
        );
    }

    #[test]
    fn what_is_not_json_is_none() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{a:1}",
            "'a'",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "NaN",
            "nul",
            "\"\n\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\u+123\"",
            "1 2",
            "[1] x",
            "{\"a\":1,}",
            "{\"a\":1,\"a\":1}",
            "[{\"a\":1,\"\\u0061\":2}]",
        ] {
            assert!(Json::parse(text).is_none(), "{text}");
        }
        assert!(Json::parse(&"[".repeat(100_000)).is_none());
    }

    #[test]
    fn values_are_equal_by_value() {
        assert_eq!(parse(r#"{"a":1.0,"b":[2e1]}"#), parse(r#"{"b":[20],"a":1}"#));
        let (one, two) = (parse("[123456789012345678901]"), parse("[123456789012345678902]"));
        assert_ne!(one, two);
        assert_ne!(one.canonical(), two.canonical());
        assert_ne!(parse("\"1\""), parse("1"));
    }

    #[test]
    fn pointers_find_members_and_items() {
        let value = parse(r#"{"a":{"b/c":[10,20]},"~":1}"#);
        assert_eq!(value.at("/a/b~1c/1"), Some(&Json::Number("20".to_owned())));
        assert_eq!(value.at("/~0"), Some(&Json::Number("1".to_owned())));
        assert_eq!(value.at("/a/x"), None);
        assert_eq!(value.at(""), Some(&value));
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?".prop_map(Json::Number),
            any::<String>().prop_map(Json::Text),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::List),
                prop::collection::btree_map(any::<String>(), inner, 0..5).prop_map(Json::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in any_json()) {
            prop_assert_eq!(parse(&value.to_string()), value.clone());
            let other = parse(&value.to_string());
            prop_assert_eq!(other.canonical(), value.canonical());
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            let _ = Json::parse(&text);
        }
    }
}
