//! Lines, as the bytes come, each bounded.

use event::MAX_PAYLOAD_BYTES;

/// One line of a file; numbers count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Whole {
        number: u64,
        bytes: Vec<u8>,
    },
    /// Longer than an event may be; its bytes are not kept.
    TooLong {
        number: u64,
        bytes: u64,
    },
    /// A CSV record whose quote was still open at the end of the file or at the bound.
    Unclosed {
        number: u64,
        bytes: Vec<u8>,
    },
}

impl Line {
    pub(super) fn number(&self) -> u64 {
        match self {
            Self::Whole { number, .. }
            | Self::TooLong { number, .. }
            | Self::Unclosed { number, .. } => *number,
        }
    }
}

/// Splits bytes at line ends; in CSV, at those outside of quotes (RFC 4180, section 2).
pub(super) struct Lines {
    csv: bool,
    buffer: Vec<u8>,
    /// Where in `buffer` the current line begins. What is before it is let go with the next push,
    /// all at once: a file of short lines is not moved for each of them.
    start: usize,
    /// Up to where `buffer` was looked at.
    scanned: usize,
    in_quotes: bool,
    /// The bytes of a line that is too long, dropped so far.
    dropped: u64,
    number: u64,
    /// Line ends inside the current CSV record.
    inner: u64,
}

impl Lines {
    pub(super) fn new(csv: bool) -> Self {
        Self {
            csv,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            in_quotes: false,
            dropped: 0,
            number: 1,
            inner: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    pub(super) fn next_line(&mut self) -> Option<Line> {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            self.scanned += 1;
            if self.csv && byte == b'"' {
                self.in_quotes = !self.in_quotes;
            }
            if byte == b'\n' {
                if !self.in_quotes {
                    return Some(self.cut(self.scanned - 1));
                }
                self.inner += 1;
            }
            if self.scanned - self.start > MAX_PAYLOAD_BYTES + 1 {
                self.dropped += (self.scanned - self.start) as u64;
                self.start = self.scanned;
                // An open quote would swallow the rest of the file: the next line end closes it.
                self.in_quotes = false;
            }
        }
        None
    }

    /// What follows the last line end, if anything does.
    pub(super) fn last_line(&mut self) -> Option<Line> {
        if self.buffer.len() == self.start && self.dropped == 0 {
            return None;
        }
        let unclosed = self.in_quotes;
        let line = self.cut(self.buffer.len());
        Some(match line {
            Line::Whole { number, bytes } if unclosed => Line::Unclosed { number, bytes },
            line => line,
        })
    }

    fn cut(&mut self, end: usize) -> Line {
        let line = &self.buffer[self.start..end];
        let bytes = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
        let number = self.number;
        self.number += 1 + std::mem::take(&mut self.inner);
        self.start = self.scanned;
        self.in_quotes = false;
        match std::mem::take(&mut self.dropped) {
            0 => Line::Whole { number, bytes },
            dropped => Line::TooLong { number, bytes: dropped + bytes.len() as u64 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(csv: bool, chunks: &[&[u8]]) -> Vec<Line> {
        let mut lines = Lines::new(csv);
        let mut all = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            while let Some(line) = lines.next_line() {
                all.push(line);
            }
        }
        all.extend(lines.last_line());
        all
    }

    fn whole(number: u64, text: &str) -> Line {
        Line::Whole { number, bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn lines_are_cut_wherever_the_chunks_are() {
        let expected = [whole(1, "ab"), whole(2, ""), whole(3, "c")];
        assert_eq!(lines(false, &[b"ab\r\n\nc"]), expected);
        assert_eq!(lines(false, &[b"a", b"b\r", b"\n\n", b"c"]), expected);
    }

    #[test]
    fn a_csv_record_may_hold_line_ends_in_quotes_and_counts_them() {
        let expected = [whole(1, "a,\"b\nc\""), whole(3, "d,e")];
        assert_eq!(lines(true, &[b"a,\"b\nc\"\nd,e\n"]), expected);
        assert_eq!(
            lines(true, &[b"a\n\"b\nc"]),
            [whole(1, "a"), Line::Unclosed { number: 2, bytes: b"\"b\nc".to_vec() }]
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_measured_and_the_next_ones_go_on() {
        let long = vec![b'x'; 2 * 1024 * 1024];
        let read = lines(false, &[b"a\n", &long, b"\nb\n"]);
        let too_long = Line::TooLong { number: 2, bytes: 2 * 1024 * 1024 };
        assert_eq!(read, [whole(1, "a"), too_long, whole(3, "b")]);
    }

    /// Moving what is left for each line would cost the square of what a slice inflates to.
    #[test]
    fn what_was_read_is_let_go_with_the_next_push_and_not_with_each_line() {
        let mut lines = Lines::new(false);
        lines.push(&b"\n".repeat(1_000));
        for _ in 0..999 {
            lines.next_line();
        }
        assert_eq!(lines.buffer.len(), 1_000);
        lines.push(b"a\n");
        assert_eq!(lines.buffer, b"\na\n");
        assert_eq!(
            (lines.next_line(), lines.next_line()),
            (Some(whole(1_000, "")), Some(whole(1_001, "a")))
        );
    }

    #[test]
    fn an_open_quote_swallows_no_more_than_one_record_may_have() {
        let mut file = b"a\n\"open,".to_vec();
        file.extend(vec![b'x'; MAX_PAYLOAD_BYTES + 10]);
        file.extend(b"\nb\n");
        let read = lines(true, &[&file]);
        assert_eq!((read.len(), &read[2]), (3, &whole(3, "b")));
    }
}
