//! Schemas that are made to take long: each comparison ends soon, with a verdict that is sound.

use serde_json::{Value, json};

use crate::{Comparison, Direction, Formats, Limits, SchemaDocument, Verdict, compare};

/// Compares, and says how long it took.
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "the test measures")]
fn measured(what: &str, old: Value, new: Value) -> Comparison {
    let [old, new] = [old, new].map(|schema| SchemaDocument::new(schema, Formats::Asserted));
    let start = std::time::Instant::now();
    let comparison = compare(&old, &new, Direction::NewReadsOld, &Limits::default());
    println!("{what}: {:?}, {} {:?}", start.elapsed(), comparison.verdict, comparison.undecided);
    assert!(start.elapsed().as_secs() < 60, "{what} takes {:?}", start.elapsed());
    comparison
}

fn nested(depth: usize, leaf: &Value, step: impl Fn(Value) -> Value) -> Value {
    (0..depth).fold(leaf.clone(), |inner, _| step(inner))
}

#[test]
fn deep_nesting_is_undecided() {
    let items = |inner| Value::Object([("items".to_owned(), inner)].into_iter().collect());
    for depth in [30, 62, 100, 1_000] {
        let [old, new] =
            [json!({"minimum": 2}), json!({"minimum": 1})].map(|leaf| nested(depth, &leaf, items));
        let comparison = measured(&format!("{depth} levels of items"), old, new);
        let expected = if depth < 63 { Verdict::Compatible } else { Verdict::Undecided };
        assert_eq!(comparison.verdict, expected);
    }
}

#[test]
fn nested_choices_are_bounded() {
    let any_of = |inner: Value| json!({"anyOf": [inner, {"properties": {"a": inner}}]});
    let one_of =
        |inner: Value| json!({"oneOf": [{"items": inner}, {"not": inner}, {"type": "string"}]});
    for depth in [4, 8, 12] {
        for (name, step) in [("anyOf", &any_of as &dyn Fn(Value) -> Value), ("oneOf", &one_of)] {
            let [old, new] = [json!({"minimum": 2, "type": "integer"}), json!({"minimum": 1})]
                .map(|leaf| nested(depth, &leaf, step));
            measured(&format!("{depth} levels of {name}"), old, new);
        }
    }
}

#[test]
fn many_branches_are_bounded() {
    for count in [20, 100, 256, 5_000] {
        let branches = |shift: usize| -> Vec<Value> {
            (0..count)
                .map(|index| json!({"required": [format!("m{}", index + shift)], "minProperties": index % 7}))
                .collect()
        };
        for keyword in ["anyOf", "oneOf", "allOf"] {
            let old = json!({ keyword: branches(0) });
            let new = json!({ keyword: branches(1) });
            measured(&format!("{count} branches of {keyword}"), old.clone(), new);
            let same =
                measured(&format!("{count} branches of {keyword}, a title added"), old.clone(), {
                    let mut titled = old;
                    titled["minProperties"] = json!(0);
                    titled
                });
            if count > 256 {
                assert_eq!(same.verdict, Verdict::Undecided);
            }
        }
    }
}

#[test]
fn choices_beside_each_other_are_bounded() {
    for count in [4, 12, 40] {
        let all_of = |least: usize| -> Value {
            let pairs = (0..count).map(|index| {
                json!({"anyOf": [
                    {"properties": {format!("a{index}"): {"minLength": least}}},
                    {"required": [format!("b{index}")]},
                    {"properties": {format!("c{index}"): {"minimum": least}}},
                ]})
            });
            json!({ "allOf": pairs.collect::<Vec<_>>() })
        };
        measured(&format!("{count} choices beside each other"), all_of(2), all_of(1));
        measured(&format!("{count} choices beside each other, narrower"), all_of(1), all_of(2));
    }
}

#[test]
fn references_that_fan_out_are_bounded() {
    let fan = |count: usize, least: usize| {
        let mut definitions = json!({"d0": {"type": "string", "minLength": least}});
        for index in 1..count {
            let target = format!("#/$defs/d{}", index - 1);
            definitions[format!("d{index}")] = json!({
                "properties": {"a": {"$ref": target}, "b": {"$ref": target}, "c": {"$ref": target}},
                "required": ["a", "b"],
            });
        }
        json!({"$defs": definitions, "$ref": format!("#/$defs/d{}", count - 1)})
    };
    for count in [5, 10, 30, 60] {
        let comparison = measured(&format!("a fan of {count}"), fan(count, 2), fan(count, 1));
        assert!(count > 10 || comparison.verdict == Verdict::Compatible);
        measured(&format!("a fan of {count}, narrower"), fan(count, 1), fan(count, 2));
    }
    let alike = |count: usize, least: usize| {
        let mut definitions = json!({"d0": {"type": "string", "minLength": least}});
        for index in 1..count {
            let target = format!("#/$defs/d{}", index - 1);
            definitions[format!("d{index}")] = json!({"anyOf": [{"$ref": target}, {"allOf": [{"$ref": target}, {"$ref": target}]}]});
        }
        json!({"$defs": definitions, "$ref": format!("#/$defs/d{}", count - 1)})
    };
    for count in [5, 10, 20] {
        measured(&format!("a fan of {count} at one value"), alike(count, 2), alike(count, 1));
    }
}

