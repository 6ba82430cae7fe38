//! Gzip, as the bytes come.
//!
//! Members follow one another (RFC 1952, section 2.2), and zeros may follow them: tapes and some
//! programs pad files to whole blocks, and gzip(1) ignores such padding
//! (<https://www.gnu.org/software/gzip/manual/gzip.html#Tapes>). Zeros between members are padding too.

use std::io::Write;

use event::{Code, Failure};
use flate2::write::GzDecoder;

/// Passes plain bytes through, and inflates gzipped ones.
pub(super) enum Inflate {
    Plain,
    Gzip(Members),
}

/// The members of a gzip file.
#[derive(Default)]
pub(super) struct Members {
    /// `None` between members.
    current: Option<Box<GzDecoder<Vec<u8>>>>,
    /// Whether one has come to its end, its checksum right.
    has_whole: bool,
}

impl Inflate {
    pub(super) fn new(gzipped: bool) -> Self {
        if gzipped { Self::Gzip(Members::default()) } else { Self::Plain }
    }

    /// Adds what the bytes inflate to. After a failure, what came before it is in `plain`.
    pub(super) fn push(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> Result<(), Failure> {
        match self {
            Self::Plain => {
                plain.extend_from_slice(bytes);
                Ok(())
            }
            Self::Gzip(members) => members.push(bytes, plain),
        }
    }

    /// Adds what was still held.
    ///
    /// # Errors
    /// When the stream is cut short.
    pub(super) fn finish(&mut self, plain: &mut Vec<u8>) -> Result<(), Failure> {
        match self {
            Self::Plain => Ok(()),
            Self::Gzip(members) => members.finish(plain),
        }
    }

    /// Whether what was inflated is whole as far as it goes, so that its last line is whole too.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Gzip(members) => members.are_whole(),
        }
    }
}

impl Members {
    fn push(&mut self, mut bytes: &[u8], plain: &mut Vec<u8>) -> Result<(), Failure> {
        while !bytes.is_empty() {
            if self.current.is_none() && self.has_whole && bytes[0] == 0 {
                bytes = &bytes[1..];
                continue;
            }
            let member = self.current.get_or_insert_with(|| Box::new(GzDecoder::new(Vec::new())));
            match member.write(bytes) {
                // The member had ended before these bytes.
                Ok(0) => self.end_member(plain)?,
                Ok(read) => {
                    // What has been inflated so far is in the decoder until it is flushed.
                    let flushed = member.flush();
                    plain.append(member.get_mut());
                    flushed.map_err(|error| self.broken(&error))?;
                    bytes = &bytes[read..];
                }
                Err(error) => return Err(self.broken(&error)),
            }
        }
        Ok(())
    }

    fn finish(&mut self, plain: &mut Vec<u8>) -> Result<(), Failure> {
        if self.current.is_some() { self.end_member(plain) } else { Ok(()) }
    }

    fn end_member(&mut self, plain: &mut Vec<u8>) -> Result<(), Failure> {
        if let Some(member) = &mut self.current {
            let finished = member.try_finish();
            plain.append(member.get_mut());
            finished.map_err(|error| self.broken(&error))?;
        }
        self.current = None;
        self.has_whole = true;
        Ok(())
    }

    /// Whether a member has ended and nothing of another has come.
    fn are_whole(&self) -> bool {
        self.has_whole && self.current.as_ref().is_none_or(|member| member.header().is_none())
    }

    fn broken(&self, error: &std::io::Error) -> Failure {
        let reason = if self.are_whole() {
            "what follows the gzip stream is neither gzip nor zeros".to_owned()
        } else {
            format!("broken or cut short: {error}")
        };
        Failure::permanent(Code::DecodeGzip, reason)
    }
}
