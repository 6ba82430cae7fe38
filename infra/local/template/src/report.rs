//! Collects the problems and warnings of a template, so that one reading reports all of them.
//!
//! Readers continue after a problem, and [`Report::finish`] decides at the end. Nothing here is
//! formatted for a terminal.

use std::cell::{Cell, RefCell};

/// Problems beyond this number are only counted.
const MAX_PROBLEMS: usize = 100;
/// Messages quote the template. A longer message is cut.
const MAX_MESSAGE_BYTES: usize = 1_000;

/// One thing that is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The line of the template that it is on; the first line is 1.
    pub line: usize,
    /// What is wrong, with the path of the property: at most 1000 bytes, without the file's name.
    pub message: String,
}

/// Everything that is wrong with a template that cannot be started.
///
/// It is displayed as one line for each problem: `template.yaml:57:
/// EnrichFunction.Properties.ImageConfig is not emulated`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", lines(file, problems, *more))]
pub struct TemplateError {
    /// The template's file name, from [`Options::file`](crate::Options::file).
    pub file: String,
    /// The first 100 problems, in the order of their lines.
    pub problems: Vec<Problem>,
    /// How many further problems were found.
    pub more: usize,
}

fn lines(file: &str, problems: &[Problem], more: usize) -> String {
    let mut text = problems
        .iter()
        .map(|problem| format!("{file}:{}: {}", problem.line, problem.message))
        .collect::<Vec<_>>();
    if more > 0 {
        text.push(format!("{file}: and {more} more"));
    }
    text.join("\n")
}

fn shorten(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message.push('…');
    }
    message
}

/// Collects problems and warnings while a template is read.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: RefCell<Vec<Problem>>,
    more: Cell<usize>,
    /// What is ignored because it is harmless, with the logical ids that declare it, in the order
    /// of their first appearance.
    harmless: RefCell<Vec<(String, Vec<String>)>>,
}

impl Report {
    pub(super) fn problem(&self, line: usize, message: impl Into<String>) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MAX_PROBLEMS {
            problems.push(Problem { line, message: shorten(message.into()) });
        } else {
            self.more.set(self.more.get() + 1);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// `what` has to be the subject of a sentence: `encryption (SSESpecification)`.
    pub(super) fn harmless(&self, what: String, logical_id: &str) {
        let mut harmless = self.harmless.borrow_mut();
        match harmless.iter_mut().find(|(known, _)| *known == what) {
            Some((_, ids)) if ids.last().is_some_and(|id| id == logical_id) => {}
            Some((_, ids)) => ids.push(logical_id.to_owned()),
            None => harmless.push((what, vec![logical_id.to_owned()])),
        }
    }

    /// The warnings, or the error if there was any problem.
    pub(super) fn finish(self, file: &str) -> Result<Vec<String>, TemplateError> {
        let mut problems = self.problems.into_inner();
        if problems.is_empty() {
            let harmless = self.harmless.borrow();
            let warnings = harmless
                .iter()
                .map(|(what, ids)| format!("{what} is not emulated: {}", ids.join(", ")));
            return Ok(warnings.collect());
        }
        problems.sort_by_key(|problem| problem.line);
        Err(TemplateError { file: file.to_owned(), problems, more: self.more.get() })
    }
}