#[test]
fn circles_of_references_end() {
    let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"anyOf": [{"$ref": "#/$defs/a"}, true]}}});
    let comparison = measured("a circle at one value", circle.clone(), circle);
    assert_eq!(comparison.verdict, Verdict::Undecided);

    let tree = |name: &str, least: i32| {
        json!({"$ref": "#/$defs/n", "$defs": {"n": {
            "type": "object",
            "properties": {"value": {"minimum": least}, name: {"items": {"$ref": "#/$defs/n"}}},
            "additionalProperties": {"$ref": "#/$defs/n"},
        }}})
    };
    let comparison = measured("a tree", tree("children", 2), tree("children", 1));
    assert_eq!(comparison.verdict, Verdict::Compatible);
    let comparison = measured("a narrower tree", tree("children", 1), tree("children", 2));
    assert_eq!(comparison.verdict, Verdict::Incompatible);

    let endless = json!({"$ref": "#/$defs/n", "$defs": {"n": {
        "type": "object", "required": ["next"], "properties": {"next": {"$ref": "#/$defs/n"}},
    }}});
    measured("an endless list", endless, json!({"type": "string"}));
}

#[test]
fn regular_expressions_do_not_run_away() {
    for pattern in [
        "^(a+)+$",
        "^(a|aa)+$",
        "^(?:(a+)\\1?)+!$",
        "(x+x+)+y",
        "^(?=(a+)+b)",
        "((a{1,40}){1,40}){1,40}",
    ] {
        let old = json!({"type": "string", "pattern": pattern, "minLength": 40});
        let new = json!({"type": "string", "pattern": format!("{pattern}|b"), "minLength": 30});
        measured(pattern, old.clone(), new);
        let old = json!({"enum": ["a".repeat(200), "x".repeat(200)]});
        measured(pattern, old, json!({ "pattern": pattern }));
        let old = json!({"patternProperties": {pattern: {"minimum": 2}}});
        measured(
            pattern,
            old,
            json!({"patternProperties": {pattern: {"minimum": 1}}, "propertyNames": {"pattern": pattern}}),
        );
    }
}

#[test]
fn large_lists_are_bounded() {
    for count in [100, 5_000, 15_000] {
        let list = |last: usize| -> Vec<String> {
            (0..last).map(|index| format!("value {index}")).collect()
        };
        let comparison = measured(
            &format!("{count} values"),
            json!({ "enum": list(count - 1) }),
            json!({ "enum": list(count) }),
        );
        assert!(count > 100 || comparison.verdict == Verdict::Compatible);
        let members = |last: usize| -> serde_json::Map<String, Value> {
            (0..last).map(|index| (format!("m{index}"), json!({"minLength": 1}))).collect()
        };
        measured(
            &format!("{count} members"),
            json!({ "properties": members(count / 2), "required": list(count / 4) }),
            json!({ "properties": members(count / 2 - 1), "required": list(count / 4) }),
        );
    }
}

#[test]
fn numbers_beyond_measure_are_undecided() {
    for number in ["1e999999999", "1e-999999999", &"9".repeat(100)] {
        let number: Value = serde_json::from_str(number).unwrap();
        let comparison =
            measured("a large number", json!({ "minimum": number }), json!({"type": "integer"}));
        assert_eq!(comparison.verdict, Verdict::Undecided);
    }
    let precise: Value =
        serde_json::from_str("12345678901234567890123456789012345678901234567890").unwrap();
    measured("a number of 50 digits", json!({ "minimum": precise }), json!({"minimum": 1}));
    measured(
        "a fine multiple",
        json!({"multipleOf": 1e-300, "type": "number"}),
        json!({"multipleOf": 3e-299}),
    );
    measured("a large range", json!({"minItems": 100_000_000}), json!({"minItems": 100_000_001}));
}
