//! Versions of different drafts, and of several documents.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Comparison, Direction, Formats, Limits, SchemaDocument, Verdict, compare};

fn compared(old: &SchemaDocument, new: &SchemaDocument) -> Comparison {
    compare(old, new, Direction::NewReadsOld, &Limits::default())
}

#[track_caller]
fn check(old: Value, new: Value, expected: Verdict) {
    let [old, new] = [old, new].map(|schema| SchemaDocument::new(schema, Formats::Asserted));
    let comparison = compared(&old, &new);
    assert_eq!(comparison.verdict, expected, "{comparison:#?}");
}

fn draft(name: &str, mut schema: Value) -> Value {
    schema["$schema"] = json!(match name {
        "7" => "http://json-schema.org/draft-07/schema#",
        "2019-09" => "https://json-schema.org/draft/2019-09/schema",
        _ => "https://json-schema.org/draft/2020-12/schema",
    });
    schema
}

#[test]
fn the_same_in_another_draft_is_the_same() {
    let pairs = [
        (
            draft(
                "7",
                json!({"definitions": {"a": {"minimum": 1}}, "properties": {"a": {"$ref": "#/definitions/a"}}}),
            ),
            draft(
                "2020-12",
                json!({"$defs": {"a": {"minimum": 1}}, "properties": {"a": {"$ref": "#/$defs/a"}}}),
            ),
        ),
        (
            draft("7", json!({"dependencies": {"a": ["b"], "b": {"required": ["c"]}}})),
            draft(
                "2019-09",
                json!({"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"b": {"required": ["c"]}}}),
            ),
        ),
        (
            draft("2019-09", json!({"items": [{"type": "string"}], "additionalItems": false})),
            draft("2020-12", json!({"prefixItems": [{"type": "string"}], "items": false})),
        ),
        (
            draft(
                "2019-09",
                json!({"properties": {"a": {"$recursiveRef": "#"}}, "additionalProperties": false}),
            ),
            draft(
                "2020-12",
                json!({"properties": {"a": {"$dynamicRef": "#"}}, "additionalProperties": false}),
            ),
        ),
        (
            draft("2020-12", json!({"properties": {"a": {}}, "unevaluatedProperties": false})),
            draft("7", json!({"properties": {"a": {}}, "additionalProperties": false})),
        ),
    ];
    for (one, other) in pairs {
        check(one.clone(), other.clone(), Verdict::Compatible);
        check(other, one, Verdict::Compatible);
    }
}

#[test]
fn a_keyword_that_a_draft_does_not_know_demands_nothing() {
    let old = draft("7", json!({"dependentRequired": {"a": ["b"]}, "type": "object"}));
    let new = draft("2020-12", json!({"dependentRequired": {"a": ["b"]}}));
    check(old, new, Verdict::Incompatible);
    // Beside a `$ref` of draft 7 nothing counts.
    let old = draft(
        "7",
        json!({"properties": {"a": {"$ref": "#/definitions/a", "type": "string"}}, "definitions": {"a": {}}}),
    );
    let new = draft("7", json!({"properties": {"a": {"type": "string"}}}));
    check(old, new, Verdict::Incompatible);
}

#[test]
fn what_is_not_modelled_is_undecided_unless_an_example_decides() {
    let old = json!({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": false, "maxProperties": 1});
    let new = json!({"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": false});
    check(old.clone(), new.clone(), Verdict::Undecided);
    check(json!({}), new, Verdict::Incompatible);
    // Written alike, it means the same.
    check(
        json!({"properties": {"b": old}, "required": ["b"]}),
        json!({"properties": {"b": old}}),
        Verdict::Compatible,
    );
}

#[test]
fn other_drafts_and_broken_schemas_are_undecided() {
    let any = json!({});
    check(
        json!({"$schema": "http://json-schema.org/draft-04/schema#"}),
        any.clone(),
        Verdict::Undecided,
    );
    check(json!({"$schema": "https://example.org/own"}), any.clone(), Verdict::Undecided);
    check(json!({"type": "text"}), any.clone(), Verdict::Undecided);
    check(json!({"pattern": "("}), any.clone(), Verdict::Undecided);
    check(json!({"$ref": "https://example.org/other.json"}), any.clone(), Verdict::Undecided);
    check(json!({"$ref": "#/$defs/missing"}), any.clone(), Verdict::Undecided);
    check(json!("text"), any, Verdict::Undecided);
}

fn with_file(root: Value, file: Value) -> SchemaDocument {
    let files = BTreeMap::from([("address.schema.json".to_owned(), file)]);
    SchemaDocument { root, files, formats: Formats::Asserted }
}

#[test]
fn references_lead_to_other_documents_of_the_folder() {
    for id in ["https://example.org/schemas/root.json", "root.json", ""] {
        let mut root =
            json!({"properties": {"home": {"$ref": "address.schema.json#/$defs/address"}}});
        if !id.is_empty() {
            root["$id"] = json!(id);
        }
        let street = |least: u32| json!({"$defs": {"address": {"properties": {"street": {"minLength": least}}}}});
        let narrow = with_file(root.clone(), street(2));
        let wide = with_file(root.clone(), street(1));
        assert_eq!(compared(&narrow, &wide).verdict, Verdict::Compatible, "{id}");
        let comparison = compared(&wide, &narrow);
        assert_eq!(comparison.verdict, Verdict::Incompatible, "{id}");
        let difference = &comparison.differences[0];
        assert_eq!(difference.at, "/home/street");
        assert_eq!(
            difference.reader.to_string(),
            "address.schema.json#/$defs/address/properties/street/minLength"
        );
        assert_eq!(difference.example, Some(json!({"home": {"street": "a"}})));
    }
}

#[test]
fn formats_count_only_where_they_are_asserted() {
    let version = |format: &str, formats: Formats| {
        SchemaDocument::new(json!({"type": "string", "format": format}), formats)
    };
    let (date, email) = ("date", "email");
    let asserted = compared(&version(date, Formats::Asserted), &version(email, Formats::Asserted));
    assert_eq!(asserted.verdict, Verdict::Incompatible);
    assert_eq!(asserted.differences[0].example, Some(json!("2026-01-31")));
    let noted =
        compared(&version(date, Formats::Annotations), &version(email, Formats::Annotations));
    assert_eq!(noted.verdict, Verdict::Compatible);
    // Old events were not held to the format.
    let later = compared(&version(date, Formats::Annotations), &version(date, Formats::Asserted));
    assert_eq!(later.verdict, Verdict::Incompatible);
    let unknown = compared(&version(date, Formats::Asserted), &version("own", Formats::Asserted));
    assert_eq!(unknown.verdict, Verdict::Compatible);
}
