//! Compares two versions in one direction.

use std::cell::Cell;
use std::fmt;

use jsonschema::Validator;
use serde_json::Value;

use crate::difference::{Difference, SchemaPlace};
use crate::document::{Resolved, resolve, validator};
use crate::engine::{Opinion, opinion};
use crate::example::Search;
use crate::limits::{self, Limits};
use crate::pattern::Patterns;
use crate::prove::{Failure, Prover};
use crate::schema::{Arena, NodeId};
use crate::{Direction, SchemaDocument};

/// Whether readers can read what writers may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is proved that every document which the writer's schema takes is valid by the reader's.
    Compatible,
    /// Neither is known. This counts as incompatible.
    Undecided,
    /// There are documents that the writer's schema takes and the reader's does not.
    Incompatible,
}

impl Verdict {
    /// Only what is proved is compatible.
    #[must_use]
    pub fn is_compatible(self) -> bool {
        self == Self::Compatible
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Compatible => "compatible",
            Self::Undecided => "undecided, which counts as incompatible",
            Self::Incompatible => "incompatible",
        })
    }
}

/// What came of comparing two versions in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Who reads whose documents.
    pub direction: Direction,
    /// Whether the readers can.
    pub verdict: Verdict,
    /// Why not, or what could not be proved. Empty if the versions are compatible.
    pub differences: Vec<Difference>,
    /// Why the comparison is undecided, if it is, in one sentence.
    pub undecided: Option<String>,
}

impl Comparison {
    fn undecided(direction: Direction, why: String) -> Self {
        let undecided = Some(why);
        Self { direction, verdict: Verdict::Undecided, differences: Vec::new(), undecided }
    }

    fn compatible(direction: Direction) -> Self {
        let verdict = Verdict::Compatible;
        Self { direction, verdict, differences: Vec::new(), undecided: None }
    }
}

/// Whether a reader of one version can read everything that a writer of the other may write.
#[must_use]
pub fn compare(
    old: &SchemaDocument,
    new: &SchemaDocument,
    direction: Direction,
    limits: &Limits,
) -> Comparison {
    let (writer, reader) = match direction {
        Direction::NewReadsOld => (old, new),
        Direction::OldReadsNew => (new, old),
    };
    let names = match direction {
        Direction::NewReadsOld => ["old", "new"],
        Direction::OldReadsNew => ["new", "old"],
    };
    for (document, name) in [writer, reader].into_iter().zip(names) {
        if let Some(problem) = limits::exceeded(document, limits) {
            let why = format!("The {name} version is too large to be compared: {problem}.");
            return Comparison::undecided(direction, why);
        }
    }
    let resolved = [writer, reader].map(resolve);
    let resolved = match resolved {
        [Ok(writer), Ok(reader)] => [writer, reader],
        [Err(problem), _] => return unreadable(direction, names[0], &problem),
        [_, Err(problem)] => return unreadable(direction, names[1], &problem),
    };
    let mut arena = Arena::default();
    let mut roots = Vec::new();
    let mut validators = Vec::new();
    for ((document, resolved), name) in [writer, reader].into_iter().zip(&resolved).zip(names) {
        match read(&mut arena, document, resolved) {
            Ok((root, validator)) => {
                roots.push(root);
                validators.push(validator);
            }
            Err(problem) => return unreadable(direction, name, &problem),
        }
    }
    let ([writer_root, reader_root], [writer_validator, reader_validator]) =
        (roots.as_slice(), validators.as_slice())
    else {
        return Comparison::undecided(direction, "The versions could not be read.".to_owned());
    };
    if writer == reader {
        return Comparison::compatible(direction);
    }
    let size = limits::size(writer).max(limits::size(reader));
    let cases = arena.cases(*writer_root).max(arena.cases(*reader_root));
    Pair {
        arena: &arena,
        writer: *writer_root,
        reader: *reader_root,
        writer_validator,
        reader_validator,
        direction,
        limits,
        is_small: size <= limits.engine_values && cases <= limits.engine_cases,
    }
    .compare()
}

