use super::*;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn apply(document: &str, patch: &str) -> Result<String, String> {
    let patch = Patch::parse(&parsed(patch)).map_err(|error| error.to_string())?;
    let changed = patch.apply(&parsed(document)).map_err(|error| error.to_string())?;
    Ok(changed.to_string())
}

#[track_caller]
fn check(document: &str, patch: &str, expected: &str) {
    assert_eq!(apply(document, patch).as_deref(), Ok(expected), "{patch}");
}

#[track_caller]
fn check_error(document: &str, patch: &str, expected: &str) {
    assert_eq!(apply(document, patch), Err(expected.to_owned()), "{patch}");
}

/// The examples of RFC 6902, appendix A, that are about these operations.
#[test]
fn the_examples_of_the_rfc_come_out_as_it_says() {
    check(
        r#"{"foo":"bar"}"#,
        r#"[{"op":"add","path":"/baz","value":"q"}]"#,
        r#"{"baz":"q","foo":"bar"}"#,
    );
    check(
        r#"{"foo":["bar","baz"]}"#,
        r#"[{"op":"add","path":"/foo/1","value":"q"}]"#,
        r#"{"foo":["bar","q","baz"]}"#,
    );
    check(r#"{"baz":"q","foo":"bar"}"#, r#"[{"op":"remove","path":"/baz"}]"#, r#"{"foo":"bar"}"#);
    check(
        r#"{"foo":["a","b","c"]}"#,
        r#"[{"op":"remove","path":"/foo/1"}]"#,
        r#"{"foo":["a","c"]}"#,
    );
    check(
        r#"{"baz":"q"}"#,
        r#"[{"op":"replace","path":"/baz","value":"boo"}]"#,
        r#"{"baz":"boo"}"#,
    );
    check(
        r#"{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"g"}}"#,
        r#"[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]"#,
        r#"{"foo":{"bar":"baz"},"qux":{"corge":"g","thud":"fred"}}"#,
    );
    check(
        r#"{"foo":["all","grass","cows","eat"]}"#,
        r#"[{"op":"move","from":"/foo/1","path":"/foo/3"}]"#,
        r#"{"foo":["all","cows","eat","grass"]}"#,
    );
    check(
        r#"{"baz":"q","foo":["a",2,"c"]}"#,
        r#"[{"op":"test","path":"/baz","value":"q"},{"op":"test","path":"/foo/1","value":2}]"#,
        r#"{"baz":"q","foo":["a",2,"c"]}"#,
    );
    check(
        r#"{"foo":"bar"}"#,
        r#"[{"op":"add","path":"/child","value":{"grandchild":{}}}]"#,
        r#"{"child":{"grandchild":{}},"foo":"bar"}"#,
    );
    check(
        r#"{"foo":"bar"}"#,
        r#"[{"op":"add","path":"/baz","value":"q","xyz":123}]"#,
        r#"{"baz":"q","foo":"bar"}"#,
    );
    check(
        r#"{"/":9,"~1":10}"#,
        r#"[{"op":"test","path":"/~01","value":10}]"#,
        r#"{"/":9,"~1":10}"#,
    );
    check(
        r#"{"foo":["bar"]}"#,
        r#"[{"op":"add","path":"/foo/-","value":["abc","def"]}]"#,
        r#"{"foo":["bar",["abc","def"]]}"#,
    );
    check_error(
        r#"{"baz":"q"}"#,
        r#"[{"op":"test","path":"/baz","value":"bar"}]"#,
        "the patch's operation 1 (test /baz): another value is there",
    );
    check_error(
        r#"{"foo":"bar"}"#,
        r#"[{"op":"add","path":"/baz/bat","value":"q"}]"#,
        "the patch's operation 1 (add /baz/bat): nothing is there that it is in",
    );
    check_error(
        r#"{"/":9,"~1":10}"#,
        r#"[{"op":"test","path":"/~01","value":"10"}]"#,
        "the patch's operation 1 (test /~01): another value is there",
    );
}

#[test]
fn a_copy_leaves_what_it_is_of_and_the_whole_payload_has_a_place_too() {
    check(
        r#"{"a":[1]}"#,
        r#"[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/b/-","value":2}]"#,
        r#"{"a":[1],"b":[1,2]}"#,
    );
    check(r#"{"a":{"b":1}}"#, r#"[{"op":"copy","from":"/a","path":""}]"#, r#"{"b":1}"#);
    check("[1]", r#"[{"op":"replace","path":"","value":{}}]"#, "{}");
    check(r#"{"a":1}"#, r#"[{"op":"move","from":"/a","path":"/a"}]"#, r#"{"a":1}"#);
}

#[test]
fn digits_stay_as_they_were_written_and_a_test_is_of_values() {
    let document = r#"{"a":12345678901234567890.10,"b":1.0,"c":1e3}"#;
    let patch = r#"[{"op":"test","path":"/b","value":1},{"op":"copy","from":"/a","path":"/d"},{"op":"replace","path":"/c","value":0.10}]"#;
    let expected = r#"{"a":12345678901234567890.10,"b":1.0,"c":0.10,"d":12345678901234567890.10}"#;
    check(document, patch, expected);
}

#[test]
fn what_cannot_be_done_is_named_with_its_place() {
    let at = |problem: &str| format!("the patch's operation 2 ({problem}");
    let first = r#"{"op":"test","path":"/a","value":[1]}"#;
    for (operation, expected) in [
        (
            r#"{"op":"replace","path":"/distance","value":1}"#,
            "replace /distance): nothing is there",
        ),
        (r#"{"op":"remove","path":"/distance"}"#, "remove /distance): nothing is there"),
        (r#"{"op":"remove","path":"/a/1"}"#, "remove /a/1): nothing is there"),
        (r#"{"op":"remove","path":"/a/-"}"#, "remove /a/-): nothing is there"),
        (r#"{"op":"remove","path":"/a/00"}"#, "remove /a/00): nothing is there"),
        (r#"{"op":"add","path":"/a/2","value":1}"#, "add /a/2): the array has no such place"),
        (r#"{"op":"add","path":"/a/x","value":1}"#, "add /a/x): the array has no such place"),
        (
            r#"{"op":"add","path":"/a/0/x","value":1}"#,
            "add /a/0/x): an integer is there, which it cannot be in",
        ),
        (r#"{"op":"copy","from":"/x","path":"/y"}"#, "copy /y): from /x: nothing is there"),
        (r#"{"op":"move","from":"/a/7","path":"/y"}"#, "move /y): from /a/7: nothing is there"),
        (r#"{"op":"test","path":"/x","value":null}"#, "test /x): nothing is there"),
    ] {
        check_error(r#"{"a":[1]}"#, &format!("[{first},{operation}]"), &at(expected));
    }
}

#[test]
fn what_is_no_patch_is_refused_with_its_operation() {
    let none = "expected a JSON Patch, which is a list of 1 to 100 operations";
    check_error("{}", "{}", none);
    check_error("{}", "[]", none);
    for (operation, problem) in [
        ("1", "expected an object with `op` and `path`"),
        ("{}", "expected a text `op`"),
        (r#"{"op":"add"}"#, "expected a text `path`"),
        (r#"{"op":"add","path":"/a"}"#, "expected a `value`"),
        (
            r#"{"op":"set","path":"/a"}"#,
            "`set` is none of add, remove, replace, move, copy and test",
        ),
        (r#"{"op":"move","path":"/a"}"#, "expected a text `from`"),
        (r#"{"op":"remove","path":"a"}"#, "`a` is not a JSON Pointer"),
        (r#"{"op":"remove","path":"/~2"}"#, "`/~2` is not a JSON Pointer"),
        (r#"{"op":"remove","path":""}"#, "the whole payload cannot be removed"),
        (r#"{"op":"move","from":"/a","path":"/a/b"}"#, "`/a` cannot be moved into itself"),
    ] {
        check_error(
            "{}",
            &format!("[{operation}]"),
            &format!("the patch's operation 1: {problem}"),
        );
    }
}

/// Each operation doubles the payload.
#[test]
fn copies_of_copies_end_before_they_fill_the_memory() {
    let wide = r#"{"op":"copy","from":"","path":"/a"},"#.repeat(70);
    let wide = format!("[{}]", wide.trim_end_matches(','));
    let error = apply(r#"{"a":"0123456789"}"#, &wide).unwrap_err();
    assert!(error.contains("nested deeper than 64 levels"), "{error}");
    let array = r#"{"op":"copy","from":"/a","path":"/b/-"},{"op":"copy","from":"/b","path":"/a"},"#;
    let array = format!("[{}]", array.repeat(30).trim_end_matches(','));
    let text = format!(r#"{{"a":"{}","b":[]}}"#, "x".repeat(10_000));
    let error = apply(&text, &array).unwrap_err();
    assert!(error.contains("grows beyond"), "{error}");
}

#[test]
fn a_patch_is_written_as_it_was_read() {
    let written = parsed(
        r#"[{"op":"add","path":"/a~1b/-","value":1.00000000000000000001},{"op":"remove","path":"/c"},
        {"op":"replace","path":"","value":null},{"op":"move","path":"/d","from":"/e~0"},
        {"op":"copy","path":"/f","from":"/g"},{"op":"test","path":"/h","value":{"i":[7.0]}}]"#,
    );
    let patch = Patch::parse(&written).unwrap();
    assert_eq!(patch.to_json(), written);
    assert_eq!(Patch::parse(&patch.to_json()).unwrap(), patch);
}
