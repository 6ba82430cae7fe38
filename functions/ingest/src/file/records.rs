//! The records of CSV, as the bytes come.
//!
//! The automaton alone decides where a record ends. Added here are the bytes of each record, which a
//! dead letter holds, the line on which it begins, and a bound: a record beyond it ends at the next
//! line end, whether or not a quote is open there. Otherwise one quote too many would swallow the rest
//! of the file.

use std::ops::Range;

use super::automaton::Automaton;
use super::entry::{Content, Entry};
use super::lines::BYTE_ORDER_MARK;

pub(super) struct Records {
    longest: usize,
    automaton: Automaton,
    buffer: Vec<u8>,
    /// Where in `buffer` the current record begins. What is before it is let go with the next push.
    start: usize,
    /// Up to where the automaton has read `buffer`. At `start`, no record has begun.
    scanned: usize,
    /// The bytes so far of a record that is too long: they are not in `buffer` any more.
    too_long: Option<u64>,
    lines: LineCounter,
    /// The line on which the current record begins.
    line: u64,
    /// Before the bytes that may be a byte order mark.
    is_at_start: bool,
    is_ended: bool,
}

/// A piece of the file; ranges are of `buffer`.
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
    /// With the length of the longest record that is kept, in bytes.
    pub(super) fn new(longest: usize) -> Self {
        Self {
            longest,
            automaton: Automaton::new(),
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            too_long: None,
            lines: LineCounter { line: 1, is_after_cr: false },
            line: 1,
            is_at_start: true,
            is_ended: false,
        }
    }

    /// For records without their file: a byte order mark is no file's first.
    pub(super) fn after_header(longest: usize) -> Self {
        Self { is_at_start: false, ..Self::new(longest) }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    pub(super) fn end(&mut self) {
        self.is_ended = true;
    }

    /// The next record, or the blank lines before it; the last record needs no line end.
    pub(super) fn next(&mut self) -> Option<Entry<'_>> {
        let Piece { line, bytes, kind } = self.next_piece()?;
        let content = match kind {
            Kind::Blank => Content::Blank,
            Kind::Record(raw) => {
                Content::Record { raw: &self.buffer[raw], fields: self.automaton.fields() }
            }
            Kind::Unclosed(raw) => Content::Unclosed { raw: &self.buffer[raw] },
            Kind::TooLong { bytes } => Content::TooLong { bytes },
        };
        Some(Entry { line, bytes, content })
    }

    fn next_piece(&mut self) -> Option<Piece> {
        if self.is_at_start {
            if self.buffer.len() < BYTE_ORDER_MARK.len() && !self.is_ended {
                return None;
            }
            self.is_at_start = false;
            if self.buffer.starts_with(BYTE_ORDER_MARK) {
                return Some(self.blank(BYTE_ORDER_MARK.len()));
            }
        }
        loop {
            if let Some(dropped) = self.too_long {
                return self.rest_of_too_long(dropped);
            }
            if self.scanned == self.start {
                let unread = &self.buffer[self.start..];
                let line_ends = unread.iter().take_while(|&&byte| is_line_end(byte)).count();
                if line_ends > 0 {
                    return Some(self.blank(line_ends));
                }
                self.line = self.lines.line;
                self.automaton.begin_record();
            }
            if self.scanned == self.buffer.len() {
                let is_open = self.is_ended && self.start < self.scanned;
                return is_open.then(|| self.last_record());
            }
            let room = self.longest + 1 - (self.scanned - self.start);
            let end = self.buffer.len().min(self.scanned + room);
            if let Some(read) = self.automaton.read(&self.buffer[self.scanned..end]) {
                self.scanned += read;
                return Some(self.whole_record());
            }
            self.scanned = end;
            if self.scanned - self.start > self.longest {
                self.too_long = Some((self.scanned - self.start) as u64);
                self.let_go(self.scanned);
                self.automaton.reset();
            }
        }
    }

    fn blank(&mut self, bytes: usize) -> Piece {
        let line = self.lines.line;
        self.let_go(self.start + bytes);
        Piece { line, bytes: bytes as u64, kind: Kind::Blank }
    }

    /// Its last byte ended it; the LF of a CRLF is not among its bytes.
    fn whole_record(&mut self) -> Piece {
        let raw = self.start..self.scanned - 1;
        let bytes = (self.scanned - self.start) as u64;
        self.let_go(self.scanned);
        Piece { line: self.line, bytes, kind: Kind::Record(raw) }
    }

    /// What the file ends with. A line end is missing there; if the automaton takes one for the text of
    /// a field, a quote is open.
    fn last_record(&mut self) -> Piece {
        let raw = self.start..self.scanned;
        let bytes = raw.len() as u64;
        self.let_go(self.scanned);
        let is_closed = self.automaton.read(b"\n").is_some();
        let kind = if is_closed { Kind::Record(raw) } else { Kind::Unclosed(raw) };
        Piece { line: self.line, bytes, kind }
    }

    /// Up to its line end, if that has come.
    fn rest_of_too_long(&mut self, dropped: u64) -> Option<Piece> {
        let unread = &self.buffer[self.start..];
        let place = unread.iter().position(|&byte| is_line_end(byte));
        let length = dropped + place.unwrap_or(unread.len()) as u64;
        let (end, bytes) = match place {
            Some(place) => (self.start + place + 1, length + 1),
            None => (self.buffer.len(), length),
        };
        self.let_go(end);
        if place.is_none() && !self.is_ended {
            self.too_long = Some(length);
            return None;
        }
        self.too_long = None;
        Some(Piece { line: self.line, bytes, kind: Kind::TooLong { bytes: length } })
    }

    /// Goes on at `end`: nothing before it is needed but for the entry that is told next.
    fn let_go(&mut self, end: usize) {
        self.lines.count(&self.buffer[self.start..end]);
        self.start = end;
        self.scanned = end;
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// The lines of a file: CR, LF and CRLF end one each, within quotes too.
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
