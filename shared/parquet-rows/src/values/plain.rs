//! Values one after another.

use bytes::Bytes;

use super::Value;
use crate::bits::cut_short;
use crate::element::Physical;
use crate::error::ParquetError;

#[derive(Debug)]
pub(crate) struct Plain {
    physical: Physical,
    bytes: Bytes,
    /// The byte at which the next value begins; of a boolean, the bit.
    at: usize,
}

impl Plain {
    pub(crate) fn new(physical: Physical, bytes: Bytes) -> Self {
        Self { physical, bytes, at: 0 }
    }

    /// # Errors
    /// When there are no more values.
    pub(crate) fn next(&mut self) -> Result<Value, ParquetError> {
        Ok(match self.physical {
            Physical::Boolean => {
                let byte = *self.bytes.get(self.at / 8).ok_or_else(cut_short)?;
                let bit = byte >> (self.at % 8) & 1;
                self.at += 1;
                Value::Bool(bit == 1)
            }
            Physical::Int32 => Value::Int32(i32::from_le_bytes(self.array()?)),
            Physical::Int64 => Value::Int64(i64::from_le_bytes(self.array()?)),
            Physical::Int96 => Value::Int96(self.array()?),
            Physical::Float => Value::Float(f32::from_le_bytes(self.array()?)),
            Physical::Double => Value::Double(f64::from_le_bytes(self.array()?)),
            Physical::ByteArray => {
                let length = u32::from_le_bytes(self.array()?);
                Value::Bytes(self.take(usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            Physical::Fixed(length) => Value::Bytes(self.take(length)?),
        })
    }

    /// How many bytes precede the next value.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ParquetError> {
        let array = self.bytes[self.at..].first_chunk().ok_or_else(cut_short)?;
        self.at += N;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, ParquetError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(cut_short)?;
        let taken = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(taken)
    }
}
