//! A difference between two versions, as people read it.

mod alternative;
mod sentence;

use std::fmt;

use serde_json::Value;

use crate::Direction;
use crate::prove::{Failure, Problem};
use crate::schema::{Arena, NodeId, escaped};

/// A place in the schemas of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaPlace {
    /// The document's file name; `None` for the root document.
    pub file: Option<String>,
    /// The JSON Pointer in it, of a keyword or of a schema.
    pub pointer: String,
}

impl fmt::Display for SchemaPlace {
    /// As the fragment of a reference: `#/properties/a`, or `other.json#/properties/a`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}#{}", self.file.as_deref().unwrap_or_default(), self.pointer)
    }
}

/// One reason why a reader may not be able to read what a writer writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Who reads whose documents.
    pub direction: Direction,
    /// The JSON Pointer of the place in documents, with `*` for any member or item.
    pub at: String,
    /// The place in the schemas of the version that writes; `None` where it says nothing of the place.
    pub writer: Option<SchemaPlace>,
    /// The place in the schemas of the version that reads.
    pub reader: SchemaPlace,
    /// Who breaks and why, in one sentence.
    pub why: String,
    /// A document that the writer's schema takes and the reader's refuses, as the validator judged both.
    /// `None`: none was found, so that the difference may never matter.
    pub example: Option<Value>,
    /// What to do instead, where there is something.
    pub alternative: Option<String>,
}

impl Difference {
    pub(crate) fn of(
        failure: &Failure,
        arena: &Arena,
        direction: Direction,
        example: Option<Value>,
    ) -> Self {
        let at = failure.place.pointer();
        Self {
            direction,
            writer: failure.writer.map(|schema| place_of(arena, schema, None)),
            reader: place_of(arena, failure.reader, keyword_of(arena, failure)),
            why: sentence::why(failure, &at, direction, example.is_some()),
            alternative: alternative::alternative(failure, &at, direction),
            at,
            example,
        }
    }
}

fn place_of(arena: &Arena, schema: NodeId, keyword: Option<&str>) -> SchemaPlace {
    let node = arena.node(schema);
    let keyword = keyword.map(|keyword| format!("/{}", escaped(keyword))).unwrap_or_default();
    let file = Some(node.document.clone()).filter(|name| !name.is_empty());
    SchemaPlace { file, pointer: format!("{}{keyword}", node.pointer) }
}

fn keyword_of<'f>(arena: &Arena, failure: &'f Failure) -> Option<&'f str> {
    let rules = arena.rules(failure.reader);
    match &failure.problem {
        Problem::Values { .. } if rules.constant.is_some() => Some("const"),
        Problem::Values { .. } if rules.one_of_values.is_some() => Some("enum"),
        problem => problem.keyword(),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.why)
    }
}
