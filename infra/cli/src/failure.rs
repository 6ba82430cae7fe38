//! Errors for people: what happened, why, and what to do next.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    causes: Vec<String>,
    next: Option<String>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), causes: Vec::new(), next: None }
    }

    /// A file that was given cannot be read.
    pub(crate) fn unreadable(path: &Path, error: io::Error) -> Self {
        let is_missing = error.kind() == io::ErrorKind::NotFound;
        let failure = Self::new(format!("{} cannot be read", path.display())).because(error);
        match is_missing {
            true => failure.next("give the path of a file, as seen from the current folder"),
            false => failure,
        }
    }

    /// Adds an error and its causes. A cause whose text is already part of the error before it is
    /// left out.
    pub(crate) fn because(mut self, error: impl Error) -> Self {
        self.causes.push(error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !self.causes.iter().any(|cause| cause.contains(&text)) {
                self.causes.push(text);
            }
            source = cause.source();
        }
        self
    }

    /// Adds what to do about it: a sentence, or a command.
    pub(crate) fn next(mut self, advice: impl Into<String>) -> Self {
        self.next = Some(advice.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        for cause in &self.causes {
            write!(f, "\n  because: {}", cause.replace('\n', "\n    "))?;
        }
        match &self.next {
            Some(next) => write!(f, "\n  next: {next}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer: {source}")]
    struct Outer {
        source: std::io::Error,
    }

    #[test]
    fn a_cause_is_told_once_and_the_advice_comes_last() {
        let outer = Outer { source: std::io::Error::other("inner") };
        let failure = Failure::new("it broke").because(outer).next("mend it");
        assert_eq!(
            failure.to_string(),
            "error: it broke\n  because: outer: inner\n  next: mend it"
        );
    }
}
