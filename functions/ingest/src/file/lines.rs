//! The lines of NDJSON. LF ends a line, as <https://github.com/ndjson/ndjson-spec> says.
//!
//! The memory is bounded: of a line that is longer than an event may be, only the length is kept.

use super::buffer::Buffer;
use super::entry::{Content, Entry, Place};

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) struct Lines {
    longest: usize,
    buffer: Buffer,
    /// How many bytes of the current line were removed from `buffer`, because the line is too long.
    dropped: u64,
    /// The number of the current line, from 1.
    line: u64,
    is_ended: bool,
}

impl Lines {
    /// `longest` is the length of the longest line that is kept, in bytes.
    pub(super) fn new(longest: usize) -> Self {
        Self { longest, buffer: Buffer::default(), dropped: 0, line: 1, is_ended: false }
    }

    /// Goes on at a line with this number.
    pub(super) fn at(longest: usize, line: u64) -> Self {
        Self { line, ..Self::new(longest) }
    }

    /// The number of the next line.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// How many bytes came that belong to no line yet.
    pub(super) fn unread(&self) -> u64 {
        self.dropped + self.buffer.unread()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.push(bytes);
    }

    pub(super) fn end(&mut self) {
        self.is_ended = true;
    }

    /// The next line. The last one needs no line end.
    pub(super) fn next(&mut self) -> Option<Entry<'_>> {
        let unread = &self.buffer.bytes[self.buffer.scanned..];
        let (end, line_end) = match unread.iter().position(|&byte| byte == b'\n') {
            Some(place) => (self.buffer.scanned + place, 1),
            None => {
                self.buffer.scanned = self.buffer.bytes.len();
                if self.buffer.scanned - self.buffer.start > self.longest {
                    self.dropped += (self.buffer.scanned - self.buffer.start) as u64;
                    self.buffer.start = self.buffer.scanned;
                }
                let is_last = self.is_ended
                    && (self.dropped > 0 || self.buffer.start < self.buffer.bytes.len());
                if !is_last {
                    return None;
                }
                (self.buffer.bytes.len(), 0)
            }
        };
        let text = &self.buffer.bytes[self.buffer.start..end];
        let length = std::mem::take(&mut self.dropped) + text.len() as u64;
        let content = if length > self.longest as u64 {
            Content::TooLong { bytes: length }
        } else if is_blank(text) {
            Content::Blank
        } else {
            Content::Line(text)
        };
        let place = Place::Line(self.line);
        let entry = Entry { place, bytes: length + line_end as u64, content };
        self.line += 1;
        self.buffer.start = end + line_end;
        self.buffer.scanned = self.buffer.start;
        Some(entry)
    }
}

/// Whether a line has only white space, perhaps after a byte order mark.
fn is_blank(text: &[u8]) -> bool {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_ascii().is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// An entry as this test compares it: its line, its length, and its text.
    type Found = (u64, u64, Option<Vec<u8>>);

    fn entries(longest: usize, chunks: &[&[u8]]) -> Vec<Found> {
        let mut lines = Lines::new(longest);
        let mut found = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            take_all(&mut lines, &mut found);
        }
        lines.end();
        take_all(&mut lines, &mut found);
        found
    }

    fn take_all(lines: &mut Lines, found: &mut Vec<Found>) {
        while let Some(entry) = lines.next() {
            let text = match entry.content {
                Content::Line(text) => Some(text.to_vec()),
                Content::Blank => Some(Vec::new()),
                Content::TooLong { .. } => None,
                other => panic!("{other:?}"),
            };
            let Place::Line(line) = entry.place else { panic!("{:?}", entry.place) };
            found.push((line, entry.bytes, text));
        }
    }

    fn line(number: u64, bytes: u64, text: &str) -> Found {
        (number, bytes, Some(text.as_bytes().to_vec()))
    }

    #[test]
    fn lines_are_cut_wherever_the_chunks_are() {
        let expected = [line(1, 4, "ab\r"), line(2, 1, ""), line(3, 1, "c")];
        assert_eq!(entries(9, &[b"ab\r\n\nc"]), expected);
        assert_eq!(entries(9, &[b"a", b"b\r", b"\n\n", b"c"]), expected);
    }

    #[test]
    fn a_line_that_is_too_long_is_measured_and_the_next_ones_go_on() {
        let long = vec![b'x'; 2 * 1024 * 1024];
        let read = entries(100, &[b"a\n", &long, b"\nb\n"]);
        assert_eq!(read, [line(1, 2, "a"), (2, 2 * 1024 * 1024 + 1, None), line(3, 2, "b")]);
    }

    /// If each line moved the rest of the buffer, the cost would be the square of what a slice inflates to.
    #[test]
    fn what_was_read_is_let_go_with_the_next_push_and_not_with_each_line() {
        let mut lines = Lines::new(100);
        lines.push(&b"\n".repeat(1_000));
        for _ in 0..999 {
            lines.next();
        }
        assert_eq!(lines.buffer.bytes.len(), 1_000);
        lines.push(b"a\n");
        assert_eq!(lines.buffer.bytes, b"\na\n");
    }

    proptest! {
        /// The expected lines are those of `split`.
        #[test]
        fn entries_are_the_file_split_at_line_feeds(
            file in vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b' '), any::<u8>()], 0..80),
            cuts in vec(0_usize..80, 0..6),
            longest in 1_usize..20,
        ) {
            let chunks = testkit::cut(&file, &cuts);
            let found = entries(longest, &chunks);
            let mut expected: Vec<&[u8]> = file.split(|&byte| byte == b'\n').collect();
            if expected.last().is_some_and(|last| last.is_empty()) {
                expected.pop();
            }
            prop_assert_eq!(found.len(), expected.len());
            for (number, ((line, _, text), expected)) in found.iter().zip(&expected).enumerate() {
                prop_assert_eq!(*line, number as u64 + 1);
                match text {
                    None => prop_assert!(expected.len() > longest),
                    Some(text) if text.is_empty() => prop_assert!(is_blank(expected)),
                    Some(text) => prop_assert_eq!(text, expected),
                }
            }
            let bytes: u64 = found.iter().map(|(_, bytes, _)| bytes).sum();
            prop_assert_eq!(bytes, file.len() as u64);
        }
    }
}
