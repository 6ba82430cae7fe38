//! The canonical form, compared with the examples of RFC 8785 and with another implementation of its numbers.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn canonical(text: &str) -> String {
    let mut canonical = Vec::new();
    write_canonical(&mut canonical, &serde_json::from_str(text).unwrap()).unwrap();
    String::from_utf8(canonical).unwrap()
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(canonical(text), expected);
}

#[test]
fn order_spacing_and_the_spelling_of_numbers_do_not_matter() {
    check(r#"{ "b": 1.0, "a": [1e2, "\u0061"] }"#, r#"{"a":[100,"a"],"b":1}"#);
    check("[true, false, null, \"\\u001f\\n\"]", "[true,false,null,\"\\u001f\\n\"]");
}

/// RFC 8785, section 3.2.3.
#[test]
fn members_are_sorted_by_utf_16() {
    let text = "{\"\u{20ac}\":1,\"\\r\":2,\"\u{fb33}\":3,\"1\":4,\"\u{1f600}\":5,\"\u{80}\":6,\"\u{f6}\":7}";
    let expected = "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
    check(text, expected);
}

/// RFC 8785, appendix B, as far as 15 digits go.
#[test]
fn numbers_of_few_digits_are_written_as_the_rfc_has_them() {
    for (text, expected) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0e5", "0"),
        ("1E21", "1e+21"),
        ("123456789012345e6", "123456789012345000000"),
        ("123456789012345e7", "1.23456789012345e+21"),
        ("-1e-7", "-1e-7"),
        ("0.000001", "0.000001"),
        ("0.00000123", "0.00000123"),
        ("0.000000123", "1.23e-7"),
        ("-12.50", "-12.5"),
        ("1e+2", "100"),
        ("295147905179352", "295147905179352"),
        ("-123456789012345", "-123456789012345"),
        ("5e-130", "5e-130"),
    ] {
        check(text, expected);
    }
}

/// A number on its own is written as it is within a payload.
#[test]
fn a_number_by_itself_has_the_same_form() {
    for text in ["7", "7.0", "-0", "12345678901234567890123", "1e-7", "123456789012345"] {
        let number: Number = serde_json::from_str(text).unwrap();
        assert_eq!(canonical_number(&number).unwrap(), canonical(text));
    }
    let beyond: Number = serde_json::from_str("1e126").unwrap();
    assert_eq!(canonical_number(&beyond), Err(DecimalError::OutOfRange));
}

#[test]
fn neighbours_beyond_a_doubles_digits_stay_apart() {
    check("9007199254740993", "9007199254740993");
    check("9007199254740992", "9007199254740992");
    check("-9007199254740995.0", "-9007199254740995");
    check("12345678901234567890123", "1.2345678901234567890123e+22");
    check("0.10000000000000000000000001", "0.10000000000000000000000001");
    assert_ne!(canonical("123456789012345678901"), canonical("123456789012345678902"));
    assert_ne!(canonical("9007199254740993"), canonical("\"9007199254740993\""));
}

#[test]
fn a_number_without_a_canonical_form_is_named_by_its_pointer() {
    for (text, at) in [
        (r#"{"a/b": [1, {"~": 1e126}]}"#, "/a~1b/1/~0"),
        (r#"{"a": 1e-131}"#, "/a"),
        ("123456789012345678901234567890123456789", ""),
    ] {
        let error = Fingerprint::of(&serde_json::from_str(text).unwrap()).unwrap_err();
        assert_eq!(error.at, at);
        assert!(check_numbers(&serde_json::from_str(text).unwrap()).is_err_and(|it| it.at == at));
        assert!(error.to_string().contains("38 significant digits"), "{error}");
    }
}

#[test]
fn a_fingerprint_is_the_sha256_of_the_canonical_text() {
    // printf '{}' | sha256sum
    let expected = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(Fingerprint::of(&json!({})).unwrap().as_str(), expected);
    assert_eq!(Fingerprint::of(&json!({})).unwrap().to_string(), expected);
}

/// A number of at most 15 significant digits within the range of a double, in one of its spellings.
fn short_number() -> impl Strategy<Value = String> {
    let mantissa = -999_999_999_999_999_i64..=999_999_999_999_999;
    (mantissa, -120_i32..=100, 0_usize..3).prop_map(|(mantissa, exponent, zeros)| {
        let zeros = "0".repeat(zeros);
        match exponent {
            0 => format!("{mantissa}"),
            _ if zeros.is_empty() => format!("{mantissa}e{exponent}"),
            _ => format!("{mantissa}.{zeros}E{exponent:+}"),
        }
    })
}

proptest! {
    /// `ryu-js` writes doubles as ECMAScript does, and shares no code with this crate.
    #[test]
    fn a_number_that_a_double_keeps_is_written_as_a_double_is(text in short_number()) {
        let double: f64 = text.parse().unwrap();
        let expected = ryu_js::Buffer::new().format(double).to_owned();
        prop_assert_eq!(canonical(&text), expected);
    }

    #[test]
    fn a_canonical_number_is_its_own_canonical_form_and_has_the_same_value(
        digits in "-?[1-9][0-9]{0,37}", exponent in -120_i32..80,
    ) {
        let text = format!("{digits}e{exponent}");
        let once = canonical(&text);
        prop_assert_eq!(canonical(&once), once.clone());
        prop_assert_eq!(once.parse::<Decimal>(), text.parse::<Decimal>());
    }

    /// Moving the point and the exponent by the same amount does not change the value, and changing a digit always
    /// does.
    #[test]
    fn two_numbers_have_one_form_if_and_only_if_they_are_equal(
        digits in "[1-9][0-9]{1,36}", exponent in -60_i32..60, last in 1_u8..9,
    ) {
        let (first, rest) = digits.split_at(1);
        let places = i32::try_from(rest.len()).unwrap();
        let moved = format!("{first}.{rest}e{}", exponent + places);
        prop_assert_eq!(canonical(&format!("{digits}e{exponent}")), canonical(&moved));
        let (one, other) = (format!("{digits}{last}e{exponent}"), format!("{digits}{}e{exponent}", last + 1));
        prop_assert_ne!(canonical(&one), canonical(&other));
    }
}
