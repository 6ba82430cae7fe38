//! What people are told: the place, who breaks and why, an example, and what to do instead.

use serde_json::{Value, json};

use crate::{
    Difference, Direction, Formats, Limits, Mode, SchemaDocument, Verdict, check, compare,
};

fn only_difference(old: Value, new: Value, direction: Direction) -> Difference {
    let [old, new] = [old, new].map(|schema| SchemaDocument::new(schema, Formats::Asserted));
    let comparison = compare(&old, &new, direction, &Limits::default());
    assert_eq!(comparison.verdict, Verdict::Incompatible, "{comparison:#?}");
    assert_eq!(comparison.differences.len(), 1, "{comparison:#?}");
    comparison.differences.into_iter().next().expect("there is one")
}

/// The place in documents, the reader's keyword and the example, of a new version that reads old events.
#[track_caller]
fn check_difference(old: Value, new: Value, at: &str, reader: &str, example: Value) {
    let difference = only_difference(old, new, Direction::NewReadsOld);
    assert_eq!(difference.at, at, "{difference:#?}");
    assert_eq!(difference.reader.to_string(), reader, "{difference:#?}");
    assert_eq!(difference.example, Some(example), "{difference:#?}");
    assert!(difference.alternative.is_some(), "{difference:#?}");
    assert!(difference.why.ends_with('.') && !difference.why.contains('\n'), "{difference:#?}");
}

fn closed(properties: Value) -> Value {
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

#[test]
fn each_kind_of_difference_has_its_place_and_the_smallest_example() {
    let text = || json!({"type": "string"});
    check_difference(
        json!({"type": ["string", "null"]}),
        json!({"type": "string"}),
        "",
        "#/type",
        json!(null),
    );
    check_difference(
        closed(json!({"a": text(), "b": text()})),
        closed(json!({"a": text()})),
        "",
        "#",
        json!({"b": ""}),
    );
    check_difference(
        json!({"type": "object"}),
        json!({"type": "object", "required": ["a/b"]}),
        "",
        "#/required",
        json!({}),
    );
    check_difference(
        closed(json!({"a": closed(json!({"b": {"maximum": 10, "type": "integer"}}))})),
        closed(json!({"a": closed(json!({"b": {"maximum": 9, "type": "integer"}}))})),
        "/a/b",
        "#/properties/a/properties/b/maximum",
        json!({"a": {"b": 10}}),
    );
    check_difference(
        json!({"items": {"enum": ["a", "b"]}, "type": "array"}),
        json!({"items": {"enum": ["a", "c"]}, "type": "array"}),
        "/*",
        "#/items/enum",
        json!(["b"]),
    );
    check_difference(
        json!({"type": "object"}),
        json!({"type": "object", "properties": {"new": text()}}),
        "/new",
        "#/properties/new/type",
        json!({"new": 0}),
    );
    check_difference(
        closed(json!({"a": text(), "B": text()})),
        json!({"propertyNames": {"pattern": "^[a-z]$"}}),
        "",
        "#/propertyNames",
        json!({"B": ""}),
    );
    check_difference(
        json!({"type": "array"}),
        json!({"type": "array", "uniqueItems": true}),
        "",
        "#/uniqueItems",
        json!(["", ""]),
    );
    check_difference(
        json!({"type": "array", "items": {"type": "integer"}}),
        json!({"type": "array", "items": {"type": "integer"}, "contains": {"minimum": 5}}),
        "",
        "#/contains",
        json!([]),
    );
    check_difference(
        json!({"type": "string", "pattern": "^[a-z]+$"}),
        json!({"type": "string", "pattern": "^[a-y]+$"}),
        "",
        "#/pattern",
        json!("z"),
    );
}

#[test]
fn a_sentence_says_who_breaks_and_why() {
    let (old, new) = (json!({"type": "object"}), json!({"type": "object", "required": ["city"]}));
    let difference = only_difference(old.clone(), new.clone(), Direction::NewReadsOld);
    assert_eq!(
        difference.why,
        "A reader of the new version fails on some old events: the reader requires `/city`, and the \
         writer may leave it out."
    );
    let advice = "Make `/city` optional in the new version, or add a version with a migration that fills it in.";
    assert_eq!(difference.alternative.as_deref(), Some(advice));
    let difference = only_difference(new, old, Direction::OldReadsNew);
    assert_eq!(
        difference.why,
        "A reader of the old version fails on some new events: the reader requires `/city`, and the \
         writer may leave it out."
    );
}

#[test]
fn a_renamed_member_is_named_on_both_sides() {
    let version = |name: &str| {
        let properties = json!({ name: {"type": "string"} });
        let schema = json!({"type": "object", "properties": properties, "required": [name], "additionalProperties": false});
        SchemaDocument::new(schema, Formats::Asserted)
    };
    let report = check(Mode::Full, &[version("zip")], &version("postcode"), &Limits::default());
    assert_eq!(report.verdict, Verdict::Incompatible);
    let findings: Vec<_> = report
        .findings
        .iter()
        .map(|finding| {
            let differences = finding.comparison.differences.iter();
            (
                finding.direction,
                differences.map(|difference| difference.reader.to_string()).collect::<Vec<_>>(),
            )
        })
        .collect();
    let both = vec!["#/required".to_owned(), "#".to_owned()];
    assert_eq!(findings, [(Direction::NewReadsOld, both.clone()), (Direction::OldReadsNew, both)]);
}

#[test]
fn transitive_modes_compare_with_every_version() {
    let version = |least: u32| SchemaDocument::new(json!({"minLength": least}), Formats::Asserted);
    let history = [version(1), version(3), version(2)];
    let limits = Limits::default();
    let last = check(Mode::Backward, &history, &version(2), &limits);
    assert_eq!((last.verdict, last.findings.len()), (Verdict::Compatible, 1));
    let all = check(Mode::BackwardTransitive, &history, &version(2), &limits);
    assert_eq!((all.verdict, all.findings.len()), (Verdict::Incompatible, 3));
    let broken: Vec<usize> = all
        .findings
        .iter()
        .filter(|finding| !finding.comparison.verdict.is_compatible())
        .map(|finding| finding.version)
        .collect();
    assert_eq!(broken, [0]);
    let forward = check(Mode::ForwardTransitive, &history, &version(3), &limits);
    assert_eq!(forward.verdict, Verdict::Compatible);
    let none = check(Mode::None, &history, &version(9), &limits);
    assert_eq!((none.verdict, none.findings.len()), (Verdict::Compatible, 0));
    assert_eq!(check(Mode::FullTransitive, &[], &version(1), &limits).verdict, Verdict::Compatible);
}
