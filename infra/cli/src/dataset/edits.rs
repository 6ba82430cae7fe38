//! Changes of a text in place: whatever is not named stays as it is.

/// So many bytes of a text, and what takes their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) at: usize,
    pub(super) length: usize,
    pub(super) text: String,
}

/// What was written, and where: an offset in the text as it is after all edits.
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
    /// The line that it is on, in the text that has it; the first is 1.
    pub(super) fn line(&self, text: &str) -> usize {
        text.get(..self.at).unwrap_or(text).matches('\n').count() + 1
    }
}

/// Makes an edit, and notes what it has written; what was written before moves along.
pub(super) fn apply(text: &mut String, edit: &Edit, what: String, written: &mut Vec<Written>) {
    let grown = edit.text.len();
    for each in written.iter_mut().filter(|each| each.at >= edit.at + edit.length) {
        each.at = each.at + grown - edit.length;
    }
    text.replace_range(edit.at..edit.at + edit.length, &edit.text);
    let blank = edit.text.len() - edit.text.trim_start().len();
    written.push(Written { at: edit.at + blank, what });
}

/// The end of the line that this place is on, or that the text before it ends on.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let at = text[..at].trim_end().len();
    text[at..].find('\n').map_or(text.len(), |length| at + length)
}
