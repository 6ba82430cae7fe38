//! The tree of a template: the values of the YAML text, each with its line.
//!
//! The same type holds a template as it is written, with short tags such as `!Ref`, and as it is
//! resolved, without any.

/// The approximate size of a node without its text, in bytes.
pub(super) const NODE_BYTES: usize = 128;

/// A value and the line that it begins on; the first is 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    /// The tag of a short intrinsic such as `!Sub`, without the `!`.
    pub(super) tag: Option<String>,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Every scalar is text, numbers and booleans too: CloudFormation treats `5` and `'5'` alike.
    Scalar(String),
    /// A list.
    Sequence(Vec<Node>),
    /// In the order of the file; a key occurs once.
    Mapping(Vec<Entry>),
    /// A value that could not be resolved, and whose problem is already reported.
    Broken,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) value: Node,
}

impl Node {
    /// A node without a tag, at the place of this one.
    pub(super) fn with(&self, value: Value) -> Self {
        Self { line: self.line, tag: None, value }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            Value::Sequence(_) | Value::Mapping(_) | Value::Broken => None,
        }
    }

    /// A sequence's items; `None` for anything else.
    pub(super) fn items(&self) -> Option<&[Self]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            Value::Scalar(_) | Value::Mapping(_) | Value::Broken => None,
        }
    }

    /// A mapping's entries; `None` for anything else.
    pub(super) fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            Value::Scalar(_) | Value::Sequence(_) | Value::Broken => None,
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    pub(super) fn is_broken(&self) -> bool {
        self.value == Value::Broken
    }

    /// The name of the intrinsic function that this node calls, without `Fn::` (`Ref`, `Sub`,
    /// `GetAtt`), and its argument. With a short tag the argument is the node itself, otherwise
    /// the only value of the mapping.
    pub(super) fn intrinsic(&self) -> Option<(&str, &Self)> {
        if let Some(tag) = &self.tag {
            return Some((tag, self));
        }
        match self.entries()? {
            [only] if only.key == "Ref" => Some(("Ref", &only.value)),
            [only] => Some((only.key.strip_prefix("Fn::")?, &only.value)),
            _ => None,
        }
    }

    /// The resolved node as JSON, in which all scalars are strings. `None` if a part of it is
    /// broken, which is already reported.
    pub(super) fn to_json(&self) -> Option<serde_json::Value> {
        match &self.value {
            Value::Scalar(text) => Some(serde_json::Value::String(text.clone())),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => {
                let mut object = serde_json::Map::new();
                for entry in entries {
                    object.insert(entry.key.clone(), entry.value.to_json()?);
                }
                Some(object.into())
            }
            Value::Broken => None,
        }
    }

    /// Follows keys and indexes as far as the tree has them, and returns the line that they lead
    /// to.
    pub(super) fn line_at(&self, steps: &[String]) -> usize {
        let Some((step, rest)) = steps.split_first() else { return self.line };
        match (&self.value, self.entry(step)) {
            (Value::Sequence(items), _) => {
                let index = step.parse::<usize>().ok();
                let item = index.and_then(|index| items.get(index));
                item.map_or(self.line, |item| item.line_at(rest))
            }
            (_, Some(entry)) if rest.is_empty() => entry.line,
            (_, Some(entry)) => entry.value.line_at(rest),
            (_, None) => self.line,
        }
    }

    /// The approximate size of a copy of this node, in bytes.
    pub(super) fn weight(&self) -> usize {
        let content = match &self.value {
            Value::Scalar(text) => text.len(),
            Value::Sequence(items) => items.iter().map(Self::weight).sum(),
            Value::Mapping(entries) => entries.iter().map(Entry::weight).sum(),
            Value::Broken => 0,
        };
        content + NODE_BYTES
    }
}

impl Entry {
    pub(super) fn weight(&self) -> usize {
        self.key.len() + self.value.weight()
    }
}

impl Value {
    pub(super) fn scalar(text: &str) -> Self {
        Self::Scalar(text.to_owned())
    }

    /// The kind of the value, for messages. It never shows the content.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "a scalar",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
            Self::Broken => "unresolved",
        }
    }
}
