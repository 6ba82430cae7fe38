//! What is called compatible stays readable: generated schemas, judged by the validator alone.

use std::cell::Cell;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::Value;

use super::{documents, schemas};
use crate::document::{resolve, validator};
use crate::engine::{Opinion, opinion};
use crate::pattern::Patterns;
use crate::prove::Prover;
use crate::schema::Arena;
use crate::{Direction, Formats, Limits, Mode, SchemaDocument, Verdict, check, compare};

/// The library's own validator. `None`: the generated schema is none.
fn judge_of(version: &SchemaDocument) -> Option<Validator> {
    let asserts = version.formats == Formats::Asserted;
    jsonschema::options().should_validate_formats(asserts).build(&version.root).ok()
}

/// Documents that the writer's schema takes and the reader's does not.
fn broken(writer: &SchemaDocument, reader: &SchemaDocument) -> Option<Value> {
    let (writer, reader) = judge_of(writer).zip(judge_of(reader))?;
    let mut documents = documents::all().into_iter();
    documents.find(|document| writer.is_valid(document) && !reader.is_valid(document))
}

/// What the proof and the library's comparison say, each by itself.
fn opinions(writer: &SchemaDocument, reader: &SchemaDocument) -> Option<(bool, Opinion)> {
    let (resolved_writer, resolved_reader) = (resolve(writer).ok()?, resolve(reader).ok()?);
    let mut arena = Arena::default();
    let writer_root = arena.read(writer, &resolved_writer).ok()?;
    let reader_root = arena.read(reader, &resolved_reader).ok()?;
    if arena.has_circle() {
        return None;
    }
    validator(&resolved_writer, writer).ok()?;
    validator(&resolved_reader, reader).ok()?;
    let (patterns, steps) = (Patterns::default(), Cell::new(50_000));
    let is_proved = Prover::new(&arena, &patterns, &steps, 50).prove(writer_root, reader_root);
    Some((is_proved, opinion(&arena, writer_root, reader_root)))
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    /// Without the search for examples, which would hide a wrong proof.
    #[test]
    fn what_is_proved_breaks_no_document((writer, reader) in schemas::versions()) {
        if let Some((is_proved, opinion)) = opinions(&writer, &reader) {
            let is_covered = opinion == Opinion::Covered;
            if is_proved || is_covered {
                let broken = broken(&writer, &reader);
                let whose = if is_proved { "the proof" } else { "the library" };
                prop_assert!(broken.is_none(), "{whose} is wrong of {broken:?}");
            }
            prop_assert!(
                !is_proved || opinion != Opinion::NotCovered,
                "the library contradicts the proof"
            );
        }
    }

    #[test]
    fn what_is_compatible_breaks_no_document((old, new) in schemas::versions()) {
        let comparison = compare(&old, &new, Direction::NewReadsOld, &Limits::default());
        if comparison.verdict == Verdict::Compatible {
            prop_assert_eq!(broken(&old, &new), None);
        }
        for difference in comparison.differences {
            if let Some(example) = difference.example {
                let judges = judge_of(&old).zip(judge_of(&new));
                let (old, new) = judges.expect("examples are of schemas");
                prop_assert!(old.is_valid(&example), "{example} is not valid for the writer");
                prop_assert!(!new.is_valid(&example), "{example} is valid for the reader");
            }
        }
    }

    #[test]
    fn versions_called_full_read_each_other((old, new) in schemas::versions()) {
        let report = check(Mode::Full, std::slice::from_ref(&old), &new, &Limits::default());
        if report.verdict == Verdict::Compatible {
            prop_assert_eq!(broken(&old, &new), None);
            prop_assert_eq!(broken(&new, &old), None);
        }
    }
}
