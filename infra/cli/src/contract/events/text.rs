//! Texts in other encodings than UTF-8, as UTF-8.

use std::io::{self, BufRead, Read};

use contracts::TextEncoding;
use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// A byte that UTF-8 never has (RFC 3629, section 3). It takes the place of what is no text, so that the record with it
/// is refused.
const NO_TEXT: u8 = 0xff;

/// How much room for the decoded text is made at a time.
const ROOM: usize = 64 * 1024;

/// The text of a reader in UTF-8.
pub(super) struct Decoded<R> {
    inner: R,
    /// `None` for ISO 8859-1, which the Encoding Standard does not tell from Windows-1252.
    decoder: Option<Decoder>,
    text: Vec<u8>,
    /// How much of `text` was read.
    read: usize,
    is_ended: bool,
}

impl<R: BufRead> Decoded<R> {
    /// A text that is said to have this encoding. One that begins with a byte order mark may be UTF-16 where UTF-8 is
    /// said.
    pub(super) fn new(inner: R, encoding: TextEncoding) -> Self {
        let decoder = match encoding {
            TextEncoding::Utf8 => Some(UTF_8.new_decoder()),
            TextEncoding::Utf16 => Some(UTF_16LE.new_decoder()),
            TextEncoding::Utf16Le => Some(UTF_16LE.new_decoder_with_bom_removal()),
            TextEncoding::Utf16Be => Some(UTF_16BE.new_decoder_with_bom_removal()),
            TextEncoding::Windows1252 => Some(WINDOWS_1252.new_decoder_without_bom_handling()),
            TextEncoding::Latin1 => None,
        };
        Self { inner, decoder, text: Vec::new(), read: 0, is_ended: false }
    }

    /// Decodes the bytes that the reader has next.
    fn fill(&mut self) -> io::Result<()> {
        self.text.clear();
        self.read = 0;
        let bytes = self.inner.fill_buf()?;
        let (count, is_last) = (bytes.len(), bytes.is_empty());
        let Some(decoder) = &mut self.decoder else {
            for byte in bytes {
                self.text.extend_from_slice(char::from(*byte).encode_utf8(&mut [0; 4]).as_bytes());
            }
            self.is_ended = is_last;
            self.inner.consume(count);
            return Ok(());
        };
        let mut room = vec![0; ROOM];
        let (result, taken, written) =
            decoder.decode_to_utf8_without_replacement(bytes, &mut room, is_last);
        self.text.extend_from_slice(&room[..written]);
        match result {
            DecoderResult::Malformed(_, _) => self.text.push(NO_TEXT),
            DecoderResult::InputEmpty => self.is_ended = is_last,
            DecoderResult::OutputFull => {}
        }
        self.inner.consume(taken);
        Ok(())
    }
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.text.len() && !self.is_ended {
            self.fill()?;
        }
        let rest = &self.text[self.read..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Ok(count)
    }
}
