use super::*;

#[track_caller]
fn check(pattern: &str, body: &str, passes: bool) {
    let filters = Filters::parse(Subject::QueueMessage, &[pattern.to_owned()]).unwrap();
    assert_eq!(filters.pass(body), passes, "{pattern} on {body}");
}

#[track_caller]
fn check_refused(pattern: &str, expected: &str) {
    let Err(error) = Filters::parse(Subject::QueueMessage, &[pattern.to_owned()]) else {
        panic!("accepted: {pattern}");
    };
    let error = error.to_string();
    assert!(error.contains(expected), "{error} does not say {expected:?}");
}

#[test]
fn a_value_matches_any_of_its_conditions() {
    let pattern = r#"{"body":{"code":["BBBB",7,true,null]}}"#;
    check(pattern, r#"{"code":"BBBB"}"#, true);
    check(pattern, r#"{"code":7.0}"#, true);
    check(pattern, r#"{"code":true}"#, true);
    check(pattern, r#"{"code":null}"#, true);
    check(pattern, r#"{"code":"bbbb"}"#, false);
    check(pattern, r#"{"code":"7"}"#, false);
    check(pattern, r#"{"code":{"BBBB":1}}"#, false);
    check(pattern, "{}", false);
}

#[test]
fn strings_are_matched_by_their_parts() {
    check(r#"{"body":{"a":[{"prefix":"re"}]}}"#, r#"{"a":"records"}"#, true);
    check(r#"{"body":{"a":[{"prefix":"re"}]}}"#, r#"{"a":"are"}"#, false);
    check(r#"{"body":{"a":[{"prefix":"7"}]}}"#, r#"{"a":7}"#, false);
    check(r#"{"body":{"a":[{"suffix":".csv"}]}}"#, r#"{"a":"x.csv"}"#, true);
    check(r#"{"body":{"a":[{"suffix":".csv"}]}}"#, r#"{"a":"x.CSV"}"#, false);
    check(r#"{"body":{"a":[{"equals-ignore-case":"Straße"}]}}"#, r#"{"a":"STRAßE"}"#, true);
    check(r#"{"body":{"a":[{"equals-ignore-case":"a"}]}}"#, r#"{"a":"ab"}"#, false);
}

#[test]
fn anything_but_needs_a_value_that_is_none_of_the_listed() {
    let pattern = r#"{"body":{"a":[{"anything-but":["x",7]}]}}"#;
    check(pattern, r#"{"a":"y"}"#, true);
    check(pattern, r#"{"a":8}"#, true);
    check(pattern, r#"{"a":"x"}"#, false);
    check(pattern, r#"{"a":7}"#, false);
    check(pattern, r#"{"b":1}"#, false);
    check(r#"{"body":{"a":[{"anything-but":"x"}]}}"#, r#"{"a":"x"}"#, false);
    check(r#"{"body":{"a":[{"anything-but":{"prefix":"x"}}]}}"#, r#"{"a":"xy"}"#, false);
    check(r#"{"body":{"a":[{"anything-but":{"prefix":"x"}}]}}"#, r#"{"a":"yx"}"#, true);
    check(r#"{"body":{"a":[{"anything-but":{"suffix":"x"}}]}}"#, r#"{"a":"yx"}"#, false);
}

#[test]
fn numbers_are_compared_with_one_bound_or_two() {
    let above = r#"{"body":{"n":[{"numeric":[">",9999]}]}}"#;
    check(above, r#"{"n":9999.5}"#, true);
    check(above, r#"{"n":9999}"#, false);
    check(above, r#"{"n":"10000"}"#, false);
    let range = r#"{"body":{"n":[{"numeric":[">=",10,"<",20]}]}}"#;
    check(range, r#"{"n":10}"#, true);
    check(range, r#"{"n":20}"#, false);
    check(r#"{"body":{"n":[{"numeric":["=",1e1]}]}}"#, r#"{"n":10}"#, true);
    check(r#"{"body":{"n":[{"numeric":["<=",1]}]}}"#, r#"{"n":1}"#, true);
}

#[test]
fn existence_is_about_leaves() {
    check(r#"{"body":{"a":[{"exists":true}]}}"#, r#"{"a":null}"#, true);
    check(r#"{"body":{"a":[{"exists":true}]}}"#, "{}", false);
    check(r#"{"body":{"a":[{"exists":true}]}}"#, r#"{"a":{"b":1}}"#, false);
    check(r#"{"body":{"a":[{"exists":false}]}}"#, r#"{"b":1}"#, true);
    check(r#"{"body":{"a":[{"exists":false}]}}"#, r#"{"a":1}"#, false);
    check(r#"{"body":{"a":{"b":[{"exists":false}]}}}"#, "{}", true);
}

#[test]
fn all_fields_have_to_match_and_of_or_one_alternative() {
    let both = r#"{"body":{"a":[1],"b":{"c":[2]}}}"#;
    check(both, r#"{"a":1,"b":{"c":2,"d":0}}"#, true);
    check(both, r#"{"a":1,"b":{"c":3}}"#, false);
    check(both, r#"{"a":1,"b":2}"#, false);
    let or = r#"{"body":{"a":[1],"$or":[{"b":[2]},{"c":{"d":[{"exists":true}]}}]}}"#;
    check(or, r#"{"a":1,"b":2}"#, true);
    check(or, r#"{"a":1,"c":{"d":0}}"#, true);
    check(or, r#"{"a":1}"#, false);
    check(or, r#"{"b":2}"#, false);
}

#[test]
fn of_an_array_one_element_has_to_match() {
    check(r#"{"body":{"a":["x"]}}"#, r#"{"a":["w","x"]}"#, true);
    check(r#"{"body":{"a":["x"]}}"#, r#"{"a":[]}"#, false);
    let pair = r#"{"body":{"items":{"k":[1],"v":[2]}}}"#;
    check(pair, r#"{"items":[{"k":1,"v":2},{"k":3,"v":4}]}"#, true);
    check(pair, r#"{"items":[{"k":1,"v":0},{"k":0,"v":2}]}"#, false);
}

#[test]
fn patterns_on_text_and_on_json_drop_each_others_messages() {
    check(r#"{"body":[{"prefix":"Result: "}]}"#, "Result: ok", true);
    check(r#"{"body":[{"prefix":"Result: "}]}"#, "Other", false);
    check(r#"{"body":["{}"]}"#, "{}", false);
    check(r#"{"body":{"a":[{"exists":false}]}}"#, "not json", false);
    check("{}", "not json", true);
    check("{}", "{}", true);
}

#[test]
fn a_message_passes_when_any_filter_matches_or_there_are_none() {
    let patterns = [r#"{"body":{"a":[1]}}"#.to_owned(), r#"{"body":{"a":[2]}}"#.to_owned()];
    let filters = Filters::parse(Subject::QueueMessage, &patterns).unwrap();
    assert!(filters.pass(r#"{"a":2}"#));
    assert!(!filters.pass(r#"{"a":3}"#));
    assert!(Filters::parse(Subject::QueueMessage, &[]).unwrap().pass("anything"));
}

#[test]
fn a_pattern_that_is_not_understood_is_refused() {
    check_refused("", "not a JSON object");
    check_refused("[]", "not a JSON object");
    check_refused(r#"{"messageAttributes":{"a":["b"]}}"#, "only \"body\"");
    check_refused(r#"{"body":"x"}"#, "neither an object nor a list");
    check_refused(r#"{"body":{}}"#, "without conditions");
    check_refused(r#"{"body":{"a":"x"}}"#, "neither an object nor a list");
    check_refused(r#"{"body":{"a":[]}}"#, "empty list");
    check_refused(r#"{"body":{"a":[["x"]]}}"#, "a list within a list");
    check_refused(r#"{"body":{"a":[{"wildcard":"*x"}]}}"#, "\"wildcard\" is not one");
    check_refused(r#"{"body":{"a":[{"prefix":"x","suffix":"y"}]}}"#, "exactly one operator");
    check_refused(r#"{"body":{"a":[{"prefix":7}]}}"#, "prefix does not take 7");
    check_refused(r#"{"body":{"a":[{"numeric":[">"]}]}}"#, "numeric does not take");
    check_refused(r#"{"body":{"a":[{"numeric":["!=",1]}]}}"#, "numeric does not take");
    check_refused(r#"{"body":{"a":[{"exists":"yes"}]}}"#, "exists does not take");
    check_refused(r#"{"body":{"a":[{"anything-but":[]}]}}"#, "anything-but does not take");
    check_refused(r#"{"body":{"$or":[{"a":[1]}]}}"#, "fewer than two");
    check_refused(&format!(r#"{{"body":["{}"]}}"#, "x".repeat(4096)), "longer than");
    let nested = format!(r#"{{"body":{}1{}}}"#, r#"{"a":"#.repeat(500), "}".repeat(500));
    check_refused(&nested, "not a JSON object");
    let many = vec!["{}".to_owned(); 11];
    assert_eq!(
        Filters::parse(Subject::QueueMessage, &many).unwrap_err(),
        FilterError::TooMany { count: 11 }
    );
}

#[track_caller]
fn check_record(pattern: &str, passes: bool) {
    let record = serde_json::json!({
        "eventName": "MODIFY",
        "dynamodb": { "Keys": { "pk": { "S": "a" } }, "NewImage": { "n": { "N": "7" } } },
    });
    let filters = Filters::parse(Subject::StreamRecord, &[pattern.to_owned()]).unwrap();
    assert_eq!(filters.pass_record(record.as_object().unwrap()), passes, "{pattern}");
}

#[test]
fn a_streams_record_is_filtered_by_all_that_it_says() {
    check_record("{}", true);
    check_record(r#"{"eventName":["INSERT","MODIFY"]}"#, true);
    check_record(r#"{"eventName":["INSERT"]}"#, false);
    check_record(r#"{"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"a"}]}}}}"#, true);
    check_record(r#"{"eventName":["MODIFY"],"dynamodb":{"NewImage":{"m":{"S":["x"]}}}}"#, false);
    check_record(r#"{"dynamodb":{"OldImage":{"n":{"N":[{"exists":false}]}}}}"#, true);
    // A number is a string in a record.
    check_record(r#"{"dynamodb":{"NewImage":{"n":{"N":["7"]}}}}"#, true);
    check_record(r#"{"dynamodb":{"NewImage":{"n":{"N":[{"numeric":["=",7]}]}}}}"#, false);
    let other = [r#"{"body":{"a":[1]}}"#.to_owned()];
    let error = Filters::parse(Subject::StreamRecord, &other).unwrap_err().to_string();
    assert!(error.contains("key \"body\": a stream's record has none"), "{error}");
}
