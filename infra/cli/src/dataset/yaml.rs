//! YAML with the place of each value in its text, so that the text can be changed and the rest of it stays.

use granit_parser::{Event, Parser, Span, StructureStyle};

/// A value, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The first line is 1.
    pub(super) line: usize,
    /// In bytes, with its tag. The end of a collection without brackets is that of its last value.
    pub(super) start: usize,
    pub(super) end: usize,
    /// With its `!`.
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
    pub(super) value: Node,
}

/// The text is no YAML, or says more than this reader understands.
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

    /// A sequence's items; a value that is none is the only one.
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

    /// What is reached by these keys.
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
    /// Collections that are still open, outermost first.
    open: Vec<Open>,
    root: Option<Node>,
}

struct Open {
    node: Node,
    is_flow: bool,
    /// In a mapping, the key whose value comes next, and its line.
    key: Option<(String, usize)>,
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
                Some((key, line)) => entries.push(Entry { key, line, value: node }),
                None => open.key = Some((node.text().unwrap_or_default().to_owned(), node.line)),
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
        let of = |keys: &[&str]| {
            let node = root.at(keys).unwrap();
            (node.line, &text[node.start..node.end])
        };
        assert_eq!(of(&["a", "b"]), (3, "[1, !Ref é]"));
        assert_eq!(of(&["a", "d"]), (4, "!Sub '{\"x\":1}'"));
        assert_eq!(of(&["a"]), (3, "b: [1, !Ref é]  # c\n  d: !Sub '{\"x\":1}'"));
        assert_eq!(of(&["e"]), (7, "- f\n  - g: h"));
        assert_eq!(root.at(&["a", "b"]).unwrap().items()[1].tagged("!Ref"), Some("é"));
        assert!(parse("a: *b").is_err() && parse("a: [").is_err() && parse("").is_err());
    }
}
