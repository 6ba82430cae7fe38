//! JSON documents one after another, with or without white space between them, or as the items of an array.
//!
//! This module only finds where a document ends, by counting brackets outside of strings. Whether it is an event is
//! decided by who parses it. The memory is bounded: of a document that is longer than an event may be, only the length
//! is kept.
//!
//! A document that is not JSON must not take those after it with it. A document therefore also ends
//! - before a `{` behind a `}`, or within an array behind `},`, if it is inside of an object, where JSON has no such `{`;
//! - before a line that begins like its own first line, with the same white space and a `{`, if no value may be there,
//!   if a bracket did not fit the one that it closed, or if a string had a line end, which JSON does not allow.

use super::buffer::Buffer;
use super::entry::{Content, Entry, Place};
use super::lines::BYTE_ORDER_MARK;
use super::scan::{Indent, Scan, Step};

pub(super) struct Documents {
    longest: usize,
    buffer: Buffer,
    /// How many bytes of the current document were removed from `buffer`, because it is too long.
    dropped: u64,
    /// How many bytes of the file are before `start`, without `dropped`.
    offset: u64,
    /// The current document; `None` between documents.
    scan: Option<Scan>,
    indent: Indent,
    is_in_array: bool,
    is_ended: bool,
}

/// What the bytes up to `end` are.
struct Piece {
    offset: u64,
    bytes: u64,
    kind: Kind,
}

enum Kind {
    Blank,
    Document(std::ops::Range<usize>),
    TooLong,
}

impl Documents {
    /// `longest` is the length of the longest document that is kept, in bytes.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            longest,
            buffer: Buffer::default(),
            dropped: 0,
            offset: 0,
            scan: None,
            indent: Indent::default(),
            is_in_array: false,
            is_ended: false,
        }
    }

    /// Goes on where this many bytes of the file precede, which end with `indent`.
    pub(super) fn at(longest: usize, offset: u64, is_in_array: bool, indent: Indent) -> Self {
        Self { offset, is_in_array, indent, ..Self::new(longest) }
    }

    /// How many bytes of the file precede the next document.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// How the line of the next document is indented.
    pub(super) fn indent(&self) -> &Indent {
        self.scan.as_ref().map_or(&self.indent, Scan::indent)
    }

    /// How many bytes came that belong to no document yet.
    pub(super) fn unread(&self) -> u64 {
        self.dropped + self.buffer.unread()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.push(bytes);
    }

    pub(super) fn end(&mut self) {
        self.is_ended = true;
    }

    /// Whether the next document is an item of an array. At the end of the file, the array is cut short.
    pub(super) fn is_in_array(&self) -> bool {
        self.is_in_array
    }

    /// The next document, or the bytes between two.
    pub(super) fn next(&mut self) -> Option<Entry<'_>> {
        let Piece { offset, bytes, kind } = match self.blank() {
            Some(blank) => blank,
            None => self.document()?,
        };
        let content = match kind {
            Kind::Blank => Content::Blank,
            Kind::Document(text) => Content::Line(&self.buffer.bytes[text]),
            Kind::TooLong => Content::TooLong { bytes },
        };
        Some(Entry { place: Place::Byte(offset), bytes, content })
    }

    /// The bytes before the next document, if there are any: white space, a byte order mark, and what makes an array.
    fn blank(&mut self) -> Option<Piece> {
        if self.scan.is_some() {
            return None;
        }
        let mut end = self.buffer.start;
        if self.offset == 0 {
            if self.buffer.bytes.len() < BYTE_ORDER_MARK.len() && !self.is_ended {
                return None;
            }
            if self.buffer.bytes.starts_with(BYTE_ORDER_MARK) {
                end = BYTE_ORDER_MARK.len();
            }
        }
        while let Some(&byte) = self.buffer.bytes.get(end) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => self.indent.push(byte),
                b'[' if !self.is_in_array => self.is_in_array = true,
                b']' if self.is_in_array => self.is_in_array = false,
                b',' if self.is_in_array => {}
                _ => break,
            }
            end += 1;
        }
        (end > self.buffer.start).then(|| self.piece(end, Kind::Blank))
    }

    fn document(&mut self) -> Option<Piece> {
        if self.buffer.start == self.buffer.bytes.len() && self.scan.is_none() {
            return None;
        }
        if self.offset == 0 && self.buffer.bytes.len() < BYTE_ORDER_MARK.len() && !self.is_ended {
            return None;
        }
        let mut scan = match self.scan.take() {
            Some(scan) => scan,
            None => Scan::new(self.is_in_array, self.indent.clone()),
        };
        while let Some(&byte) = self.buffer.bytes.get(self.buffer.scanned) {
            let length = self.dropped + (self.buffer.scanned - self.buffer.start) as u64;
            let step = scan.step(byte, &self.indent, length > self.longest as u64);
            if step == Step::EndBefore {
                return Some(self.end_document(self.buffer.scanned));
            }
            self.indent.push(byte);
            self.buffer.scanned += 1;
            if step == Step::EndAfter {
                return Some(self.end_document(self.buffer.scanned));
            }
        }
        if self.is_ended {
            return Some(self.end_document(self.buffer.scanned));
        }
        if self.buffer.scanned - self.buffer.start > self.longest || self.dropped > 0 {
            self.dropped += (self.buffer.scanned - self.buffer.start) as u64;
            self.buffer.start = self.buffer.scanned;
        }
        self.scan = Some(scan);
        None
    }

    fn end_document(&mut self, end: usize) -> Piece {
        let text = self.buffer.start..end;
        let is_too_long = self.dropped + text.len() as u64 > self.longest as u64;
        self.piece(end, if is_too_long { Kind::TooLong } else { Kind::Document(text) })
    }

    /// The piece that ends at `end`, where the next one begins.
    fn piece(&mut self, end: usize, kind: Kind) -> Piece {
        let bytes = std::mem::take(&mut self.dropped) + (end - self.buffer.start) as u64;
        let offset = self.offset;
        self.offset += bytes;
        self.buffer.start = end;
        self.buffer.scanned = end;
        Piece { offset, bytes, kind }
    }
}

#[cfg(test)]
mod tests;
