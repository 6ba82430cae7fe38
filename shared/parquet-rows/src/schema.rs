//! The columns of a file, as the values that its rows have.
//!
//! Lists and maps are groups in groups. How they are told from other groups:
//! <https://github.com/apache/parquet-format/blob/master/LogicalTypes.md#nested-types>.

use std::collections::HashSet;
use std::ops::Range;

use crate::element::{Annotation, Element, Physical, Repetition};
use crate::error::ParquetError;
use crate::leaf::LeafKind;
use crate::limits::{MAX_COLUMNS, MAX_DEPTH};

/// The schema of a file's rows.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) members: Vec<Member>,
    pub(crate) leaves: Vec<Leaf>,
}

/// A column that has values of its own.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) physical: Physical,
    pub(crate) kind: LeafKind,
    /// The definition level of a value that is there.
    pub(crate) max_def: u16,
    /// In how many lists it is.
    pub(crate) max_rep: u16,
    /// Its names, with dots between them.
    pub(crate) path: String,
    /// Its names, as a JSON Pointer.
    pub(crate) pointer: String,
}

/// A member of an object.
#[derive(Debug)]
pub(crate) struct Member {
    /// The name as JSON, with the colon behind it.
    pub(crate) key: String,
    pub(crate) node: Node,
}

/// A value of a row.
#[derive(Debug)]
pub(crate) struct Node {
    /// With a lower definition level, it is null.
    pub(crate) def: u16,
    /// The columns that it is made of; one at least.
    pub(crate) leaves: Range<usize>,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Leaf,
    Struct(Vec<Member>),
    /// With a lower definition level than `present`, it has no item. Each item but the first has the repetition level
    /// `rep`.
    List {
        present: u16,
        rep: u16,
        item: Box<Node>,
    },
    /// As a list of entries. `key` is a column.
    Map {
        present: u16,
        rep: u16,
        key: usize,
        value: Option<Box<Node>>,
    },
}

/// Where in the schema an element is.
#[derive(Clone, Debug, Default)]
struct Place {
    def: u16,
    rep: u16,
    depth: usize,
    names: Vec<String>,
}

impl Place {
    /// The place of an element that is in this one.
    fn inner(&self, name: &str) -> Self {
        let mut names = self.names.clone();
        names.push(name.to_owned());
        Self { depth: self.depth + 1, names, ..*self }
    }

    fn optional(self) -> Self {
        Self { def: self.def + 1, ..self }
    }

    fn repeated(self) -> Self {
        Self { def: self.def + 1, rep: self.rep + 1, ..self }
    }
}

impl Schema {
    /// # Errors
    /// When the elements are no tree, or have something that is not read.
    pub(crate) fn new(elements: &[Element]) -> Result<Self, ParquetError> {
        let mut builder = Builder { elements, at: 0, leaves: Vec::new() };
        let root = builder.take()?;
        let Some(children) = root.children.filter(|children| *children > 0) else {
            return Err(ParquetError::unsupported("it has no columns"));
        };
        let members = builder.members(children, &Place::default())?;
        if builder.at < elements.len() {
            return Err(ParquetError::malformed("its schema has elements that belong to no group"));
        }
        Ok(Self { members, leaves: builder.leaves })
    }
}

struct Builder<'a> {
    elements: &'a [Element],
    at: usize,
    leaves: Vec<Leaf>,
}

