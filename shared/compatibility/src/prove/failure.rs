//! What a proof could not show, and where.

use serde_json::{Number, Value};

use super::Prover;
use super::claim::{Claim, Literal};
use crate::schema::{NodeId, escaped};
use crate::types::Types;

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To the member of that name.
    Member(String),
    /// To a member of any name that fits the pattern, or of any name at all.
    AnyMember {
        /// The pattern of the names, if they have one.
        pattern: Option<String>,
    },
    /// To the name of a member.
    Name,
    /// To the item of that index.
    Item(usize),
    /// To any item from that index on.
    AnyItem(usize),
}

/// Where values are in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) steps: Vec<Step>,
}

impl Place {
    pub(crate) fn root() -> Self {
        Self { steps: Vec::new() }
    }

    pub(crate) fn below(&self, step: Step) -> Self {
        let mut steps = self.steps.clone();
        steps.push(step);
        Self { steps }
    }

    /// Whether a JSON Pointer leads to this place.
    pub(crate) fn is_at(&self, pointer: &str) -> bool {
        // A name is told of at its object.
        let is_name = self.steps.last() == Some(&Step::Name);
        let own = &self.steps[..self.steps.len() - usize::from(is_name)];
        let tokens: Vec<&str> = pointer.split('/').skip(1).collect();
        let fits = |(step, token): (&Step, &&str)| match step {
            Step::Member(name) => escaped(name) == **token,
            Step::Item(index) => index.to_string() == **token,
            Step::AnyMember { .. } | Step::AnyItem(_) | Step::Name => true,
        };
        own.len() == tokens.len() && own.iter().zip(&tokens).all(fits)
    }

    /// As a JSON Pointer, with `*` for any member or item.
    pub(crate) fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.steps {
            match step {
                Step::Member(name) => pointer.push_str(&format!("/{}", escaped(name))),
                Step::Item(index) => pointer.push_str(&format!("/{index}")),
                Step::AnyMember { .. } | Step::AnyItem(_) | Step::Name => pointer.push_str("/*"),
            }
        }
        pointer
    }
}

/// A demand of the reader's schema that what is known of the written values does not imply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) place: Place,
    /// The writer's schema for the place, if it has one.
    pub(crate) writer: Option<NodeId>,
    pub(crate) reader: NodeId,
    pub(crate) claim: Claim,
    pub(crate) problem: Problem,
}

/// What is not shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Problem {
    Types {
        written: Types,
        read: Types,
    },
    /// Values that are none of the listed ones. Those that are known; perhaps there are others.
    Values {
        written: Vec<Value>,
    },
    /// The keyword is a bound or `multipleOf`.
    Number {
        keyword: &'static str,
        read: Number,
    },
    /// The keyword is a least or most count or length.
    Count {
        keyword: &'static str,
        read: u64,
        written: Option<u64>,
    },
    Pattern {
        read: String,
    },
    Format {
        read: String,
    },
    Required {
        name: String,
    },
    /// Members that the reader does not take, of that name or of any other.
    Closed {
        name: Option<String>,
    },
    /// A member of a name that the reader does not take.
    Name {
        name: String,
    },
    /// Items that the reader does not take, from that index on.
    ClosedItems {
        from: usize,
    },
    Dependent {
        name: String,
        needs: String,
    },
    Unique,
    Contains {
        least: u64,
    },
    /// The reader's schema is `false`.
    Nothing,
    AnyOf,
    OneOf,
    Not,
    Opaque {
        keyword: String,
    },
    /// The schemas may refer to each other in a circle, or the proof took too many steps.
    TooComplex,
}

impl Problem {
    /// The keyword of the reader's schema.
    pub(crate) fn keyword(&self) -> Option<&str> {
        Some(match self {
            Self::Types { .. } => "type",
            Self::Number { keyword, .. } | Self::Count { keyword, .. } => keyword,
            Self::Pattern { .. } => "pattern",
            Self::Format { .. } => "format",
            Self::Required { .. } => "required",
            Self::Unique => "uniqueItems",
            Self::Contains { .. } => "contains",
            Self::AnyOf => "anyOf",
            Self::OneOf => "oneOf",
            Self::Not => "not",
            Self::Opaque { keyword } => keyword,
            Self::Values { .. }
            | Self::Closed { .. }
            | Self::Name { .. }
            | Self::ClosedItems { .. }
            | Self::Dependent { .. }
            | Self::Nothing
            | Self::TooComplex => return None,
        })
    }
}

impl Prover<'_> {
    /// The writer's schema that a claim is about: the first one that it names.
    pub(super) fn written_at(&self, claim: &Claim) -> Option<NodeId> {
        claim.literals.iter().find_map(|literal| match literal {
            Literal::Is(schema) => Some(*schema),
            _ => None,
        })
    }
}
