//! The problems of contracts, as text for people, as JSON, and as annotations of a GitHub workflow.

use contracts::Position;
use serde_json::{Value, json};

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The file, from the repository's root.
    pub(super) file: String,
    /// `None` if the problem is about the whole file, or its place is not known.
    pub(super) position: Option<Position>,
    /// What is wrong.
    pub(super) what: String,
    /// What to do about it.
    pub(super) next: Option<String>,
}

impl Problem {
    pub(super) fn new(file: String, what: impl Into<String>) -> Self {
        Self { file, position: None, what: what.into(), next: None }
    }

    pub(super) fn at(self, position: Option<Position>) -> Self {
        Self { position, ..self }
    }

    pub(super) fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }

    /// The problem for people: `infra/contracts/orders/contract.yaml:3:7: …`, with what to do on a line of its own.
    pub(super) fn text(&self) -> String {
        let mut text = match self.position {
            Some(Position { line, column }) => format!("{}:{line}:{column}: ", self.file),
            None => format!("{}: ", self.file),
        };
        text.push_str(&self.what);
        if let Some(next) = &self.next {
            text.push_str(&format!("\n  next: {next}"));
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "file": self.file,
            "line": self.position.map(|position| position.line),
            "column": self.position.map(|position| position.column),
            "what": self.what,
            "next": self.next,
        })
    }

    /// A workflow command of GitHub Actions:
    /// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message>.
    pub(super) fn annotation(&self) -> String {
        let mut place = format!("file={}", escaped_property(&self.file));
        if let Some(Position { line, column }) = self.position {
            place.push_str(&format!(",line={line},col={column}"));
        }
        format!("::error {place}::{}", escaped(&self.what))
    }
}

/// Escapes the message of a workflow command, as the official toolkit does:
/// <https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts>.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property, which must not have a colon or a comma either.
fn escaped_property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_written_with_its_place() {
        let position = Some(Position { line: 3, column: 7 });
        let problem = Problem::new("a.yaml".to_owned(), "100% wrong:\nreally").at(position);
        assert_eq!(problem.text(), "a.yaml:3:7: 100% wrong:\nreally");
        assert_eq!(
            problem.annotation(),
            "::error file=a.yaml,line=3,col=7::100%25 wrong:%0Areally"
        );
        let without = Problem::new("a,b.yaml".to_owned(), "no").next("mend it");
        assert_eq!(without.text(), "a,b.yaml: no\n  next: mend it");
        assert_eq!(without.annotation(), "::error file=a%2Cb.yaml::no");
        assert_eq!(without.json()["line"], Value::Null);
    }
}
