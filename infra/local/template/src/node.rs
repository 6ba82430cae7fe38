//! A template's tree: what YAML says, with the line that says it.
//!
//! The same type holds a template as written, with its short tags, and as resolved, without any.

/// What a node takes besides its text, in bytes, roughly.
pub(super) const NODE_BYTES: usize = 128;

/// A value and the line that it begins on; the first is 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    /// A short intrinsic's tag, without its `!`.
    pub(super) tag: Option<String>,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Numbers and booleans too: CloudFormation makes no difference between `5` and `'5'`.
    Scalar(String),
    Sequence(Vec<Node>),
    /// In the order of the file; a key occurs once.
    Mapping(Vec<Entry>),
    /// What could not be resolved; its problem is already reported.
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

    /// The intrinsic that this node is, by its long name without `Fn::` (`Ref`, `Sub`, `GetAtt`),
    /// and its argument: the node itself below a short tag, the only value below a long name.
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

    /// The resolved node as JSON, all scalars strings; `None` where something in it is broken, which
    /// is reported already.
    pub(super) fn to_json(&self) -> Option<serde_json::Value> {
        match &self.value {
            Value::Scalar(text) => Some(serde_json::Value::String(text.clone())),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => {
                let member = |entry: &Entry| Some((entry.key.clone(), entry.value.to_json()?));
                entries
                    .iter()
                    .map(member)
                    .collect::<Option<serde_json::Map<_, _>>>()
                    .map(Into::into)
            }
            Value::Broken => None,
        }
    }

    /// The line of what is reached by these keys and indexes, as far as they lead.
    pub(super) fn line_at(&self, steps: &[String]) -> usize {
        let Some((step, rest)) = steps.split_first() else { return self.line };
        let index = || step.parse::<usize>().ok();
        match (&self.value, self.entry(step)) {
            (Value::Sequence(items), _) => {
                let item = index().and_then(|index| items.get(index));
                item.map_or(self.line, |item| item.line_at(rest))
            }
            (_, Some(entry)) if rest.is_empty() => entry.line,
            (_, Some(entry)) => entry.value.line_at(rest),
            (_, None) => self.line,
        }
    }

    /// What a copy of this node costs, in bytes, roughly.
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
    /// For messages: what a value is, never what it holds.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Scalar(_) => "a scalar",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
            Self::Broken => "unresolved",
        }
    }
}
