//! A record of the table, as JSON without DynamoDB's types.

use serde_json::{Map, Value};

/// An item of DynamoDB JSON as plain JSON: `{"a":{"N":"1"}}` is `{"a":1}`. Binary values stay in
/// base64, and a number that JSON cannot hold stays text.
pub(super) fn plain(item: &Value) -> Map<String, Value> {
    let members = item.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// Nested as deep as DynamoDB nests: 32 levels.
fn attribute(value: &Value) -> Value {
    let Some((kind, value)) = value.as_object().and_then(|typed| typed.iter().next()) else {
        return Value::Null;
    };
    match (kind.as_str(), value) {
        ("N", Value::String(text)) => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
        }
        ("M", map) => Value::Object(plain(map)),
        ("L", Value::Array(items)) => items.iter().map(attribute).collect(),
        ("NULL", _) => Value::Null,
        (_, other) => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(typed: Value, expected: Value) {
        assert_eq!(Value::Object(plain(&json!({ "a": typed }))), json!({ "a": expected }));
    }

    #[test]
    fn types_are_left_out_whatever_they_hold() {
        check(json!({"S": "x"}), json!("x"));
        check(json!({"N": "1.5"}), json!(1.5));
        check(json!({"N": "12"}), json!(12));
        check(json!({"BOOL": true}), json!(true));
        check(json!({"NULL": true}), json!(null));
        check(json!({"L": [{"N": "1"}, {"S": "y"}]}), json!([1, "y"]));
        check(json!({"M": {"b": {"M": {"c": {"NULL": true}}}}}), json!({"b": {"c": null}}));
        check(json!({"SS": ["x"]}), json!(["x"]));
    }
}
