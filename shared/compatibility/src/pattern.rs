//! Regular expressions and formats, judged by the same library that validates documents.

use std::cell::RefCell;
use std::collections::HashMap;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use crate::document::{judge, pattern_options};

/// Compiled patterns and formats. `None`: the library does not take it.
#[derive(Default)]
pub(crate) struct Patterns {
    compiled: RefCell<HashMap<String, Option<Validator>>>,
}

impl Patterns {
    /// Whether a text matches. `None` where that is not found out within the limits.
    pub(crate) fn matches(&self, pattern: &str, text: &str) -> Option<bool> {
        self.check(format!("pattern {pattern}"), json!({ "pattern": pattern }), text)
    }

    pub(crate) fn has_format(&self, format: &str, text: &str) -> Option<bool> {
        self.check(format!("format {format}"), json!({ "format": format }), text)
    }

    fn check(&self, key: String, schema: Value, text: &str) -> Option<bool> {
        let mut compiled = self.compiled.borrow_mut();
        let validator = compiled.entry(key).or_insert_with(|| compile(&schema)).as_ref()?;
        judge(validator, &Value::String(text.to_owned()))
    }

    /// Whether every text matches: a pattern that matches the empty text, and looks at nothing but the
    /// characters that it takes, finds an empty match in any text.
    pub(crate) fn matches_everything(&self, pattern: &str) -> bool {
        let looks_around = ["^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z", "\\G", "(?", "\\1"];
        !looks_around.iter().any(|sign| pattern.contains(sign))
            && self.matches(pattern, "") == Some(true)
    }
}

/// Whether no text can match both patterns: both name the text's beginning, and the beginnings differ.
pub(crate) fn are_disjoint(one: &str, other: &str) -> bool {
    let (Some(one), Some(other)) = (beginning(one), beginning(other)) else { return false };
    !one.starts_with(&other) && !other.starts_with(&one)
}

/// The characters that a text must begin with to match.
fn beginning(pattern: &str) -> Option<String> {
    let rest = pattern.strip_prefix('^')?;
    if rest.contains('|') {
        return None;
    }
    let is_plain = |character: &char| {
        character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | ' ' | ':' | '/' | '@')
    };
    let mut plain: String = rest.chars().take_while(is_plain).collect();
    if rest[plain.len()..].starts_with(['*', '?', '{', '+']) {
        plain.pop();
    }
    Some(plain)
}

fn compile(schema: &Value) -> Option<Validator> {
    // The formats of the newest draft are those of the older ones and more; see `is_checked`.
    let options =
        jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
    options.with_pattern_options(pattern_options()).build(schema).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_may_be_empty_matches_everything() {
        let patterns = Patterns::default();
        assert!(patterns.matches_everything("[a-z]*"));
        assert!(patterns.matches_everything("a?|b"));
        for pattern in ["^[a-z]*$", "[a-z]+", "", "(?=a)", "\\b"] {
            assert_eq!(patterns.matches_everything(pattern), pattern.is_empty(), "{pattern}");
        }
    }

    #[test]
    fn patterns_with_other_beginnings_are_disjoint() {
        assert!(are_disjoint("^S_", "^I_.*$"));
        for (one, other) in [("^S", "^S_"), ("S_", "^I_"), ("^a?b", "^b"), ("^a|c", "^b")] {
            assert!(!are_disjoint(one, other), "{one} {other}");
            assert!(!are_disjoint(other, one), "{other} {one}");
        }
    }

    #[test]
    fn a_pattern_that_takes_forever_is_unknown() {
        let patterns = Patterns::default();
        let text = "a".repeat(60);
        assert_eq!(patterns.matches(r"^(?:(a+)\1?)+!$", &text), None);
    }
}
