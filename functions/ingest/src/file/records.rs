//! The records of CSV, split as the bytes arrive.
//!
//! The automaton decides where a record ends. This module adds the bytes of each record, for its dead letter, the line
//! on which it begins, and a limit of its length: a longer record ends at the next line end, even within quotes.
//! Without that limit, one stray quote would make the rest of the file a single record.

use std::ops::Range;

use super::automaton::Automaton;
use super::buffer::Buffer;
use super::entry::{Content, Entry, Place};
use super::lines::BYTE_ORDER_MARK;

pub(super) struct Records {
    longest: usize,
    delimiter: u8,
    automaton: Automaton,
    /// If nothing of it is scanned, no record has begun.
    buffer: Buffer,
    /// How many bytes a record that is too long has so far. They are not kept in `buffer`.
    too_long: Option<u64>,
    lines: LineCounter,
    /// The line on which the current record begins.
    line: u64,
    /// Whether the next bytes may be the file's byte order mark.
    is_at_start: bool,
    is_ended: bool,
}

/// An entry whose content is given as ranges of `buffer`.
struct Piece {
    line: u64,
    bytes: u64,
    kind: Kind,
}

enum Kind {
    Blank,
    Record(Range<usize>),
    Unclosed(Range<usize>),
    TooLong { bytes: u64 },
}

impl Records {
    /// `longest` is the length of the longest record that is kept, in bytes; `delimiter` is the ASCII character between
    /// two fields.
    pub(super) fn new(longest: usize, delimiter: u8) -> Self {
        Self {
            longest,
            delimiter,
            automaton: Automaton::new(delimiter),
            buffer: Buffer::default(),
            too_long: None,
            lines: LineCounter { line: 1, is_after_cr: false },
            line: 1,
            is_at_start: true,
            is_ended: false,
        }
    }

    /// For records apart from their file. Their first bytes are never a byte order mark.
    pub(super) fn after_header(longest: usize, delimiter: u8) -> Self {
        Self { is_at_start: false, ..Self::new(longest, delimiter) }
    }

    /// Goes on at a record that begins on this line.
    pub(super) fn at(longest: usize, delimiter: u8, line: u64, is_after_cr: bool) -> Self {
        let lines = LineCounter { line, is_after_cr };
        Self { lines, line, ..Self::after_header(longest, delimiter) }
    }

    /// Where the next record begins: its line, and whether the byte before it is a CR. `None` while a record that is too
    /// long is skipped.
    pub(super) fn place(&self) -> Option<(u64, bool)> {
        let LineCounter { line, is_after_cr } = self.lines;
        self.too_long.is_none().then_some((line, is_after_cr))
    }

    /// How many bytes came that belong to no record yet.
    pub(super) fn unread(&self) -> u64 {
        self.too_long.unwrap_or(0) + self.buffer.unread()
    }

