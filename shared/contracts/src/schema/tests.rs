use serde_json::json;

use super::*;

fn schema() -> Schema {
    let text = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["id"],
        "additionalProperties": false,
        "properties": {
            "id": {"type": "integer"},
            "a/b": {"type": ["string", "null"], "format": "date-time"},
            "list": {"type": "array", "items": {"type": "number"}},
            "unit": {"enum": ["m", "ft"]},
            "kind": {"const": "a"},
            "level": {"enum": [1, 2.50]},
            "amount": {"type": "number"}
        }
    }"#;
    Schema::parse(text).unwrap()
}

fn violation(schema: &Schema, value: &Value) -> Option<Violation> {
    match schema.check(value) {
        Ok(()) => None,
        Err(Unfit::Value(violation)) => Some(violation),
        Err(Unfit::Schema(error)) => panic!("{error}"),
    }
}

#[track_caller]
fn check(value: &Value, at: &str, problem: &str) {
    let violation = violation(&schema(), value).unwrap();
    assert_eq!(violation.at, at);
    assert!(violation.problem.contains(problem), "{violation:?}");
}

#[test]
fn a_violation_names_the_pointer_and_what_was_expected() {
    check(&json!({}), "/id", "missing");
    check(&json!({"id": "1"}), "/id", "expected integer, found a string");
    check(&json!({"id": 1.5}), "/id", "expected integer, found a number");
    check(&json!({"id": 1, "a/b": 2}), "/a~1b", "expected string or null");
    check(&json!({"id": 1, "list": [1, 2.5, "x"]}), "/list/2", "expected number");
    check(&json!({"id": 1, "unit": "yd"}), "/unit", "one of 2 values");
    check(&json!({"id": 1, "kind": "b"}), "/kind", "the one value");
    check(&json!({"id": 1, "other": 2}), "/other", "not a member");
    check(&json!([]), "", "expected object, found an array");
}

#[test]
fn what_fits_passes() {
    let value = json!({"id": 1.0, "a/b": null, "list": [1], "unit": "m"});
    assert_eq!(violation(&schema(), &value), None);
}

