//! The levels of a page: which of the groups and lists around a value are there, and which goes on with it.

use bytes::Bytes;

use crate::bits::{Hybrid, cut_short};
use crate::error::ParquetError;
use crate::page::Encoding;

/// The next level, or `absent` if the column has none.
pub(crate) fn next_level(
    levels: Option<&mut Hybrid>,
    absent: u16,
    greatest: u16,
) -> Result<u16, ParquetError> {
    let Some(levels) = levels else { return Ok(absent) };
    let level = u16::try_from(levels.next()?).ok().filter(|level| *level <= greatest);
    level.ok_or_else(|| ParquetError::malformed("a level above the greatest of its column"))
}

/// The levels of a page of version 1, behind their length in four bytes. They are removed from `bytes`.
pub(crate) fn levels_v1(
    bytes: &mut Bytes,
    greatest: u16,
    encoding: Encoding,
) -> Result<Option<Hybrid>, ParquetError> {
    if greatest == 0 {
        return Ok(None);
    }
    if encoding != Encoding::Rle {
        return Err(ParquetError::unsupported(format!("levels in the encoding {encoding:?}")));
    }
    let length = u32::from_le_bytes(*bytes.first_chunk().ok_or_else(cut_short)?);
    let length = usize::try_from(length).map_err(|_| cut_short())?;
    let _ = bytes.split_to(4);
    if length > bytes.len() {
        return Err(cut_short());
    }
    levels_of(bytes.split_to(length), greatest)
}

pub(crate) fn levels_of(bytes: Bytes, greatest: u16) -> Result<Option<Hybrid>, ParquetError> {
    if greatest == 0 {
        return Ok(None);
    }
    // As many bits as the greatest level needs.
    let width = u8::try_from(u16::BITS - greatest.leading_zeros()).unwrap_or(u8::MAX);
    Hybrid::new(bytes, width).map(Some)
}
