//! Unpacks pages. What a page unpacks to is exactly what its header says, or the file is refused.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use crate::error::ParquetError;

/// How the pages of a column chunk are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    None,
    Snappy,
    Gzip,
    Zstd,
    Lz4,
}

impl Codec {
    /// # Errors
    /// When the codec is not read. `LZ4` without `RAW` was never specified, and is deprecated.
    pub(crate) fn of(number: i32) -> Result<Self, ParquetError> {
        let name = match number {
            0 => return Ok(Self::None),
            1 => return Ok(Self::Snappy),
            2 => return Ok(Self::Gzip),
            6 => return Ok(Self::Zstd),
            7 => return Ok(Self::Lz4),
            3 => "LZO",
            4 => "Brotli",
            5 => "the deprecated LZ4",
            _ => "an unknown codec",
        };
        let reason =
            format!("it is packed with {name}; Snappy, gzip, Zstandard and LZ4_RAW are read");
        Err(ParquetError::unsupported(reason))
    }

    /// Unpacks a page, whose header says that it has `length` bytes unpacked. That is within the limit of a page.
    ///
    /// # Errors
    /// When it cannot be unpacked, or has another length.
    pub(crate) fn unpack(self, packed: Bytes, length: usize) -> Result<Bytes, ParquetError> {
        let unpacked = match self {
            Self::None => packed,
            Self::Snappy => {
                let claimed = snap::raw::decompress_len(&packed).map_err(broken)?;
                if claimed != length {
                    return Err(wrong_length(claimed, length));
                }
                let mut unpacked = vec![0; length];
                let done = snap::raw::Decoder::new().decompress(&packed, &mut unpacked);
                unpacked.truncate(done.map_err(broken)?);
                Bytes::from(unpacked)
            }
            Self::Lz4 => {
                let mut unpacked = vec![0; length];
                let done = lz4_flex::block::decompress_into(&packed, &mut unpacked);
                unpacked.truncate(done.map_err(broken)?);
                Bytes::from(unpacked)
            }
            Self::Gzip => read_up_to(MultiGzDecoder::new(&packed[..]), length)?,
            // At once, so that no buffer is allocated for the window that a frame claims.
            Self::Zstd => Bytes::from(zstd::bulk::decompress(&packed, length).map_err(broken)?),
        };
        if unpacked.len() == length {
            return Ok(unpacked);
        }
        Err(wrong_length(unpacked.len(), length))
    }
}

/// Reads `length` bytes, or one more to show that there are too many.
fn read_up_to(packed: impl Read, length: usize) -> Result<Bytes, ParquetError> {
    let mut unpacked = Vec::new();
    packed.take(length as u64 + 1).read_to_end(&mut unpacked).map_err(broken)?;
    Ok(Bytes::from(unpacked))
}

fn broken(error: impl std::fmt::Display) -> ParquetError {
    ParquetError::malformed(format!("a page cannot be unpacked: {error}"))
}

fn wrong_length(found: usize, expected: usize) -> ParquetError {
    let reason = format!("a page has {found} bytes unpacked, and its header says {expected}");
    ParquetError::malformed(reason)
}
