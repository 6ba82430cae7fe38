//! Splits the text of `Fn::Sub` into literals and variables.
//!
//! `${Name}` and `${Name.Attribute}` stand for values, `${!Name}` for the literal `${Name}`
//! (docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-sub.html).

/// A part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Text that is kept as it is.
    Literal(&'a str),
    /// The text between `${` and `}`.
    Variable(&'a str),
}

/// The parts in their order. The error says what is wrong with the text.
pub(super) fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if !before.is_empty() {
            parts.push(Part::Literal(before));
        }
        let Some((name, tail)) = after.split_once('}') else {
            return Err("has a ${ without its }".to_owned());
        };
        if let Some(literal) = name.strip_prefix('!') {
            parts.extend([Part::Literal("${"), Part::Literal(literal), Part::Literal("}")]);
        } else if is_variable(name) {
            parts.push(Part::Variable(name));
        } else {
            return Err(format!(
                "has ${{{name}}}: a variable is letters, digits, underscores, periods and colons"
            ));
        }
        rest = tail;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest));
    }
    Ok(parts)
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_variable_byte)
}

fn is_variable_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.:".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::Part::{Literal, Variable};
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[Part<'_>]) {
        assert_eq!(parts(text).as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn variables_and_literals_are_told_apart() {
        check("", &[]);
        check("plain $5 } {", &[Literal("plain $5 } {")]);
        check("${A}", &[Variable("A")]);
        check(
            "a${A.B}${AWS::Region}c",
            &[Literal("a"), Variable("A.B"), Variable("AWS::Region"), Literal("c")],
        );
        check("${!A}", &[Literal("${"), Literal("A"), Literal("}")]);
        check(r#"{"a":"${A}"}"#, &[Literal(r#"{"a":""#), Variable("A"), Literal(r#""}"#)]);
    }

    #[test]
    fn a_malformed_variable_is_named() {
        for (text, expected) in [
            ("${", "without its }"),
            ("a ${B", "without its }"),
            ("${}", "${}"),
            ("${a b}", "${a b}"),
        ] {
            let wrong = parts(text).unwrap_err();
            assert!(wrong.contains(expected), "{text}: {wrong}");
        }
    }
}
