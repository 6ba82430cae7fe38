//! Edits parts of a text, and leaves everything else unchanged.

/// Replaces some bytes of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// The index of the first byte that is replaced.
    pub(super) at: usize,
    /// The number of bytes that are replaced.
    pub(super) length: usize,
    pub(super) text: String,
}

/// A change that was made, with its place in the text after all edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    at: usize,
    pub(super) what: String,
}

impl Edit {
    pub(super) fn insert(at: usize, text: String) -> Self {
        Self { at, length: 0, text }
    }
}

impl Written {
    /// The line of the change in the text after all edits; the first is 1.
    pub(super) fn line(&self, text: &str) -> usize {
        text.get(..self.at).unwrap_or(text).matches('\n').count() + 1
    }
}

/// Applies an edit, and adds it to `written`. Earlier changes behind it are moved.
pub(super) fn apply(text: &mut String, edit: &Edit, what: String, written: &mut Vec<Written>) {
    let grown = edit.text.len();
    for each in written.iter_mut().filter(|each| each.at >= edit.at + edit.length) {
        each.at = each.at + grown - edit.length;
    }
    text.replace_range(edit.at..edit.at + edit.length, &edit.text);
    let blank = edit.text.len() - edit.text.trim_start().len();
    written.push(Written { at: edit.at + blank, what });
}

/// The end of the line that `at` is on. If only white space precedes it there, the end of the
/// last line before it that has text.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let at = text[..at].trim_end().len();
    text[at..].find('\n').map_or(text.len(), |length| at + length)
}