impl<'a> Builder<'a> {
    fn peek(&self) -> Result<&'a Element, ParquetError> {
        let next = self.elements.get(self.at);
        next.ok_or_else(|| ParquetError::malformed("its schema is cut short"))
    }

    fn take(&mut self) -> Result<&'a Element, ParquetError> {
        let element = self.peek()?;
        self.at += 1;
        Ok(element)
    }

    fn members(&mut self, count: usize, place: &Place) -> Result<Vec<Member>, ParquetError> {
        let (mut members, mut names) = (Vec::new(), HashSet::new());
        for _ in 0..count {
            let name = &self.peek()?.name;
            if !names.insert(name.as_str()) {
                return Err(ParquetError::unsupported(format!("two columns are called `{name}`")));
            }
            let mut key = Vec::new();
            crate::json::write_text(&mut key, name);
            key.push(b':');
            let key = String::from_utf8(key)
                .map_err(|_| ParquetError::malformed("a name that is not UTF-8"))?;
            members.push(Member { key, node: self.node(place)? });
        }
        Ok(members)
    }

    /// The next element and all that are in it. `place` is that of the group around it.
    fn node(&mut self, place: &Place) -> Result<Node, ParquetError> {
        let element = self.take()?;
        let place = place.inner(&element.name);
        let (outer, begin) = (place.def, self.leaves.len());
        match element.repetition {
            Repetition::Required => self.content(element, place),
            Repetition::Optional => self.content(element, place.optional()),
            Repetition::Repeated => {
                let place = place.repeated();
                let (present, rep) = (place.def, place.rep);
                let item = Box::new(self.content(element, place)?);
                let content = Content::List { present, rep, item };
                Ok(Node { def: outer, leaves: begin..self.leaves.len(), content })
            }
        }
    }

    /// The value of an element, whose own repetition is in `place` already.
    fn content(&mut self, element: &Element, place: Place) -> Result<Node, ParquetError> {
        if place.depth > MAX_DEPTH {
            let reason = format!("its schema is nested deeper than {MAX_DEPTH} groups");
            return Err(ParquetError::too_large(reason));
        }
        let (def, begin) = (place.def, self.leaves.len());
        let content = match (element.children, element.annotation) {
            (None, _) => self.leaf(element, &place)?,
            (Some(0), _) => return Err(ParquetError::unsupported("a group without columns")),
            (Some(_), Some(Annotation::Variant)) => {
                return Err(ParquetError::unsupported("a column of the type VARIANT"));
            }
            (Some(1), Some(Annotation::List)) => self.list(element, place)?,
            (Some(1), Some(Annotation::Map)) => self.map(&place)?,
            (Some(_), Some(Annotation::List | Annotation::Map)) => {
                return Err(ParquetError::malformed("a list or map of several fields"));
            }
            (Some(children), _) => Content::Struct(self.members(children, &place)?),
        };
        Ok(Node { def, leaves: begin..self.leaves.len(), content })
    }

    fn leaf(&mut self, element: &Element, place: &Place) -> Result<Content, ParquetError> {
        if self.leaves.len() == MAX_COLUMNS {
            return Err(ParquetError::too_large(format!("it has more than {MAX_COLUMNS} columns")));
        }
        let physical =
            element.physical.ok_or_else(|| ParquetError::malformed("a column without a type"))?;
        let path = place.names.join(".");
        let kind =
            LeafKind::of(physical, element.annotation).map_err(|error| error.of_column(&path))?;
        let mut pointer = String::new();
        for name in &place.names {
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        }
        let Place { def: max_def, rep: max_rep, .. } = *place;
        self.leaves.push(Leaf { physical, kind, max_def, max_rep, path, pointer });
        Ok(Content::Leaf)
    }

    /// The group in a list. Older writers leave one level out.
    fn list(&mut self, list: &Element, place: Place) -> Result<Content, ParquetError> {
        let inner = self.take()?;
        if inner.repetition != Repetition::Repeated {
            return Err(ParquetError::malformed("a list whose item is not repeated"));
        }
        let names = place.names.clone();
        let place = place.inner(&inner.name).repeated();
        let place = Place { names, ..place };
        let (present, rep) = (place.def, place.rep);
        let is_item = match inner.children {
            Some(1) => {
                inner.name == "array"
                    || inner.name == format!("{}_tuple", list.name)
                    || self.peek()?.repetition == Repetition::Repeated
            }
            _ => true,
        };
        let item = if is_item { self.content(inner, place)? } else { self.item(place)? };
        Ok(Content::List { present, rep, item: Box::new(item) })
    }

    /// The only field of the group in a list. Its name says nothing.
    fn item(&mut self, place: Place) -> Result<Node, ParquetError> {
        let element = self.take()?;
        let place = Place { depth: place.depth + 1, ..place };
        match element.repetition {
            Repetition::Optional => self.content(element, place.optional()),
            Repetition::Required | Repetition::Repeated => self.content(element, place),
        }
    }

    fn map(&mut self, place: &Place) -> Result<Content, ParquetError> {
        let entry = self.take()?;
        let Some(fields @ (1 | 2)) = entry.children else {
            return Err(ParquetError::malformed("a map whose entries have no key and value"));
        };
        if entry.repetition != Repetition::Repeated {
            return Err(ParquetError::malformed("a map whose entry is not repeated"));
        }
        let place = Place { names: place.names.clone(), ..place.inner(&entry.name).repeated() };
        let (present, rep) = (place.def, place.rep);
        let key = self.leaves.len();
        let node = self.node(&place)?;
        if !matches!(node.content, Content::Leaf) {
            return Err(ParquetError::unsupported("a map whose keys are groups"));
        }
        let value = if fields == 2 { Some(Box::new(self.node(&place)?)) } else { None };
        Ok(Content::Map { present, rep, key, value })
    }
}
