//! Finds the JSON documents of a file: one after another, with or without white space between them, and the items of arrays.

use std::ops::Range;

use crate::json::value_at;

/// A file that is to be JSON stops being so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson {
    /// How many of its bytes are before that.
    pub at: usize,
}

/// The documents of a file, after a byte order mark if there is one. An array is no document, and its items are.
///
/// # Errors
/// If the file is not JSON.
pub(crate) fn split(bytes: &[u8]) -> Result<Vec<Range<usize>>, NotJson> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return Err(NotJson { at: error.valid_up_to() }),
    };
    let marked = text.len() - text.strip_prefix('\u{feff}').unwrap_or(text).len();
    let (mut documents, mut at) = (Vec::new(), marked);
    loop {
        at = skip_space(bytes, at);
        match bytes.get(at) {
            None => return Ok(documents),
            Some(b'[') => at = items(text, at + 1, &mut documents)?,
            Some(_) => at = document(text, at, &mut documents)?,
        }
    }
}

/// Adds the items of an array whose bracket is before `at`. Returns where it ends.
fn items(text: &str, mut at: usize, documents: &mut Vec<Range<usize>>) -> Result<usize, NotJson> {
    let bytes = text.as_bytes();
    at = skip_space(bytes, at);
    if bytes.get(at) == Some(&b']') {
        return Ok(at + 1);
    }
    loop {
        at = skip_space(bytes, at);
        at = skip_space(bytes, document(text, at, documents)?);
        match bytes.get(at) {
            Some(b',') => at += 1,
            Some(b']') => return Ok(at + 1),
            _ => return Err(NotJson { at }),
        }
    }
}

/// Adds the document at `at`. Returns where it ends.
fn document(text: &str, at: usize, documents: &mut Vec<Range<usize>>) -> Result<usize, NotJson> {
    let end = value_at(text, at).ok_or(NotJson { at })?;
    documents.push(at..end);
    Ok(end)
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}
