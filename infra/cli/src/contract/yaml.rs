//! Reads YAML with the place of each value, so that a part of the text can be changed and the rest
//! stays.

use granit_parser::{Event, Parser, Span, StructureStyle};

/// A value and its place in the text.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The first line is 1.
    pub(super) line: usize,
    /// The index of the first byte, which is that of its tag if it has one.
    pub(super) start: usize,
    /// The index after the last byte. A collection without brackets ends with its last value.
    pub(super) end: usize,
    /// The tag with its `!`.
    pub(super) tag: Option<String>,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Scalar(String),
    Sequence { is_flow: bool, items: Vec<Node> },
    Mapping(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    /// The index of the first byte of the key.
    pub(super) start: usize,
    pub(super) value: Node,
}

/// The text is not YAML, or uses something that this reader does not support.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {what}")]
pub(super) struct Unreadable {
    line: usize,
    what: String,
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            Value::Sequence { .. } | Value::Mapping(_) => None,
        }
    }

    /// The items of a sequence. Any other value is treated as a sequence with one item.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::Sequence { items, .. } => items,
            Value::Scalar(_) | Value::Mapping(_) => std::slice::from_ref(self),
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            Value::Scalar(_) | Value::Sequence { .. } => &[],
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value at the end of these keys.
    pub(super) fn at(&self, keys: &[&str]) -> Option<&Self> {
        let mut node = self;
        for key in keys {
            node = &node.entry(key)?.value;
        }
        Some(node)
    }

    /// The argument of `!GetAtt ARGUMENT` or `!Ref ARGUMENT`.
    pub(super) fn tagged(&self, tag: &str) -> Option<&str> {
        if self.tag.as_deref() == Some(tag) { self.text() } else { None }
    }
}

/// Reads a document without aliases.
pub(super) fn parse(text: &str) -> Result<Node, Unreadable> {
    let mut tree = Tree { text, open: Vec::new(), root: None };
    for next in Parser::new_from_str(text) {
        match next {
            Ok((event, span)) => tree.event(event, &span)?,
            Err(error) => {
                let line = error.marker().line();
                return Err(Unreadable { line, what: error.kind().to_string() });
            }
        }
    }
    tree.root.ok_or_else(|| Unreadable { line: 1, what: "nothing is there".to_owned() })
}

struct Tree<'a> {
    text: &'a str,
    /// The collections that are still open, outermost first.
    open: Vec<Open>,
    root: Option<Node>,
}

struct Open {
    node: Node,
    is_flow: bool,
    /// In a mapping, the key whose value is read next.
    key: Option<Node>,
}

impl Tree<'_> {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Unreadable> {
        match event {
            Event::Scalar(text, _, _, tag) => {
                let tag = tag.map(|tag| tag.original());
                let node = self.node(Value::Scalar(text.into_owned()), tag, span);
                self.add(node);
            }
            Event::SequenceStart(style, _, tag) => {
                let is_flow = style == StructureStyle::Flow;
                let value = Value::Sequence { is_flow, items: Vec::new() };
                let node = self.node(value, tag.map(|tag| tag.original()), span);
                self.open.push(Open { node, is_flow, key: None });
            }
            Event::MappingStart(style, _, tag) => {
                let value = Value::Mapping(Vec::new());
                let node = self.node(value, tag.map(|tag| tag.original()), span);
                self.open.push(Open { node, is_flow: style == StructureStyle::Flow, key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(mut ended) = self.open.pop() {
                    if ended.is_flow {
                        ended.node.end = self.offset(span.end);
                    }
                    self.add(ended.node);
                }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let what = "aliases are not understood".to_owned();
                return Err(Unreadable { line: span.start.line(), what });
            }
            _ => {}
        }
        Ok(())
    }

    fn node(&self, value: Value, tag: Option<String>, span: &Span) -> Node {
        let start = span.tag_start.unwrap_or(span.start);
        let (line, end) = (start.line(), self.offset(span.end));
        Node { line, start: self.offset(start), end, tag, value }
    }

    fn offset(&self, marker: granit_parser::Marker) -> usize {
        marker.byte_offset().unwrap_or_else(|| {
            let at = self.text.char_indices().nth(marker.index());
            at.map_or(self.text.len(), |(at, _)| at)
        })
    }

    fn add(&mut self, node: Node) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        open.node.end = open.node.end.max(node.end);
        match &mut open.node.value {
            Value::Sequence { items, .. } => items.push(node),
            Value::Mapping(entries) => match open.key.take() {
                Some(key) => entries.push(Entry {
                    key: key.text().unwrap_or_default().to_owned(),
                    line: key.line,
                    start: key.start,
                    value: node,
                }),
                None => open.key = Some(node),
            },
            Value::Scalar(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_where_the_text_has_it() {
        let text = "# é\na:\n  b: [1, !Ref é]  # c\n  d: !Sub '{\"x\":1}'\n\ne:\n  - f\n  - g: h\n";
        let root = parse(text).unwrap();
        let cases: [(&[&str], usize, &str); 4] = [
            (&["a", "b"], 3, "[1, !Ref é]"),
            (&["a", "d"], 4, "!Sub '{\"x\":1}'"),
            (&["a"], 3, "b: [1, !Ref é]  # c\n  d: !Sub '{\"x\":1}'"),
            (&["e"], 7, "- f\n  - g: h"),
        ];
        for (keys, line, expected) in cases {
            let node = root.at(keys).unwrap();
            assert_eq!((node.line, &text[node.start..node.end]), (line, expected));
        }
        assert_eq!(root.at(&["a", "b"]).unwrap().items()[1].tagged("!Ref"), Some("é"));
        assert!(parse("a: *b").is_err() && parse("a: [").is_err() && parse("").is_err());
    }
}
