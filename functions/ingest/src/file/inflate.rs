//! Unpacks gzip and Zstandard as the bytes arrive.
//!
//! A gzip file is a sequence of members (RFC 1952, section 2.2). Zeros after a member are skipped: tapes and some
//! programs pad files to whole blocks, and gzip(1) ignores such padding too
//! (<https://www.gnu.org/software/gzip/manual/gzip.html#Tapes>). `frames.rs` has Zstandard.

use std::io::Write;

use event::{Code, Failure};
use flate2::write::GzDecoder;

use super::format::Packing;
use super::frames::{Frames, Progress};

/// Passes plain bytes through, and unpacks packed ones.
pub(super) enum Inflate {
    Plain,
    Gzip(Members),
    Zstd(Frames),
}

/// The members of a gzip file.
#[derive(Default)]
pub(super) struct Members {
    /// The member that is being read; `None` between members.
    current: Option<Box<GzDecoder<Vec<u8>>>>,
    /// Whether a member has been read to its end, with the right checksum.
    has_whole: bool,
}

impl Inflate {
    /// # Errors
    /// A transient failure when there is no memory for it.
    pub(super) fn new(packing: Packing) -> Result<Self, Failure> {
        Ok(match packing {
            Packing::Plain => Self::Plain,
            Packing::Gzip => Self::Gzip(Members::default()),
            Packing::Zstd => Self::Zstd(Frames::new()?),
        })
    }

    /// Goes on where a member or frame has ended.
    ///
    /// # Errors
    /// As [`Inflate::new`].
    pub(super) fn at(packing: Packing) -> Result<Self, Failure> {
        Ok(match packing {
            Packing::Plain => Self::Plain,
            Packing::Gzip => Self::Gzip(Members { current: None, has_whole: true }),
            Packing::Zstd => Self::Zstd(Frames::after_frame()?),
        })
    }

    /// Unpacks bytes and adds the result to `plain`. It stops early where a member or frame ends, and rather
    /// than unpack more than the memory can hold. If the bytes are broken, `plain` gets what precedes the fault.
    pub(super) fn push(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> Result<Progress, Failure> {
        match self {
            Self::Plain => {
                plain.extend_from_slice(bytes);
                Ok(Progress::All)
            }
            Self::Gzip(members) => members.push(bytes, plain),
            Self::Zstd(frames) => frames.push(bytes, plain),
        }
    }

    /// Ends the stream, and adds the bytes that were held back.
    ///
    /// # Errors
    /// When the stream ends in the middle of a member or frame.
    pub(super) fn finish(&mut self, plain: &mut Vec<u8>) -> Result<(), Failure> {
        match self {
            Self::Plain => Ok(()),
            Self::Gzip(members) => members.finish(plain),
            Self::Zstd(frames) => frames.finish(),
        }
    }

    /// Whether no byte that was taken is needed to unpack those that follow.
    pub(super) fn is_at_boundary(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Gzip(members) => members.current.is_none(),
            Self::Zstd(frames) => frames.are_whole(),
        }
    }

    /// Whether the unpacked bytes end where a member or frame ends, so that the last line is not cut.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Gzip(members) => members.are_whole(),
            Self::Zstd(frames) => frames.are_whole(),
        }
    }
}

impl Members {
    fn push(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> Result<Progress, Failure> {
        let mut taken = 0;
        while taken < bytes.len() {
            if self.current.is_none() && self.has_whole && bytes[taken] == 0 {
                taken += 1;
                continue;
            }
            let member = self.current.get_or_insert_with(|| Box::new(GzDecoder::new(Vec::new())));
            match member.write(&bytes[taken..]) {
                // The member ended before these bytes.
                Ok(0) => {
                    self.end_member(plain)?;
                    return Ok(Progress::Part(taken));
                }
                Ok(read) => {
                    // The decoder holds inflated bytes back until it is flushed.
                    let flushed = member.flush();
                    plain.append(member.get_mut());
                    flushed.map_err(|error| self.broken(&error))?;
                    taken += read;
                }
                Err(error) => return Err(self.broken(&error)),
            }
        }
        Ok(Progress::All)
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

    /// Whether a member has ended and none has begun after it.
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