#[test]
fn an_open_schema_takes_members_that_it_does_not_know() {
    let open = Schema::parse(r#"{"properties":{"id":{"type":"integer"}}}"#).unwrap();
    assert_eq!(violation(&open, &json!({"id": 1, "other": 2})), None);
}

#[test]
fn numbers_are_integers_and_members_of_enumerations_by_their_value() {
    let passes = |text: &str| violation(&schema(), &serde_json::from_str(text).unwrap()).is_none();
    assert!(passes(r#"{"id": 12345678901234567890123}"#));
    assert!(passes(r#"{"id": 1e3, "level": 2.5}"#));
    assert!(passes(r#"{"id": 1.000, "level": 1.0}"#));
    assert!(!passes(r#"{"id": 10e-2}"#));
    assert!(!passes(r#"{"id": 1, "level": 2.51}"#));
    assert!(!passes(r#"{"id": 12345678901234567890.5}"#));
}

#[test]
fn a_csv_field_takes_the_type_that_its_schema_names() {
    assert_eq!(schema().typed("id", "12").unwrap(), json!(12));
    assert_eq!(schema().typed("a/b", "12").unwrap(), json!("12"));
    assert_eq!(schema().typed("undeclared", "12").unwrap(), json!("12"));
    assert_eq!(schema().typed("id", "1x").unwrap_err().at, "/id");
}

#[track_caller]
fn check_typed(name: &str, text: &str, expected: Option<&str>) {
    let typed = schema().typed(name, text).ok().map(|value| value.to_string());
    assert_eq!(typed.as_deref(), expected, "{text}");
}

#[test]
fn a_csv_number_keeps_its_digits_and_an_integer_may_be_written_as_a_decimal() {
    check_typed("id", "141.0", Some("141"));
    check_typed("id", "1e3", Some("1000"));
    check_typed("id", "1.5", None);
    check_typed("id", "12345678901234567890", Some("12345678901234567890"));
    check_typed("amount", "9007199254740993", Some("9007199254740993"));
    check_typed("amount", "12345678901234567.89", Some("12345678901234567.89"));
    check_typed("amount", "1.50", Some("1.50"));
    check_typed("amount", "inf", None);
}

/// Checks a value against one schema. `expected` is the pointer and the problem of its violation.
#[track_caller]
fn check_one(schema: &Value, value: &Value, expected: Option<(&str, &str)>) {
    let schema = Schema::parse(&schema.to_string()).unwrap();
    let found = violation(&schema, value);
    let found = found.as_ref().map(|it| (it.at.as_str(), it.problem.as_str()));
    assert_eq!(found, expected, "{value}");
}

#[test]
fn each_keyword_says_what_it_expects() {
    for (schema, value, problem) in [
        (json!({"minimum": 1}), json!(0), "expected a number of at least 1"),
        (json!({"maximum": 1.50}), json!(2), "expected a number of at most 1.5"),
        (json!({"exclusiveMinimum": 1}), json!(1), "expected a number above 1"),
        (json!({"exclusiveMaximum": 1}), json!(1), "expected a number below 1"),
        (json!({"multipleOf": 0.01}), json!(0.015), "expected a multiple of 0.01"),
        (json!({"minLength": 2}), json!("a"), "expected text of at least 2 characters"),
        (json!({"maxLength": 2}), json!("abc"), "expected text of at most 2 characters"),
        (json!({"pattern": "^a+$"}), json!("b"), "expected text that the pattern `^a+$` matches"),
        (json!({"minItems": 1}), json!([]), "expected at least 1 items"),
        (json!({"maxItems": 1}), json!([1, 2]), "expected at most 1 items"),
        (
            json!({"uniqueItems": true}),
            json!([1, 1.0]),
            "expected items that differ from each other",
        ),
        (
            json!({"contains": {"const": 1}}),
            json!([2]),
            "expected an item that the schema asks for",
        ),
        (json!({"minProperties": 1}), json!({}), "expected at least 1 members"),
        (json!({"maxProperties": 0}), json!({"a": 1}), "expected at most 0 members"),
        (
            json!({"propertyNames": {"maxLength": 1}}),
            json!({"ab": 1}),
            "a member has a name that the schema does not allow",
        ),
        (json!({"not": {"type": "string"}}), json!("a"), "what the schema forbids is here"),
        (json!(false), json!("a"), "the schema allows nothing here"),
        (
            json!({"oneOf": [{"minimum": 1}, {"minimum": 2}]}),
            json!(3),
            "expected exactly one of 2 alternatives to fit, and several do",
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
            json!(3),
            "expected string or null, found an integer",
        ),
        (
            json!({"anyOf": [{"minimum": 5}, {"maximum": 1}]}),
            json!(3),
            "expected one of 2 alternatives, and none fits",
        ),
    ] {
        check_one(&schema, &value, Some(("", problem)));
    }
}

#[test]
fn of_several_alternatives_the_closest_is_reported() {
    let schema = json!({"oneOf": [
        {"properties": {"kind": {"const": "a"}, "at": {"type": "string"}}},
        {"properties": {"kind": {"const": "b"}, "place": {"properties": {"x": {"type": "number"}}}}}
    ]});
    let problem = "expected number, found a string (of the closest of 2 alternatives)";
    check_one(&schema, &json!({"kind": "b", "place": {"x": "1"}}), Some(("/place/x", problem)));
}

#[test]
fn a_format_is_checked_where_the_contract_says_so() {
    let text = r#"{"properties": {"day": {"type": "string", "format": "date"}}}"#;
    let files = BTreeMap::from([("v1.schema.json".to_owned(), text.to_owned())]);
    let read = |formats| Schema::of_file("v1.schema.json", &files, formats).unwrap();
    let wrong = json!({"day": "2026-02-30"});
    assert_eq!(violation(&read(Formats::Annotations), &wrong), None);
    let found = violation(&read(Formats::Asserted), &wrong).unwrap();
    assert_eq!(found.problem, "expected text of the format `date`");
    assert_eq!(violation(&read(Formats::Asserted), &json!({"day": "2026-02-28"})), None);
    let unknown =
        BTreeMap::from([("v1.schema.json".to_owned(), text.replace("\"date\"", "\"flavour\""))]);
    let schema = Schema::of_file("v1.schema.json", &unknown, Formats::Asserted).unwrap();
    assert!(schema.compile().unwrap_err().to_string().contains("flavour"));
}

#[test]
fn a_mistake_in_the_schema_is_reported_with_its_place() {
    for (schema, at, expected) in [
        (json!({"properties": {"id": {"type": "int"}}}), "/properties/id/type", "int"),
        (
            json!({"properties": {"id": {"minimum": "1"}}}),
            "/properties/id/minimum",
            "expected number, found a string",
        ),
        (json!({"required": "id"}), "/required", "expected array"),
        (json!({"properties": {"id": {"pattern": "("}}}), "", "("),
        (json!({"$ref": "#/$defs/none"}), "", "/$defs/none"),
    ] {
        let schema = Schema::parse(&schema.to_string()).unwrap();
        let error = schema.compile().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`schema.json` at `{at}")) && error.contains(expected),
            "{error}"
        );
        // No value fits a schema that cannot be used.
        assert!(schema.problem(&json!({})).unwrap().contains("the schema cannot be used"));
    }
}

#[test]
fn a_pattern_that_backtracks_without_end_is_stopped() {
    let schema = json!({"pattern": "^(?=a)(a|a)*\\1$"});
    let value = json!(format!("{}b", "a".repeat(40)));
    let problem = "the schema's pattern takes too many steps on this text";
    check_one(&schema, &value, Some(("", problem)));
}

#[test]
fn files_of_the_folder_are_referred_to() {
    let root = r#"{"properties": {"to": {"$ref": "address.json"}}}"#;
    let address =
        r#"{"required": ["city"], "properties": {"city": {"$ref": "parts.json#/$defs/name"}}}"#;
    let parts = r#"{"$defs": {"name": {"type": "string", "minLength": 1}}}"#;
    let files = [("v1.schema.json", root), ("address.json", address), ("parts.json", parts)];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let schema = Schema::of_file("v1.schema.json", &files, Formats::default()).unwrap();
    assert_eq!(violation(&schema, &json!({"to": {"city": "Bonn"}})), None);
    assert_eq!(violation(&schema, &json!({"to": {}})).unwrap().at, "/to/city");
    assert_eq!(violation(&schema, &json!({"to": {"city": ""}})).unwrap().at, "/to/city");
}

#[test]
fn a_csv_field_of_an_array_or_an_object_is_json() {
    let schema = json!({"properties": {
        "tags": {"type": ["array", "null"]}, "size": {"type": "object"}, "any": {"type": ["object", "string"]}
    }});
    let schema = Schema::parse(&schema.to_string()).unwrap();
    let typed = |name, text| schema.typed(name, text).map(|value| value.to_string()).ok();
    assert_eq!(typed("tags", r#"["a", 1.50]"#).as_deref(), Some(r#"["a",1.50]"#));
    assert_eq!(typed("size", r#"{"w": 1}"#).as_deref(), Some(r#"{"w":1}"#));
    assert_eq!(typed("any", "[1]").as_deref(), Some(r#""[1]""#));
    for (name, text) in
        [("tags", "a,b"), ("tags", "{}"), ("size", "[]"), ("size", r#"{"a":1,"a":2}"#)]
    {
        assert_eq!(typed(name, text), None, "{text}");
    }
    assert_eq!(typed("tags", &format!("{}{}", "[".repeat(100), "]".repeat(100))), None);
}
