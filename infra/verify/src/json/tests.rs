use proptest::prelude::*;

use super::*;

#[track_caller]
fn parse(text: &str) -> Json {
    Json::parse(text).unwrap_or_else(|| panic!("{text}"))
}

#[test]
fn documents_are_read_and_written_with_their_digits() {
    for text in
        ["null", "[1,-0.50,1e400,12345678901234567890123]", r#"{"a":[{},[]],"b":"\"\\","c":true}"#]
    {
        assert_eq!(parse(text).to_string(), text);
    }
    assert_eq!(parse("\u{feff} [ 1 , \"\\u00e9\\ud83d\\ude00/\" ] ").to_string(), "[1,\"é😀/\"]");
}

#[test]
fn what_is_not_json_is_none() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\"}",
        "{a:1}",
        "'a'",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "NaN",
        "nul",
        "\"\n\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "\"\\u+123\"",
        "1 2",
        "[1] x",
        "{\"a\":1,}",
        "{\"a\":1,\"a\":1}",
        "[{\"a\":1,\"\\u0061\":2}]",
    ] {
        assert!(Json::parse(text).is_none(), "{text}");
    }
    assert!(Json::parse(&"[".repeat(100_000)).is_none());
}

#[test]
fn values_are_equal_by_value() {
    assert_eq!(parse(r#"{"a":1.0,"b":[2e1]}"#), parse(r#"{"b":[20],"a":1}"#));
    let (one, two) = (parse("[123456789012345678901]"), parse("[123456789012345678902]"));
    assert_ne!(one, two);
    assert_ne!(one.canonical(), two.canonical());
    assert_ne!(parse("\"1\""), parse("1"));
}

#[test]
fn pointers_find_members_and_items() {
    let value = parse(r#"{"a":{"b/c":[10,20]},"~":1}"#);
    assert_eq!(value.at("/a/b~1c/1"), Some(&Json::Number("20".to_owned())));
    assert_eq!(value.at("/~0"), Some(&Json::Number("1".to_owned())));
    assert_eq!(value.at("/a/x"), None);
    assert_eq!(value.at(""), Some(&value));
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?".prop_map(Json::Number),
        any::<String>().prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::List),
            prop::collection::btree_map(any::<String>(), inner, 0..5).prop_map(Json::Object),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(value in any_json()) {
        prop_assert_eq!(parse(&value.to_string()), value.clone());
        let other = parse(&value.to_string());
        prop_assert_eq!(other.canonical(), value.canonical());
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,40}") {
        let _ = Json::parse(&text);
    }
}
