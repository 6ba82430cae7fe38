//! Texts of a length, of a format, and such as match a pattern.

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::Value;

use super::Search;
use super::sample::Hints;
use crate::prove::claim::Facts;

/// How long a text may be that is made.
const MOST_CHARACTERS: u64 = 2_000;

/// A text of each format, that other formats refuse where possible.
const OF_FORMATS: &[(&str, &[&str])] = &[
    ("date-time", &["2026-01-31T12:00:00Z"]),
    ("date", &["2026-01-31"]),
    ("time", &["12:00:00Z"]),
    ("duration", &["P1D"]),
    ("email", &["someone@example.org"]),
    ("idn-email", &["someone@example.org"]),
    ("hostname", &["example.org"]),
    ("idn-hostname", &["example.org"]),
    ("ipv4", &["192.0.2.1"]),
    ("ipv6", &["2001:db8::1"]),
    ("uri", &["https://example.org/"]),
    ("uri-reference", &["a/b", "https://example.org/"]),
    ("iri", &["https://example.org/é"]),
    ("iri-reference", &["é"]),
    ("uri-template", &["https://example.org/{id}"]),
    ("uuid", &["01234567-89ab-4cde-8f01-23456789abcd"]),
    ("json-pointer", &["/a"]),
    ("relative-json-pointer", &["0"]),
    ("regex", &["a+"]),
];

impl Search<'_, '_> {
    pub(super) fn texts(&mut self, facts: &Facts, hints: &Hints) -> Vec<Value> {
        let (least, most) = self.prover.lengths(facts);
        let mut texts: Vec<String> = Vec::new();
        let lengths = [least, least.saturating_add(1), 3, most];
        for &length in lengths.iter().chain(&hints.counts) {
            if length >= least && length <= most && length <= MOST_CHARACTERS {
                let length = usize::try_from(length).unwrap_or_default();
                texts.extend(
                    ["a", "A", "0", "\u{e9}", " "].map(|character| character.repeat(length)),
                );
            }
        }
        for &schema in &facts.known {
            let rules = &self.prover.arena().rules(schema).text;
            if let Some(pattern) = &rules.pattern {
                for length in lengths {
                    texts.extend(matching(pattern, length));
                }
            }
            if let Some(format) = &rules.format {
                let of_format = OF_FORMATS.iter().find(|(name, _)| name == format);
                let of_format = of_format.map_or(&[][..], |(_, texts)| *texts);
                texts.extend(of_format.iter().map(|&text| text.to_owned()));
            }
        }
        texts.into_iter().map(Value::String).collect()
    }
}

/// What is taken of several that are possible.
#[derive(Clone, Copy)]
enum Pick {
    /// What people read easily.
    Readable,
    First,
    Last,
}

/// Texts that match a pattern: as short as possible, and of about the length.
pub(super) fn matching(pattern: &str, length: u64) -> Vec<String> {
    let parsed = regex_syntax::ParserBuilder::new().nest_limit(50).build().parse(pattern);
    let Ok(parsed) = parsed else { return Vec::new() };
    let mut texts = Vec::new();
    for pick in [Pick::Readable, Pick::First, Pick::Last] {
        for more in [0, length.min(MOST_CHARACTERS)] {
            let mut text = String::new();
            if write(&parsed, more, pick, &mut text).is_some() && !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    texts
}

/// Appends a match, each repetition `more` times beyond its least.
fn write(hir: &Hir, more: u64, pick: Pick, text: &mut String) -> Option<()> {
    if text.len() as u64 > MOST_CHARACTERS * 4 {
        return None;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(()),
        HirKind::Literal(literal) => {
            text.push_str(std::str::from_utf8(&literal.0).ok()?);
            Some(())
        }
        HirKind::Class(class) => {
            text.push(character(class, pick)?);
            Some(())
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.map_or(u64::MAX, u64::from);
            let count = u64::from(repetition.min).saturating_add(more).min(most);
            (0..count.min(MOST_CHARACTERS)).try_for_each(|_| write(&repetition.sub, 0, pick, text))
        }
        HirKind::Capture(capture) => write(&capture.sub, more, pick, text),
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, more, pick, text)),
        HirKind::Alternation(parts) => {
            let part = if matches!(pick, Pick::Last) { parts.last() } else { parts.first() };
            write(part?, more, pick, text)
        }
    }
}

/// A character of the class.
fn character(class: &Class, pick: Pick) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => {
            class.ranges().iter().map(|range| (range.start(), range.end())).collect()
        }
        Class::Bytes(class) => {
            let ranges = class.ranges().iter();
            ranges.map(|range| (char::from(range.start()), char::from(range.end()))).collect()
        }
    };
    let (first, last) = (ranges.first()?.0, ranges.last()?.1);
    let readable = ['a', '0', 'A', ' '].into_iter();
    let mut readable =
        readable.filter(|one| ranges.iter().any(|(from, to)| from <= one && one <= to));
    Some(match pick {
        Pick::Readable => readable.next().unwrap_or(first),
        Pick::First => first,
        Pick::Last => last,
    })
}
