//! Writes JSON.

use std::io::Write as _;

/// The text of a row, up to a length.
#[derive(Debug)]
pub(crate) struct RowText {
    pub(crate) bytes: Vec<u8>,
    limit: usize,
}

/// The row is longer than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl RowText {
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// # Errors
    /// When the row is too long already.
    pub(crate) fn check(&self) -> Result<(), TooLong> {
        if self.bytes.len() > self.limit { Err(TooLong) } else { Ok(()) }
    }
}

/// Writes a text in quotes, with what has to be escaped (RFC 8259, section 7).
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0..0x20 => {
                out.extend_from_slice(&text.as_bytes()[plain..at]);
                plain = at + 1;
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[plain..at]);
        out.extend_from_slice(escape);
        plain = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

/// Writes what displays itself.
pub(crate) fn write_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Writing to memory does not fail.
    let _ = write!(out, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_is_read_as_it_was_written() {
        let text: String = ('\0'..'\u{200}').chain(['\u{2028}', '😀']).collect();
        let mut written = Vec::new();
        write_text(&mut written, &text);
        assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), text);
    }
}
