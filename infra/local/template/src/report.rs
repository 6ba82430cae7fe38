//! What is wrong with a template, and what is harmless: collected, so that one reading tells all.
//!
//! It formats nothing for a terminal and stops nothing: readers go on after a problem, and the
//! caller asks at the end.

use std::cell::{Cell, RefCell};

/// Problems beyond this number are counted, not kept.
const MAX_PROBLEMS: usize = 100;
/// A message quotes the template, but not all of it.
const MAX_MESSAGE_BYTES: usize = 1_000;

/// One thing that is wrong, and the line it is on (the first is 1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub line: usize,
    pub message: String,
}

/// A template that is not started: everything that is wrong with it, in the order of its lines.
///
/// Displayed as one line a problem: `template.yaml:57: EnrichFunction.Properties.VpcConfig is not
/// emulated`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", lines(file, problems, *more))]
pub struct TemplateError {
    /// The template's file name, as the options gave it.
    pub file: String,
    pub problems: Vec<Problem>,
    /// How many more problems there are than `problems` holds.
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

fn shortened(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message.push('…');
    }
    message
}

/// Collects while a template is read.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: RefCell<Vec<Problem>>,
    more: Cell<usize>,
    /// What is harmless, with the logical ids that declare it, in order of first appearance.
    harmless: RefCell<Vec<(String, Vec<String>)>>,
}

impl Report {
    pub(super) fn problem(&self, line: usize, message: impl Into<String>) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MAX_PROBLEMS {
            problems.push(Problem { line, message: shortened(message.into()) });
        } else {
            self.more.set(self.more.get() + 1);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// `what` reads as a sentence's subject: `encryption (SSESpecification)`.
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
            let warning = |(what, ids): (String, Vec<String>)| {
                format!("{what} is not emulated: {}", ids.join(", "))
            };
            return Ok(self.harmless.into_inner().into_iter().map(warning).collect());
        }
        problems.sort_by_key(|problem| problem.line);
        Err(TemplateError { file: file.to_owned(), problems, more: self.more.get() })
    }
}
