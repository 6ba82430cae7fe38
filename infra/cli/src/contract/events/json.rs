//! Splits a text into lines or JSON documents, without parsing them.

use std::io::{self, BufRead};

use event::MAX_PAYLOAD_BYTES;

/// How many bytes of a document are kept. One more than an event may have, so that the parser refuses it.
const KEPT: usize = MAX_PAYLOAD_BYTES + 1;

/// The lines of a text.
pub(super) struct Lines<R> {
    text: R,
    number: u64,
}

/// A line without its line end. Of a line that is too long for an event, only the beginning is kept.
pub(super) struct Line {
    /// The first line is 1.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(text: R) -> Self {
        Self { text, number: 0 }
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line: Option<Vec<u8>> = None;
        loop {
            let bytes = self.text.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            let kept = line.get_or_insert_default();
            let room = KEPT.saturating_sub(kept.len());
            kept.extend_from_slice(&part[..part.len().min(room)]);
            let taken = end.map_or(bytes.len(), |end| end + 1);
            self.text.consume(taken);
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        Ok(line.map(|bytes| Line { number: self.number, bytes }))
    }
}

/// The documents of a text: the items of an array, or documents with or without white space between them.
pub(super) struct Documents<R> {
    text: R,
    is_array: bool,
    is_begun: bool,
}

impl<R: BufRead> Documents<R> {
    pub(super) fn new(text: R, is_array: bool) -> Self {
        Self { text, is_array, is_begun: false }
    }

    /// The next document; `None` at the end. Of a document that is too long for an event, only the beginning is kept.
    ///
    /// The text is split at brackets and quotes. What is malformed is for the parser to refuse.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.is_array && !self.is_begun {
            self.peek_text()?;
            self.text.consume(1);
        }
        self.is_begun = true;
        let Some(first) = self.peek_document()? else { return Ok(None) };
        let mut document = Vec::new();
        let mut scan = Scan { depth: 0, is_quoted: false, is_escaped: false };
        loop {
            let Some(byte) = self.peek()? else { return Ok(Some(document)) };
            let is_bare = !matches!(first, b'{' | b'[' | b'"');
            if is_bare && !document.is_empty() && ends_scalar(byte) {
                return Ok(Some(document));
            }
            self.text.consume(1);
            if document.len() < KEPT {
                document.push(byte);
            }
            if scan.ends_with(byte) && !is_bare {
                return Ok(Some(document));
            }
        }
    }

    /// The first byte of the next document, which is not taken.
    fn peek_document(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.peek_text()? {
                Some(b',') if self.is_array => self.text.consume(1),
                Some(b']') if self.is_array => return Ok(None),
                other => return Ok(other),
            }
        }
    }

    /// The next byte that is not white space, which is not taken.
    fn peek_text(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.peek()? {
                Some(byte) if byte.is_ascii_whitespace() => self.text.consume(1),
                other => return Ok(other),
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.text.fill_buf()?.first().copied())
    }
}

fn ends_scalar(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'{' | b'[' | b'"')
}

/// Where in a document the bytes are.
struct Scan {
    depth: usize,
    is_quoted: bool,
    is_escaped: bool,
}

impl Scan {
    /// Takes the next byte, and says whether the document ends with it.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.is_quoted {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_quoted = false,
                _ => {}
            }
            return !self.is_quoted && self.depth == 0;
        }
        match byte {
            b'"' => self.is_quoted = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}
