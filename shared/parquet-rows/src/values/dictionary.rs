//! The values of a column chunk that its pages refer to.

use bytes::Bytes;

use super::Value;
use super::plain::Plain;
use crate::bits::{Hybrid, cut_short};
use crate::element::Physical;
use crate::error::ParquetError;

/// The dictionary's page, and where each value begins in it.
#[derive(Debug)]
pub(crate) struct Dictionary {
    physical: Physical,
    bytes: Bytes,
    count: usize,
    /// Where each value begins, if their lengths differ.
    begins: Vec<u32>,
}

impl Dictionary {
    /// # Errors
    /// When the page has fewer values than its header says.
    pub(crate) fn new(
        physical: Physical,
        bytes: Bytes,
        count: usize,
    ) -> Result<Self, ParquetError> {
        let mut begins = Vec::new();
        let width = match physical {
            Physical::Boolean => {
                return Err(ParquetError::unsupported("a dictionary of booleans"));
            }
            Physical::Int32 | Physical::Float => 4,
            Physical::Int64 | Physical::Double => 8,
            Physical::Int96 => 12,
            Physical::Fixed(length) => length,
            // At the least, their lengths.
            Physical::ByteArray => 4,
        };
        if count.checked_mul(width).is_none_or(|least| least > bytes.len()) {
            return Err(cut_short());
        }
        if physical == Physical::ByteArray {
            begins.reserve_exact(count);
            let mut plain = Plain::new(physical, bytes.clone());
            for _ in 0..count {
                begins.push(u32::try_from(plain.position()).map_err(|_| cut_short())?);
                plain.next()?;
            }
        }
        Ok(Self { physical, bytes, count, begins })
    }

    /// The places in the dictionary that a page of values has: the bits of one, and the places.
    ///
    /// # Errors
    /// When a place has more than 32 bits.
    pub(crate) fn places(bytes: Bytes) -> Result<Hybrid, ParquetError> {
        // A page of nulls alone may have no byte.
        let Some(width) = bytes.first().copied() else { return Hybrid::new(bytes, 1) };
        Hybrid::new(bytes.slice(1..), width)
    }

    /// How many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.begins.capacity() * 4
    }

    /// The value at a place, from 0.
    pub(crate) fn value(&self, place: u32) -> Option<Value> {
        let place = usize::try_from(place).ok().filter(|place| *place < self.count)?;
        let begin = match self.physical {
            Physical::ByteArray => usize::try_from(*self.begins.get(place)?).ok()?,
            Physical::Int32 | Physical::Float => place * 4,
            Physical::Int64 | Physical::Double => place * 8,
            Physical::Int96 => place * 12,
            Physical::Fixed(length) => place * length,
            Physical::Boolean => return None,
        };
        Plain::new(self.physical, self.bytes.slice(begin..)).next().ok()
    }
}
