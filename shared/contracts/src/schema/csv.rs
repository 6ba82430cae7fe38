//! Converts CSV fields to the JSON values that a schema expects.

use event::{json_value, pointer_to};
use serde_json::{Number, Value};

use super::types::{Type, integer};
use super::{Schema, Violation};

impl Schema {
    /// Converts a CSV field to a type of the member with that name. The types are tried in the order of the schema.
    ///
    /// A field whose member has no declared type stays a string. The field of an array or an object has to be JSON.
    ///
    /// # Errors
    /// If the text is of none of the types.
    pub(crate) fn typed(&self, name: &str, text: &str) -> Result<Value, Violation> {
        let member = self.inner.members.get(name);
        let Some(types) = member.and_then(|member| member.types.as_ref()) else {
            return Ok(text.into());
        };
        for expected in types {
            let value = match expected {
                Type::Integer => csv_number(text).and_then(integer).map(Value::Number),
                Type::Number => csv_number(text).map(Value::Number),
                Type::Boolean => text.parse::<bool>().ok().map(Value::Bool),
                Type::String => Some(Value::from(text)),
                Type::Array => json_of(text).filter(Value::is_array),
                Type::Object => json_of(text).filter(Value::is_object),
                Type::Null => None,
            };
            if let Some(value) = value {
                return Ok(value);
            }
        }
        let problem = format!("expected {}, found other text", Type::expectation(types));
        Err(Violation { at: pointer_to(name), problem })
    }

    /// The JSON value of a CSV field in the column with that name. An empty field is null if the schema allows null
    /// there and does not allow text.
    ///
    /// # Errors
    /// A message with the column and the expected types, which does not quote the field.
    pub fn csv_value(&self, name: &str, text: &str) -> Result<Value, String> {
        let member = self.inner.members.get(name);
        let types = member.and_then(|member| member.types.as_deref()).unwrap_or_default();
        if text.is_empty() && types.contains(&Type::Null) && !types.contains(&Type::String) {
            return Ok(Value::Null);
        }
        self.typed(name, text)
            .map_err(|violation| format!("`{}`: {}", violation.at, violation.problem))
    }
}

/// The JSON value that a field holds. `None` if the field is not JSON.
///
/// It is read like a payload: numbers keep all digits, and an object that has a name twice is refused.
fn json_of(text: &str) -> Option<Value> {
    json_value(text).ok()
}

/// The field as a JSON number with the same digits. `None` if the field is not a number.
///
/// JSON has no plus sign, no leading zeros, and no point without digits on both sides (RFC 8259, section 6). `+1`,
/// `007`, `.5` and `5.` have only one meaning, so that they are rewritten. Spaces, separators of thousands, other
/// radixes and `NaN` are not accepted. `serde_json` writes an exponent with its sign.
fn csv_number(text: &str) -> Option<Number> {
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return None;
    }
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => unsigned.split_at(at),
        None => (unsigned, ""),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, "")) => (whole, None),
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_digits = whole.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits || (whole.is_empty() && fraction.is_none()) {
        return None;
    }
    let mut number = String::with_capacity(text.len() + 1);
    number.push_str(sign);
    match whole.trim_start_matches('0') {
        "" => number.push('0'),
        whole => number.push_str(whole),
    }
    if let Some(fraction) = fraction {
        number.push('.');
        number.push_str(fraction);
    }
    number.push_str(exponent);
    // The JSON parser refuses whatever is wrong in one of the parts.
    serde_json::from_str(&number).ok()
}

#[cfg(test)]
mod tests {
    use event::Decimal;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let number = csv_number(text);
        assert_eq!(number.as_ref().map(Number::as_str), expected, "`{text}`");
    }

    #[test]
    fn a_number_is_what_people_write() {
        check("12", Some("12"));
        check("-1.50", Some("-1.50"));
        check("+7", Some("7"));
        check("007", Some("7"));
        check("-0.0", Some("-0.0"));
        check(".5", Some("0.5"));
        check("-.5", Some("-0.5"));
        check("5.", Some("5"));
        check("00.50", Some("0.50"));
        check("1e5", Some("1e+5"));
        check("1.5E-3", Some("1.5e-3"));
        check("+.5e+1", Some("0.5e+1"));
        check(
            "12345678901234567890123456789012345678901",
            Some("12345678901234567890123456789012345678901"),
        );
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "", ".", "-", "+", "-.", "1 ", " 1", "1\n", "1,5", "1_000", "0x10", "1e", "1e+", "e5",
            ".e5", "--1", "+-1", "1.2.3", "1.-2", "NaN", "inf", "-inf", "\u{661}", "1e5.0", "1.\t",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn what_json_takes_is_taken_as_it_is(text in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?(e[+-][0-9]{1,2})?") {
            check(&text, Some(&text));
        }

        #[test]
        fn a_number_that_is_rewritten_has_the_same_value(
            sign in "[+]?", zeros in "0{0,3}", whole in "[0-9]{1,12}", fraction in "[0-9]{0,9}",
        ) {
            let number = csv_number(&format!("{sign}{zeros}{whole}.{fraction}")).unwrap();
            let places = fraction.len();
            let expected: Decimal = format!("{whole}{fraction}e-{places}").parse().unwrap();
            prop_assert_eq!(Decimal::of(&number).unwrap(), expected);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,12}") {
            let _ = csv_number(&text);
        }
    }
}
