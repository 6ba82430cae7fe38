//! Describes what is wrong with a JSON text, without quoting it.

use serde_json::error::Category;

/// What `serde_json` found, for a log or a dead letter. If a value is not what was expected, `serde_json` quotes the
/// value. Such a message is replaced by the place of the value. Messages about the syntax, and about missing and
/// duplicate members, quote no value and stay.
#[must_use]
pub fn json_problem(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let names_a_member =
        message.starts_with("missing field") || message.starts_with("duplicate field");
    match error.classify() {
        Category::Data if !names_a_member => {
            let (line, column) = (error.line(), error.column());
            format!("a value that is not what was expected, at line {line} column {column}")
        }
        Category::Data | Category::Syntax | Category::Eof | Category::Io => message,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::Timestamp;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read for its errors")]
    struct Typed {
        id: String,
        at: Option<Timestamp>,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    enum Kind {
        A,
    }

    #[test]
    fn no_problem_quotes_a_value() {
        for (text, expected) in [
            (r#""s3cret""#, "at line 1 column 8"),
            (r#"{"id":"a","at":"s3cret"}"#, "at line 1 column"),
            (r#"{"id":"a","kind":"s3cret"}"#, "at line 1 column"),
            (r#"{"id":["s3cret"]}"#, "at line 1 column"),
            (r#"{"id":1234567}"#, "at line 1 column"),
            (r#"{"at":"2026-01-01T00:00:00Z"}"#, "missing field `id`"),
            (r#"{"id":"s3cret","id":"s3cret"}"#, "duplicate field `id`"),
            (r#"{"id":"s3cret"#, "EOF while parsing a string"),
            (r#"{"id":"s3cret\q"}"#, "invalid escape"),
            (r#"{"id":s3cret}"#, "expected value"),
        ] {
            let problem = json_problem(&serde_json::from_str::<Typed>(text).unwrap_err());
            assert!(problem.contains(expected), "{text}: {problem}");
            assert!(!problem.contains("s3cret") && !problem.contains("1234567"), "{problem}");
        }
    }
}
