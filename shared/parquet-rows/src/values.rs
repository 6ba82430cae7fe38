//! The values of a page, in each encoding. They are decoded one by one, as rows need them, so that a page takes no more
//! memory than its bytes.

mod delta;
mod dictionary;
mod plain;

use bytes::Bytes;

pub(crate) use self::dictionary::Dictionary;

use self::delta::{DeltaBytes, DeltaInts, DeltaLengths};
use self::plain::Plain;
use crate::bits::{Hybrid, cut_short};
use crate::element::Physical;
use crate::error::ParquetError;
use crate::page::Encoding;

/// One value, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Int32(i32),
    Int64(i64),
    Int96([u8; 12]),
    Float(f32),
    Double(f64),
    Bytes(Bytes),
}

impl Value {
    /// How many bytes it holds outside of itself.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

/// The values of one page that are not read yet.
#[derive(Debug)]
pub(crate) enum Values {
    Plain(Plain),
    /// Places in the dictionary of the column chunk.
    Dictionary(Hybrid),
    Booleans(Hybrid),
    DeltaInts {
        ints: DeltaInts,
        physical: Physical,
    },
    DeltaLengths(DeltaLengths),
    DeltaBytes {
        bytes: DeltaBytes,
        physical: Physical,
    },
    Split(Split),
}

impl Values {
    /// The values of a page that has at most `most` of them.
    ///
    /// # Errors
    /// When the encoding does not belong to the type, or its own header is none.
    pub(crate) fn new(
        encoding: Encoding,
        physical: Physical,
        bytes: Bytes,
        most: usize,
    ) -> Result<Self, ParquetError> {
        let is_integer = matches!(physical, Physical::Int32 | Physical::Int64);
        let is_bytes = matches!(physical, Physical::ByteArray | Physical::Fixed(_));
        Ok(match encoding {
            Encoding::Plain => Self::Plain(Plain::new(physical, bytes)),
            Encoding::Dictionary => Self::Dictionary(Dictionary::places(bytes)?),
            Encoding::Rle if physical == Physical::Boolean => Self::Booleans(booleans(&bytes)?),
            Encoding::DeltaBinaryPacked if is_integer => {
                Self::DeltaInts { ints: DeltaInts::new(bytes, 0, most)?, physical }
            }
            Encoding::DeltaLengthByteArray if physical == Physical::ByteArray => {
                Self::DeltaLengths(DeltaLengths::new(bytes, 0, most)?)
            }
            Encoding::DeltaByteArray if is_bytes => {
                Self::DeltaBytes { bytes: DeltaBytes::new(bytes, most)?, physical }
            }
            Encoding::ByteStreamSplit => Self::Split(Split::new(physical, bytes)?),
            other => {
                let reason = format!("the encoding {other:?} for {physical:?}");
                return Err(ParquetError::unsupported(reason));
            }
        })
    }

    /// The next value.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn next(&mut self, dictionary: Option<&Dictionary>) -> Result<Value, ParquetError> {
        match self {
            Self::Plain(plain) => plain.next(),
            Self::Dictionary(places) => {
                let place = places.next()?;
                dictionary
                    .and_then(|dictionary| dictionary.value(place))
                    .ok_or_else(|| ParquetError::malformed("a value that is not in the dictionary"))
            }
            Self::Booleans(bits) => Ok(Value::Bool(bits.next()? != 0)),
            Self::DeltaInts { ints, physical } => {
                let value = ints.next()?;
                Ok(match physical {
                    Physical::Int32 => Value::Int32(low_half(value)),
                    _ => Value::Int64(value),
                })
            }
            Self::DeltaLengths(lengths) => Ok(Value::Bytes(lengths.next()?)),
            Self::DeltaBytes { bytes, physical } => {
                let value = bytes.next()?;
                match physical {
                    Physical::Fixed(length) if value.len() != *length => {
                        Err(ParquetError::malformed(format!(
                            "a value of {} bytes in a column of {length}",
                            value.len()
                        )))
                    }
                    _ => Ok(Value::Bytes(value)),
                }
            }
            Self::Split(split) => split.next(),
        }
    }
}

/// The low 32 bits of a sum. Sums wrap around, so that they are those of a sum in 32 bits.
fn low_half(value: i64) -> i32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

/// Booleans in runs, behind their length in four bytes.
fn booleans(bytes: &Bytes) -> Result<Hybrid, ParquetError> {
    let length = bytes.first_chunk().ok_or_else(cut_short)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let end = length.checked_add(4).filter(|end| *end <= bytes.len()).ok_or_else(cut_short)?;
    Hybrid::new(bytes.slice(4..end), 1)
}

/// Values whose first bytes come first, then all their second bytes, and so on.
#[derive(Debug)]
pub(crate) struct Split {
    physical: Physical,
    bytes: Bytes,
    width: usize,
    count: usize,
    next: usize,
}

impl Split {
    fn new(physical: Physical, bytes: Bytes) -> Result<Self, ParquetError> {
        let width = match physical {
            Physical::Int32 | Physical::Float => 4,
            Physical::Int64 | Physical::Double => 8,
            Physical::Fixed(length) => length,
            Physical::Boolean | Physical::Int96 | Physical::ByteArray => {
                let reason = format!("the encoding BYTE_STREAM_SPLIT for {physical:?}");
                return Err(ParquetError::unsupported(reason));
            }
        };
        let count = bytes.len() / width;
        Ok(Self { physical, bytes, width, count, next: 0 })
    }

    fn next(&mut self) -> Result<Value, ParquetError> {
        if self.next == self.count {
            return Err(cut_short());
        }
        let mut value = Vec::with_capacity(self.width);
        for part in 0..self.width {
            value.push(self.bytes[part * self.count + self.next]);
        }
        self.next += 1;
        Plain::new(self.physical, Bytes::from(value)).next()
    }
}

#[cfg(test)]
mod tests;
