//! Unpacks Zstandard as the bytes arrive: <https://www.rfc-editor.org/rfc/rfc8878>.
//!
//! A file is a sequence of frames. A frame needs the memory of its window, which its producer chose.

use event::{Code, Failure};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

/// The largest window, as a power of two: 8 MiB, which RFC 8878, section 3.1.1.1.2, recommends that every decoder
/// supports. A batch may read ten files at the same time.
const WINDOW_LOG: u32 = 23;

/// How many bytes are unpacked at a time. A few bytes may stand for 128 KiB each.
const PIECE: usize = 128 * 1024;

/// How far bytes were unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    All,
    /// So many bytes were taken, and those after them, or more of their content, are still to come.
    Part(usize),
}

pub(super) struct Frames {
    decoder: Decoder<'static>,
    piece: Vec<u8>,
    /// Whether the last frame was read to its end, and none has begun after it.
    are_whole: bool,
}

impl Frames {
    pub(super) fn new() -> Result<Self, Failure> {
        let unusable = |error: std::io::Error| {
            let reason = format!("setting up Zstandard: {error}");
            Failure::transient(Code::DependencyUnavailable, reason)
        };
        let mut decoder = Decoder::new().map_err(unusable)?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(unusable)?;
        Ok(Self { decoder, piece: vec![0; PIECE], are_whole: false })
    }

    /// Goes on where a frame has ended.
    pub(super) fn after_frame() -> Result<Self, Failure> {
        Ok(Self { are_whole: true, ..Self::new()? })
    }

    /// Unpacks at most [`PIECE`] bytes.
    pub(super) fn push(&mut self, bytes: &[u8], plain: &mut Vec<u8>) -> Result<Progress, Failure> {
        let (mut input, mut output) =
            (InBuffer::around(bytes), OutBuffer::around(self.piece.as_mut_slice()));
        let unpacked = self.decoder.run(&mut input, &mut output);
        let (taken, written) = (input.pos(), output.pos());
        plain.extend_from_slice(&self.piece[..written]);
        match unpacked {
            Ok(0) => self.are_whole = true,
            Ok(_) if taken > 0 || written > 0 => self.are_whole = false,
            Ok(_) if bytes.is_empty() => {}
            Ok(_) => return Err(broken(&std::io::Error::other("no progress"))),
            Err(error) => return Err(broken(&error)),
        }
        let is_done = taken == bytes.len() && written < PIECE;
        Ok(if is_done { Progress::All } else { Progress::Part(taken) })
    }

    pub(super) fn finish(&self) -> Result<(), Failure> {
        if self.are_whole {
            return Ok(());
        }
        Err(Failure::permanent(Code::DecodeZstd, "cut short: its last frame does not end"))
    }

    pub(super) fn are_whole(&self) -> bool {
        self.are_whole
    }
}

fn broken(error: &std::io::Error) -> Failure {
    let window = 1_u32 << (WINDOW_LOG - 20);
    let reason = format!("broken, or a window of more than {window} MiB: {error}");
    Failure::permanent(Code::DecodeZstd, reason)
}
