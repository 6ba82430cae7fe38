//! Reads JSON by RFC 8259, and keeps the digits of each number.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::decimal::Decimal;

/// The deepest nesting that is read. No event that the pipeline accepts is as deep.
const MAX_DEPTH: usize = 200;

/// A JSON value whose numbers keep their digits.
///
/// Values are equal if they mean the same: `1.0` equals `1`.
#[derive(Clone, Debug)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it is written.
    Number(String),
    /// A string, without its escapes.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object. A text with two members of one name is not read, because its meaning is open
    /// (RFC 8259, section 4).
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads a document, after a byte order mark if there is one (RFC 8259, section 8.1). `None`
    /// if it is not JSON.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.skip_space();
        (reader.at == text.len()).then_some(value)
    }

    /// A string.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The value at a JSON Pointer (RFC 6901).
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

    /// A member of an object. `None` for any other value.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// The text of a string. `None` for any other value.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a number. `None` for any other value, and for an exponent out of range.
    #[must_use]
    pub(crate) fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Self::Number(digits) => Decimal::parse(digits),
            _ => None,
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A text that is the same for equal values: numbers by their value, members in one order.
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

/// Compares values: numbers by what they mean, objects whatever the order of their members.
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

/// One line, with the numbers as they were written.
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

/// Where the JSON value that begins at a byte of a text ends. `None` if there is none.
pub(crate) fn value_at(text: &str, at: usize) -> Option<usize> {
    let mut reader = Reader { text, at };
    reader.value(0)?;
    Some(reader.at)
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

    /// RFC 8259, section 6: no plus, no zero before another digit, and a digit on both sides of
    /// the point.
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

    /// The character of one or two UTF-16 code units. Half of a pair is refused.
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
mod tests;