    /// The ASCII character between two fields.
    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.push(bytes);
    }

    pub(super) fn end(&mut self) {
        self.is_ended = true;
    }

    /// The next record, or the blank lines before it. The last record needs no line end.
    pub(super) fn next(&mut self) -> Option<Entry<'_>> {
        let Piece { line, bytes, kind } = self.next_piece()?;
        let content = match kind {
            Kind::Blank => Content::Blank,
            Kind::Record(raw) => {
                Content::Record { raw: &self.buffer.bytes[raw], fields: self.automaton.fields() }
            }
            Kind::Unclosed(raw) => Content::Unclosed { raw: &self.buffer.bytes[raw] },
            Kind::TooLong { bytes } => Content::TooLong { bytes },
        };
        Some(Entry { place: Place::Line(line), bytes, content })
    }

    fn next_piece(&mut self) -> Option<Piece> {
        if self.is_at_start {
            if self.buffer.bytes.len() < BYTE_ORDER_MARK.len() && !self.is_ended {
                return None;
            }
            self.is_at_start = false;
            if self.buffer.bytes.starts_with(BYTE_ORDER_MARK) {
                return Some(self.blank(BYTE_ORDER_MARK.len()));
            }
        }
        loop {
            if let Some(dropped) = self.too_long {
                return self.rest_of_too_long(dropped);
            }
            if self.buffer.scanned == self.buffer.start {
                let unread = &self.buffer.bytes[self.buffer.start..];
                let line_ends = unread.iter().take_while(|&&byte| is_line_end(byte)).count();
                if line_ends > 0 {
                    return Some(self.blank(line_ends));
                }
                self.line = self.lines.line;
                self.automaton.begin_record();
            }
            if self.buffer.scanned == self.buffer.bytes.len() {
                let is_open = self.is_ended && self.buffer.start < self.buffer.scanned;
                return is_open.then(|| self.last_record());
            }
            let room = self.longest + 1 - (self.buffer.scanned - self.buffer.start);
            let end = self.buffer.bytes.len().min(self.buffer.scanned + room);
            if let Some(read) = self.automaton.read(&self.buffer.bytes[self.buffer.scanned..end]) {
                self.buffer.scanned += read;
                return Some(self.whole_record());
            }
            self.buffer.scanned = end;
            if self.buffer.scanned - self.buffer.start > self.longest {
                self.too_long = Some((self.buffer.scanned - self.buffer.start) as u64);
                self.discard_before(self.buffer.scanned);
                self.automaton.reset();
            }
        }
    }

    fn blank(&mut self, bytes: usize) -> Piece {
        let line = self.lines.line;
        self.discard_before(self.buffer.start + bytes);
        Piece { line, bytes: bytes as u64, kind: Kind::Blank }
    }

    /// The record that ended with the byte before `scanned`. If CRLF ended it, that byte is the CR.
    fn whole_record(&mut self) -> Piece {
        let raw = self.buffer.start..self.buffer.scanned - 1;
        let bytes = (self.buffer.scanned - self.buffer.start) as u64;
        self.discard_before(self.buffer.scanned);
        Piece { line: self.line, bytes, kind: Kind::Record(raw) }
    }

    /// The last record, which has no line end. The automaton is given one: if that does not end the record, a quote is
    /// open.
    fn last_record(&mut self) -> Piece {
        let raw = self.buffer.start..self.buffer.scanned;
        let bytes = raw.len() as u64;
        self.discard_before(self.buffer.scanned);
        let is_closed = self.automaton.read(b"\n").is_some();
        let kind = if is_closed { Kind::Record(raw) } else { Kind::Unclosed(raw) };
        Piece { line: self.line, bytes, kind }
    }

    /// Skips a record that is too long, up to its line end. Returns it once that has come.
    fn rest_of_too_long(&mut self, dropped: u64) -> Option<Piece> {
        let unread = &self.buffer.bytes[self.buffer.start..];
        let place = unread.iter().position(|&byte| is_line_end(byte));
        let length = dropped + place.unwrap_or(unread.len()) as u64;
        let (end, bytes) = match place {
            Some(place) => (self.buffer.start + place + 1, length + 1),
            None => (self.buffer.bytes.len(), length),
        };
        self.discard_before(end);
        if place.is_none() && !self.is_ended {
            self.too_long = Some(length);
            return None;
        }
        self.too_long = None;
        Some(Piece { line: self.line, bytes, kind: Kind::TooLong { bytes: length } })
    }

    /// Goes on at `end`. The bytes before it are needed only for the entry that is returned next.
    fn discard_before(&mut self, end: usize) {
        self.lines.count(&self.buffer.bytes[self.buffer.start..end]);
        self.buffer.start = end;
        self.buffer.scanned = end;
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Counts the lines of a file. CR, LF and CRLF each end one, within quotes too.
struct LineCounter {
    /// The line of the next byte, from 1.
    line: u64,
    is_after_cr: bool,
}

impl LineCounter {
    fn count(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let ends_line = byte == b'\r' || (byte == b'\n' && !self.is_after_cr);
            self.line += u64::from(ends_line);
            self.is_after_cr = byte == b'\r';
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
