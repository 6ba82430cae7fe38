//! What is wrong with a JSON text, without anything of what it holds.

use serde_json::error::Category;

/// What `serde_json` found, as a person may read it in a log or in a dead letter. Of a value that is not what
/// was expected it quotes the value, so that such a message is replaced by the place alone; what it says
/// of the syntax, and that a member is missing, quotes nothing.
#[must_use]
pub fn json_problem(error: &serde_json::Error) -> String {
    let told = error.to_string();
    let names_a_member = told.starts_with("missing field") || told.starts_with("duplicate field");
    match error.classify() {
        Category::Data if !names_a_member => {
            let (line, column) = (error.line(), error.column());
            format!("a value that is not what was expected, at line {line} column {column}")
        }
        Category::Data | Category::Syntax | Category::Eof | Category::Io => told,
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
