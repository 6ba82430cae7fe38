//! The cases of a peer, Apicurio Registry: <https://github.com/Apicurio/apicurio-registry>.
//!
//! They are read from a folder beside the repository, and are no part of it. Without them the test is
//! skipped.

use std::path::PathBuf;

use serde_json::Value;
use sluicegate_compatibility::{Comparison, Direction, Formats, Limits, SchemaDocument, compare};

/// Where we say something else, by the case's number in the file, with what we say and why.
const ON_PURPOSE: &[(usize, &str, &str, &str)] = &[
    (10, "String: pattern 1", "both", ANY_TEXT),
    (11, "String: pattern 2", "both", ANY_TEXT),
    (26, "Number: exclusiveMinimum 1", "none", DRAFT_4),
    (30, "Number: exclusiveMinimum 5", "none", DRAFT_4),
    (31, "Number: exclusiveMaximum 1", "none", DRAFT_4),
    (35, "Number: exclusiveMaximum 5", "none", DRAFT_4),
    (
        96,
        "Const",
        "both",
        "a text that is a list: no document is valid by either version, so nothing is written that \
         cannot be read",
    ),
    (
        108,
        "Complex: anyOf 1",
        "both",
        "`maxLength` says nothing of other types, so every document is valid by both versions",
    ),
    (
        117,
        "Complex: oneOf 1",
        "forward",
        "a text of six characters is valid by one branch of the old version and by both of the new one",
    ),
    (
        119,
        "Complex: oneOf 3",
        "none",
        "a short text is valid by the old version, and by both branches of the new one",
    ),
    (124, "Conditional: if", "both", ANY_TEXT),
    (125, "Conditional: then", "both", ANY_TEXT),
    (126, "Conditional: else", "both", ANY_TEXT),
];

const ANY_TEXT: &str =
    "a pattern that is not anchored and may be empty, as `[a-z]*`, matches every text";
const DRAFT_4: &str = "the old version is of draft 4, which is not compared: it is undecided";

fn cases() -> Option<Vec<Value>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = std::env::var_os("SLUICEGATE_SHARED_DATA").unwrap_or_else(|| beside.into());
    let file = PathBuf::from(folder).join("compatibility/apicurio-json-schema.json");
    let text = std::fs::read_to_string(file).ok()?;
    let data: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    data["tests"].as_array().cloned()
}

/// The directions that are compatible, in the peer's words.
fn name_of(backward: &Comparison, forward: &Comparison) -> &'static str {
    match (backward.verdict.is_compatible(), forward.verdict.is_compatible()) {
        (true, true) => "both",
        (true, false) => "backward",
        (false, true) => "forward",
        (false, false) => "none",
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures are what the test is run for")]
fn every_case_of_the_peer_is_run_and_each_other_answer_has_its_reason() {
    let Some(cases) = cases() else {
        println!("skipped: the peer's cases are not there");
        return;
    };
    let (mut agree, mut stricter, mut laxer, mut undecided) = (0, 0, 0, 0);
    for (index, case) in cases.iter().enumerate() {
        let [old, new] = ["original", "updated"]
            .map(|version| SchemaDocument::new(case[version].clone(), Formats::Asserted));
        let limits = Limits::default();
        let backward = compare(&old, &new, Direction::NewReadsOld, &limits);
        let forward = compare(&old, &new, Direction::OldReadsNew, &limits);
        let found = name_of(&backward, &forward);
        let expected = case["compatibility"].as_str().expect("the peer's answer");
        undecided += u32::from(backward.undecided.is_some() || forward.undecided.is_some());
        let other = ON_PURPOSE.iter().find(|(number, ..)| *number == index);
        if let Some((_, id, other, why)) = other {
            assert_eq!(case["id"], *id, "another case has the number {index} now");
            assert_eq!(found, *other, "{index} {id}: {why}");
            assert_ne!(found, expected, "{index} {id} is no difference any more");
        } else {
            assert_eq!(found, expected, "{index} {}: {backward:#?} {forward:#?}", case["id"]);
        }
        match (found, expected) {
            _ if found == expected => agree += 1,
            ("both", _) => laxer += 1,
            _ => stricter += 1,
        }
    }
    println!(
        "{} cases: {agree} agree, {stricter} stricter on purpose, {laxer} laxer with a reason; in \
         {undecided} a direction is undecided",
        cases.len()
    );
    assert_eq!(agree + stricter + laxer, cases.len());
}
