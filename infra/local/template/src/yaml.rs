//! Parses YAML text into a tree of [`Node`]s, within the YAML that CloudFormation reads.
//!
//! CloudFormation refuses aliases, merge keys and several documents
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html>), and so
//! does this module. Therefore the tree cannot grow beyond the text. JSON is a subset of YAML and
//! needs no parser of its own. The tags of intrinsics are kept for `resolve`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::node::{Entry, Node, Value};
use super::report::Report;

/// The largest template that CloudFormation accepts, in bytes.
pub(super) const MAX_BYTES: usize = 1_048_576;
/// How deep collections may be nested.
const MAX_DEPTH: usize = 64;

/// Reads one document. `None` if the text is no tree, and then a problem is reported.
pub(super) fn parse(text: &str, report: &Report) -> Option<Node> {
    if text.len() > MAX_BYTES {
        report.problem(1, format!("the template is larger than {MAX_BYTES} bytes"));
        return None;
    }
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut tree = Tree { report, open: Vec::new(), root: None };
    for next in Parser::new_from_str_with_options(text, options) {
        match next {
            Ok((event, span)) => tree.event(event, &span)?,
            Err(error) => {
                let (line, column) = (error.marker().line(), error.marker().col() + 1);
                report.problem(line.max(1), format!("column {column}: {}", error.kind()));
                return None;
            }
        }
    }
    if tree.root.is_none() {
        report.problem(1, "the template is empty");
    }
    tree.root
}

/// The tree while it is built, with the collections that are still open, outermost first.
struct Tree<'a> {
    report: &'a Report,
    open: Vec<Open>,
    root: Option<Node>,
}

struct Open {
    node: Node,
    /// In a mapping, the key (and its line) whose value is read next.
    key: Option<(String, usize)>,
    seen: BTreeSet<String>,
}

impl Tree<'_> {
    /// Adds what an event of the parser means. `None` ends the reading.
    fn event(&mut self, event: Event<'_>, span: &Span) -> Option<()> {
        let line = span.start.line().max(1);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                self.report.problem(line, "a template is one document: this begins a second one");
                None
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.report.problem(line, "CloudFormation does not support aliases");
                None
            }
            Event::Scalar(text, style, _, tag) => self.scalar(text, style, tag.as_deref(), span),
            Event::SequenceStart(_, _, tag) => {
                self.begin(node(Value::Sequence(Vec::new()), tag.as_deref(), span))
            }
            Event::MappingStart(_, _, tag) => {
                self.begin(node(Value::Mapping(Vec::new()), tag.as_deref(), span))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let ended = self.open.pop()?;
                self.add(ended.node);
                Some(())
            }
            // Marks of the stream and of documents, and events about presentation.
            _ => Some(()),
        }
    }

    fn begin(&mut self, node: Node) -> Option<()> {
        let line = node.line;
        if self.open.len() >= MAX_DEPTH {
            self.report.problem(line, format!("nested deeper than {MAX_DEPTH} levels"));
            return None;
        }
        if self.awaits_key() {
            self.report.problem(line, "a key must be a string");
            return None;
        }
        self.open.push(Open { node, key: None, seen: BTreeSet::new() });
        Some(())
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Option<()> {
        let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
        let plain = style == ScalarStyle::Plain && !is_text;
        let value = Value::Scalar(text.into_owned());
        let mut node = node(value, tag.filter(|_| !is_text), span);
        if self.awaits_key() {
            return self.key(&node);
        }
        if plain && node.tag.is_none() && node.text().is_some_and(is_null) {
            let line = self.open.last().and_then(|open| open.key.as_ref().map(|(_, line)| *line));
            self.report.problem(line.unwrap_or(node.line), "null is not allowed in a template");
            node.value = Value::Broken;
        }
        self.add(node);
        Some(())
    }

    /// Whether the next node has to be a key.
    fn awaits_key(&self) -> bool {
        self.open
            .last()
            .is_some_and(|open| open.key.is_none() && matches!(open.node.value, Value::Mapping(_)))
    }

    fn key(&mut self, node: &Node) -> Option<()> {
        let open = self.open.last_mut()?;
        let key = node.text()?.to_owned();
        if node.tag.is_some() {
            self.report.problem(node.line, format!("the key {key} cannot have a tag"));
        }
        if !open.seen.insert(key.clone()) {
            self.report.problem(node.line, format!("{key} is declared twice"));
        }
        open.key = Some((key, node.line));
        Some(())
    }

    fn add(&mut self, node: Node) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match (&mut open.node.value, open.key.take()) {
            (Value::Sequence(items), _) => items.push(node),
            (Value::Mapping(entries), Some((key, line))) => {
                entries.push(Entry { key, line, value: node });
            }
            // A scalar is never open, and a mapping takes its key first.
            (Value::Mapping(_) | Value::Scalar(_) | Value::Broken, _) => {}
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn node(value: Value, tag: Option<&Tag>, span: &Span) -> Node {
    let start = span.tag_start().unwrap_or(span.start);
    let tag = tag.map(|tag| {
        let original = tag.original();
        original.strip_prefix('!').map_or(original.clone(), str::to_owned)
    });
    Node { line: start.line().max(1), tag, value }
}
