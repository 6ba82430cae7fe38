//! CSV fields as the JSON values that a schema expects, and a number as people write it there.

use serde_json::{Number, Value};

use super::{Schema, Type, Violation, integer};

impl Schema {
    /// A CSV field as the JSON value that this schema's member of that name expects.
    ///
    /// A field with no declared type stays a string.
    pub(crate) fn typed(&self, name: &str, text: &str) -> Result<Value, Violation> {
        let Some(schema) = self.properties.get(name) else { return Ok(text.into()) };
        for expected in &schema.types {
            let value = match expected {
                Type::Integer => csv_number(text).and_then(integer).map(Value::Number),
                Type::Number => csv_number(text).map(Value::Number),
                Type::Boolean => text.parse::<bool>().ok().map(Value::Bool),
                Type::String => Some(Value::from(text)),
                Type::Null | Type::Array | Type::Object => None,
            };
            if let Some(value) = value {
                return Ok(value);
            }
        }
        if schema.types.is_empty() {
            return Ok(text.into());
        }
        let problem = format!("expected {}, found other text", schema.expectation());
        Err(Violation::here(problem).below(name))
    }

    /// A CSV field as this schema's column of that name has it. A field without text is null where the schema
    /// takes null there and no text.
    ///
    /// # Errors
    /// What is wrong with it, with its column; nothing of what it holds.
    pub fn csv_value(&self, name: &str, text: &str) -> Result<Value, String> {
        let types = self.properties.get(name).map_or(&[][..], |column| &column.types);
        if text.is_empty() && types.contains(&Type::Null) && !types.contains(&Type::String) {
            return Ok(Value::Null);
        }
        self.typed(name, text)
            .map_err(|violation| format!("`{}`: {}", violation.at, violation.problem))
    }
}

/// The field as a JSON number with the same digits; `None` if it is none.
///
/// A plus sign, zeros at the front, a point without digits on one side (`+1`, `007`, `.5`, `5.`) are
/// no JSON (RFC 8259, section 6) and mean what they say, so that they are rewritten. Nothing else is:
/// no spaces, no separators of thousands, no other radix, no `NaN`. An exponent is written with its sign.
fn csv_number(text: &str) -> Option<Number> {
    let is_of_a_number = |byte: u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    if !text.bytes().all(is_of_a_number) {
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
    // What is wrong in any of the parts is wrong as JSON.
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
