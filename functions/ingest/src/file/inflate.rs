//! Gzip, as the bytes come.

use std::io::Write;

use event::{Code, Failure};
use flate2::write::MultiGzDecoder;

/// Passes plain bytes through, and inflates gzipped ones, several members too.
pub(super) enum Inflate {
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Inflate {
    pub(super) fn new(gzipped: bool) -> Self {
        if gzipped { Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))) } else { Self::Plain }
    }

    /// What the bytes add.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Plain => Ok(bytes.to_vec()),
            Self::Gzip(decoder) => {
                decoder.write_all(bytes).map_err(|error| broken(&error))?;
                // What has been inflated so far is in the decoder until it is flushed.
                decoder.flush().map_err(|error| broken(&error))?;
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }

    /// What was still held; an error if the stream is cut short.
    pub(super) fn finish(self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Plain => Ok(Vec::new()),
            Self::Gzip(decoder) => decoder.finish().map_err(|error| broken(&error)),
        }
    }
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::permanent(Code::DecodeGzip, format!("broken or cut short: {error}"))
}
