//! The width and colours of a report.

use std::io::{IsTerminal as _, stdout};

use runtime::env::Process;

use super::Output;
use super::colour::is_coloured;
use super::text::label_lines;
use crate::options::Color;

/// A report's width and colours.
pub(crate) struct Page {
    /// In columns, of a table.
    pub(crate) width: usize,
    /// In columns, of words.
    pub(crate) words: usize,
    pub(crate) is_coloured: bool,
}

impl Page {
    pub(crate) fn new(output: &Output, asked: Color) -> Self {
        let is_coloured = is_coloured(asked, stdout().is_terminal(), &Process);
        Self { width: output.table_width(), words: output.width(), is_coloured }
    }

    #[cfg(test)]
    pub(crate) fn plain(width: usize) -> Self {
        Self { width, words: width.min(120), is_coloured: false }
    }

    pub(crate) fn paint(&self, text: &str, colour: Option<&str>) -> String {
        match colour.filter(|_| self.is_coloured && !text.is_empty()) {
            Some(colour) => format!("\x1b[{colour}m{text}\x1b[0m"),
            None => text.to_owned(),
        }
    }

    /// The same, and nothing if nothing is said.
    pub(crate) fn line_if_any(&self, label: &str, said: &str) -> Vec<String> {
        if said.is_empty() { Vec::new() } else { self.line(label, said) }
    }

    /// `  label         what is said of it`, wrapped at words.
    pub(crate) fn line(&self, label: &str, said: &str) -> Vec<String> {
        label_lines(label, said, self.words)
    }
}
