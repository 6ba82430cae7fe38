use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::pointer_tokens;

fn read(schema: &Value) -> Documents {
    let files = BTreeMap::from([("v1.schema.json".to_owned(), schema.to_string())]);
    Documents::read("v1.schema.json", &files).unwrap()
}

fn verdict(schema: &Value, pointer: &str) -> String {
    let documents = read(schema);
    let mut path = Vec::new();
    for token in pointer_tokens(pointer).unwrap() {
        path.push(if token == "*" { PathToken::Any } else { PathToken::Name(token) });
    }
    match declared(&documents, &path) {
        Declared::As(nodes) => types_of_any(&documents, &nodes)
            .map_or("any type".to_owned(), |types| Type::expectation(&types)),
        Declared::Anything => "anything".to_owned(),
        Declared::No { problem } => problem,
    }
}

#[track_caller]
fn check(schema: &Value, pointer: &str, expected: &str) {
    assert_eq!(verdict(schema, pointer), expected, "{pointer} in {schema}");
}

#[test]
fn a_place_is_declared_by_the_members_and_items_on_the_way_to_it() {
    let schema = json!({
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "total": {"type": "object", "properties": {"amount": {"type": "number"}}},
            "lines": {"type": "array", "items": {"properties": {"sku": {"type": ["null", "string"]}}}},
            "pair": {"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "null"}},
            "a/b": {}
        }
    });
    check(&schema, "/id", "string");
    check(&schema, "/total/amount", "number");
    check(&schema, "/lines/0/sku", "string or null");
    check(&schema, "/pair/0", "integer");
    check(&schema, "/pair/1", "null");
    check(&schema, "/a~1b", "any type");
    check(&schema, "/a~1b/more", "anything");
    check(
        &schema,
        "/amuont",
        "the schema declares no member `amuont`; it declares a/b, id, lines, pair, total",
    );
    check(&schema, "/total/amuont", "`/total` declares no member `amuont`; it declares amount");
    check(&schema, "/lines/first", "`/lines` is array, without such a member");
    check(&schema, "/id/part", "`/id` is string, without such a member");
}

#[test]
fn each_member_and_each_item_is_declared_by_all_that_may_be_one() {
    let schema = json!({
        "properties": {
            "legs": {"type": "array", "items": {"properties": {"seat": {"type": "string"}}}},
            "by_name": {"additionalProperties": {"type": "integer"}},
            "empty": {"type": "object", "additionalProperties": false}
        }
    });
    check(&schema, "/legs/*/seat", "string");
    check(&schema, "/by_name/*", "integer");
    check(&schema, "/*/0/seat", "string");
    check(&schema, "/legs/*/saet", "`/legs/*` declares no member `saet`; it declares seat");
    check(&schema, "/empty/*", "`/empty` has no members and no items");
}

#[test]
fn a_schema_that_declares_no_members_allows_any() {
    check(&json!({}), "/id", "anything");
    check(&json!(true), "/id", "anything");
    check(&json!({"type": "object"}), "/id/more", "anything");
    check(
        &json!({"type": "object", "additionalProperties": false}),
        "/id",
        "the schema allows no member `id`",
    );
}

#[test]
fn a_schema_that_says_it_is_open_allows_members_that_it_does_not_declare() {
    let open = json!({"properties": {"id": {}}, "additionalProperties": true});
    check(&open, "/other", "anything");
    let numbers = json!({"properties": {"id": {}}, "additionalProperties": {"type": "number"}});
    check(&numbers, "/other", "number");
    let patterns =
        json!({"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": false});
    check(&patterns, "/x-id", "string");
}

#[test]
fn references_and_combinations_are_followed() {
    let schema = json!({
        "$ref": "#/$defs/base",
        "oneOf": [
            {"properties": {"kind": {"const": "a"}, "size": {"type": "integer"}}},
            {"properties": {"kind": {"const": "b"}, "size": {"type": "string"}}}
        ],
        "if": {"properties": {"kind": {"const": "a"}}},
        "then": {"properties": {"extra": {"type": "boolean"}}},
        "$defs": {"base": {"properties": {"id": {"$ref": "#/$defs/id"}}}, "id": {"type": "string"}}
    });
    check(&schema, "/id", "string");
    check(&schema, "/size", "integer or string");
    check(&schema, "/extra", "boolean");
    check(
        &schema,
        "/none",
        "the schema declares no member `none`; it declares extra, id, kind, size",
    );
    let tree = json!({"properties": {"left": {"$ref": "#"}, "leaf": {"type": "null"}}});
    check(&tree, "/left/left/leaf", "null");
}

#[test]
fn the_members_of_the_root_are_listed_once_each() {
    let schema = json!({"properties": {"a": {}}, "allOf": [{"properties": {"b": {}, "a": {}}}]});
    let documents = read(&schema);
    let found = root_members(&documents);
    let names: Vec<(&str, usize)> =
        found.iter().map(|(name, nodes)| (*name, nodes.len())).collect();
    assert_eq!(names, [("a", 2), ("b", 1)]);
}
