//! Reads a mapping key by key, so that a key that nothing has read is an error.
//!
//! Whatever code reads is emulated, and needs no further list. What is harmless to ignore is listed
//! in a table beside that code. This module knows shapes and ranges, and not what a property means.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::node::{Entry, Node, Value};
use super::report::Report;

/// A property, and what a warning calls it: `("SSESpecification", "encryption")`.
pub(super) type Harmless = (&'static str, &'static str);

/// The limit for parameters, outputs, mappings, and the keys of one mapping.
const MAX_ENTRIES: usize = 200;

/// A mapping that remembers which of its keys were read. [`Fields::finish`] reports the others.
pub(super) struct Fields<'a> {
    report: &'a Report,
    path: String,
    line: usize,
    entries: &'a [Entry],
    taken: Vec<bool>,
}

impl<'a> Fields<'a> {
    /// Opens a mapping. Every message begins with `path` (`EnrichFunction.Properties`); at the
    /// top it is empty. A node that is no mapping is reported, and then read as an empty mapping.
    pub(super) fn open(report: &'a Report, node: &'a Node, path: impl Into<String>) -> Self {
        let path = path.into();
        let entries = match (&node.value, &node.tag) {
            (Value::Mapping(entries), None) => entries.as_slice(),
            (Value::Broken, _) => &[],
            (value, tag) => {
                let subject = if path.is_empty() { "the template" } else { &path };
                let found =
                    tag.as_ref().map_or(value.describe().to_owned(), |tag| format!("!{tag}"));
                report.problem(node.line, format!("{subject} must be a mapping, not {found}"));
                &[]
            }
        };
        Self { report, path, line: node.line, entries, taken: vec![false; entries.len()] }
    }

    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The keys, in their order.
    pub(super) fn keys(&self) -> Vec<&'a str> {
        self.entries.iter().map(|entry| entry.key.as_str()).collect()
    }

    /// The line of a key, or of the mapping if there is no such key.
    pub(super) fn line_of(&self, key: &str) -> usize {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.map_or(self.line, |entry| entry.line)
    }

    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn problem(&self, line: usize, key: &str, message: impl Display) {
        self.report.problem(line, format!("{} {message}", self.path(key)));
    }

    /// All entries of a mapping whose keys are names that the template chooses.
    pub(super) fn into_entries(self) -> &'a [Entry] {
        self.entries
    }

    /// All entries of a section of which CloudFormation allows 200
    /// (docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html).
    pub(super) fn into_few_entries(self) -> &'a [Entry] {
        if self.entries.len() > MAX_ENTRIES {
            let message = format!("{} has more than {MAX_ENTRIES} entries", self.path);
            self.report.problem(self.line, message);
            return &[];
        }
        self.entries
    }

    /// The entry of a key, whatever its value is.
    pub(super) fn entry(&mut self, key: &str) -> Option<&'a Entry> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        *self.taken.get_mut(at)? = true;
        self.entries.get(at)
    }

    /// The value of a key, whatever it is.
    pub(super) fn value(&mut self, key: &str) -> Option<&'a Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a key. A missing key is a problem.
    pub(super) fn required(&mut self, key: &str) -> Option<&'a Entry> {
        let entry = self.entry(key);
        if entry.is_none() {
            self.problem(self.line, key, "is required");
        }
        entry
    }

    pub(super) fn text(&mut self, key: &str) -> Option<&'a str> {
        let entry = self.entry(key)?;
        self.text_of(entry)
    }

    pub(super) fn required_text(&mut self, key: &str) -> Option<&'a str> {
        let entry = self.required(key)?;
        self.text_of(entry)
    }

    fn text_of(&self, entry: &'a Entry) -> Option<&'a str> {
        match (&entry.value.value, &entry.value.tag) {
            (Value::Scalar(text), None) => Some(text),
            (Value::Broken, _) => None,
            (_, Some(tag)) => {
                self.problem(entry.line, &entry.key, format!("cannot be a !{tag}"));
                None
            }
            (value, None) => {
                let found = value.describe();
                self.problem(entry.line, &entry.key, format!("must be a string, not {found}"));
                None
            }
        }
    }

    /// Every entry with its text, for a mapping whose keys are names that the template chooses.
    pub(super) fn into_texts(self) -> Vec<(&'a Entry, &'a str)> {
        let mut texts = Vec::new();
        for entry in self.entries {
            texts.extend(self.text_of(entry).map(|text| (entry, text)));
        }
        texts
    }

    /// A text that is one of `allowed`. Any other text is reported as not emulated.
    pub(super) fn one_of(&mut self, key: &str, allowed: &[&str]) -> Option<&'a str> {
        let entry = self.entry(key)?;
        let text = self.text_of(entry)?;
        if !allowed.contains(&text) {
            let allowed = allowed.join(", ");
            self.problem(entry.line, key, format!("{text} is not emulated (only {allowed})"));
            return None;
        }
        Some(text)
    }

    /// An integer within `range`.
    pub(super) fn integer(&mut self, key: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let entry = self.entry(key)?;
        let text = self.text_of(entry)?;
        let number = text.parse::<u32>().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = range.into_inner();
            let expected = format!("is {text}, and must be an integer from {least} to {most}");
            self.problem(entry.line, key, expected);
        }
        number
    }

    /// An integer within `range`. `-1` means that there is no limit, and gives `None`.
    pub(super) fn limit(&mut self, key: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let entry = self.entry(key)?;
        let text = self.text_of(entry)?;
        let number = text.parse::<u32>().ok().filter(|number| range.contains(number));
        if number.is_none() && text != "-1" {
            let (least, most) = range.into_inner();
            let expected =
                format!("is {text}, and must be -1 or an integer from {least} to {most}");
            self.problem(entry.line, key, expected);
        }
        number
    }

    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        let entry = self.entry(key)?;
        match self.text_of(entry)? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            text => {
                self.problem(entry.line, key, format!("is {text}, and must be true or false"));
                None
            }
        }
    }

    pub(super) fn fields(&mut self, key: &str) -> Option<Fields<'a>> {
        let entry = self.entry(key)?;
        Some(Fields::open(self.report, &entry.value, self.path(key)))
    }

    /// The items of a list, each with its path. Empty if there is no such key.
    pub(super) fn list(&mut self, key: &str) -> Vec<(&'a Node, String)> {
        let Some(entry) = self.entry(key) else { return Vec::new() };
        match (&entry.value.value, &entry.value.tag) {
            (Value::Sequence(items), None) => {
                let path = self.path(key);
                items.iter().enumerate().map(|(at, item)| (item, format!("{path}[{at}]"))).collect()
            }
            (Value::Broken, _) => Vec::new(),
            (value, _) => {
                let found = value.describe();
                self.problem(entry.line, key, format!("must be a list, not {found}"));
                Vec::new()
            }
        }
    }

    /// A list of mappings.
    pub(super) fn list_of_fields(&mut self, key: &str) -> Vec<Fields<'a>> {
        let items = self.list(key).into_iter();
        items.map(|(node, path)| Fields::open(self.report, node, path)).collect()
    }

    /// A list of strings, with their lines.
    pub(super) fn texts(&mut self, key: &str) -> Vec<(&'a str, usize)> {
        let mut texts = Vec::new();
        for (node, path) in self.list(key) {
            match node.text().filter(|_| node.tag.is_none()) {
                Some(text) => texts.push((text, node.line)),
                None if node.is_broken() => {}
                None => self.report.problem(node.line, format!("{path} must be a string")),
            }
        }
        texts
    }

    /// Marks keys as read, and reports each: AWS refuses them in this place.
    pub(super) fn refuse(&mut self, keys: &[&str], rule: &str) {
        for key in keys {
            if let Some(entry) = self.entry(key) {
                self.problem(entry.line, key, rule);
            }
        }
    }

    /// Marks keys as read that have no effect anywhere, such as `Description`.
    pub(super) fn ignore(&mut self, keys: &[&str]) {
        for key in keys {
            self.entry(key);
        }
    }

    /// Marks properties as read that AWS acts on and the emulation can leave out. Each is a
    /// warning.
    pub(super) fn harmless(&mut self, logical_id: &str, table: &[Harmless]) {
        for (key, what) in table {
            if self.entry(key).is_some() {
                self.report.harmless(format!("{what} ({key})"), logical_id);
            }
        }
    }

    /// Reports every key that was not read as not emulated.
    pub(super) fn finish(self) {
        for (entry, taken) in self.entries.iter().zip(&self.taken) {
            if !taken {
                self.problem(entry.line, &entry.key, "is not emulated");
            }
        }
    }
}
