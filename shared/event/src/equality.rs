//! Whether two JSON values are equal.

use serde_json::{Number, Value};

use crate::Decimal;

/// Whether two values are equal by the rules of JSON Schema. Numbers are compared by their mathematical value, so that
/// `7.0` is `7`. The order of an object's members does not matter
/// (<https://json-schema.org/draft/2020-12/json-schema-core#section-4.2.2>).
#[must_use]
pub fn is_same_value(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => is_same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same_value(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, member)| {
                    other.get(name).is_some_and(|other| is_same_value(member, other))
                })
        }
        _ => one == other,
    }
}

/// A number that no [`Decimal`] can hold is equal only to a number with the same text.
fn is_same_number(one: &Number, other: &Number) -> bool {
    one == other
        || matches!((Decimal::of(one), Decimal::of(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, expected: bool) {
        let one: Value = serde_json::from_str(one).unwrap();
        let other: Value = serde_json::from_str(other).unwrap();
        assert_eq!(is_same_value(&one, &other), expected, "{one} and {other}");
        assert_eq!(is_same_value(&other, &one), expected, "{other} and {one}");
    }

    #[test]
    fn numbers_are_equal_by_their_value_and_other_values_by_what_they_hold() {
        check("7", "7.0", true);
        check("700", "7e2", true);
        check("7", "7.1", false);
        check("7", "\"7\"", false);
        check("12345678901234567890", "12345678901234567891", false);
        check("1e400", "1e400", true);
        check("1e400", "2e400", false);
        check("[1,{\"a\":2.0,\"b\":null}]", "[1.0,{\"b\":null,\"a\":2}]", true);
        check("[1,2]", "[1]", false);
        check("[1,2]", "[2,1]", false);
        check("{\"a\":1}", "{\"a\":1,\"b\":2}", false);
        check("{\"a\":1}", "{\"b\":1}", false);
        check("true", "true", true);
        check("true", "false", false);
    }
}
