//! The width and colours of a report.

use std::io::{IsTerminal as _, stdout};

use runtime::env::Process;

use super::Output;
use super::colour::is_coloured;
use super::text::label_lines;
use crate::options::Color;

/// A report's width and colours.
pub(crate) struct Page {
    /// The width of tables, in columns.
    pub(crate) width: usize,
    /// The width of lines of words, in columns.
    pub(crate) words: usize,
    pub(crate) is_coloured: bool,
}

impl Page {
    pub(crate) fn new(output: &Output, choice: Color) -> Self {
        let is_coloured = is_coloured(choice, stdout().is_terminal(), &Process);
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

    /// [`Page::line`], or nothing if `text` is empty.
    pub(crate) fn line_if_any(&self, label: &str, text: &str) -> Vec<String> {
        if text.is_empty() { Vec::new() } else { self.line(label, text) }
    }

    /// `  label         text`, wrapped at words.
    pub(crate) fn line(&self, label: &str, text: &str) -> Vec<String> {
        label_lines(label, text, self.words)
    }
}