fn unreadable(direction: Direction, name: &str, problem: &str) -> Comparison {
    Comparison::undecided(direction, format!("The {name} version cannot be compared: {problem}."))
}

fn read<'a>(
    arena: &mut Arena,
    document: &'a SchemaDocument,
    resolved: &'a Resolved<'a>,
) -> Result<(NodeId, Validator), String> {
    let root = arena.read(document, resolved)?;
    if arena.has_circle() {
        return Err("its references lead in a circle without a step into the document".to_owned());
    }
    Ok((root, validator(resolved, document)?))
}

/// Two versions that were read.
struct Pair<'a> {
    arena: &'a Arena,
    writer: NodeId,
    reader: NodeId,
    writer_validator: &'a Validator,
    reader_validator: &'a Validator,
    direction: Direction,
    limits: &'a Limits,
    /// Whether the second engine is asked.
    is_small: bool,
}

impl Pair<'_> {
    fn compare(&self) -> Comparison {
        let (patterns, steps) = (Patterns::default(), Cell::new(self.limits.steps));
        let mut prover = Prover::new(self.arena, &patterns, &steps, self.limits.differences);
        let is_proved = prover.prove(self.writer, self.reader);
        let ran_out = prover.ran_out_of_steps();
        let failures = std::mem::take(&mut prover.failures);
        let (writer, reader) = (self.writer_validator, self.reader_validator);
        let mut search = Search::new(&mut prover, self.writer, writer, reader);
        let mut differences: Vec<Difference> = Vec::new();
        for failure in &failures {
            let example = search.example_of(failure);
            differences.push(self.difference(failure, example));
        }
        let has_example = differences.iter().any(|difference| difference.example.is_some());
        if !has_example && let Some(example) = search.any_example() {
            differences.push(self.unexplained(example));
        }
        if differences.iter().any(|difference| difference.example.is_some()) {
            return self.incompatible(differences);
        }
        let opinion = if self.is_small {
            opinion(self.arena, self.writer, self.reader)
        } else {
            Opinion::Unknown
        };
        match (is_proved, opinion) {
            (true, Opinion::Covered | Opinion::Unknown) | (false, Opinion::Covered) => {
                Comparison::compatible(self.direction)
            }
            (false, Opinion::NotCovered) => self.incompatible(differences),
            (true, Opinion::NotCovered) => Comparison::undecided(
                self.direction,
                "The proof that the versions are compatible is contradicted by the library's own \
                 comparison, and no example shows which of them is right."
                    .to_owned(),
            ),
            (false, Opinion::Unknown) => {
                let why = if ran_out {
                    format!("The proof takes more than {} steps.", self.limits.steps)
                } else {
                    "It could not be proved that the versions are compatible, and no example shows \
                     that they are not."
                        .to_owned()
                };
                Comparison { differences, ..Comparison::undecided(self.direction, why) }
            }
        }
    }

    fn incompatible(&self, differences: Vec<Difference>) -> Comparison {
        let direction = self.direction;
        Comparison { direction, verdict: Verdict::Incompatible, differences, undecided: None }
    }

    fn difference(&self, failure: &Failure, example: Option<Value>) -> Difference {
        Difference::of(failure, self.arena, self.direction, example)
    }

    /// An example that no failure was found for.
    fn unexplained(&self, example: Value) -> Difference {
        let who = match self.direction {
            Direction::NewReadsOld => "A reader of the new version fails on some old events",
            Direction::OldReadsNew => "A reader of the old version fails on some new events",
        };
        let error = self.reader_validator.iter_errors(&example).next();
        let (at, pointer) = error.map_or_else(Default::default, |error| {
            (error.instance_path().to_string(), error.schema_path().to_string())
        });
        Difference {
            direction: self.direction,
            at,
            writer: None,
            reader: SchemaPlace { file: None, pointer },
            why: format!(
                "{who}: the writer's schema takes the example, and the reader's does not."
            ),
            example: Some(example),
            alternative: None,
        }
    }
}
