//! Integers as differences, and bytes whose lengths are such integers.
//! <https://github.com/apache/parquet-format/blob/master/Encodings.md#delta-encoding-delta_binary_packed--5>.

use bytes::Bytes;

use crate::bits::{bits_at, cut_short, varint};
use crate::error::ParquetError;
use crate::limits::MAX_UNFOLDED_BYTES;

/// The most values of a block. Writers use 128.
const MAX_BLOCK: u64 = 65_536;

/// Integers of which each is the one before, the least difference of its block, and a few bits.
#[derive(Clone, Debug)]
pub(crate) struct DeltaInts {
    bytes: Bytes,
    /// The byte at which the next block begins, once all of this one was read.
    at: usize,
    /// How many parts a block has, and how many integers a part has.
    parts: usize,
    in_part: usize,
    /// How many integers are left.
    left: usize,
    /// The integer that is next, as long as it is the first; then the one before.
    last: i64,
    is_first: bool,
    least: i64,
    /// Where in the bytes the widths of the parts that are left of this block are, and how many there are.
    widths: usize,
    parts_left: usize,
    /// What is left of a part: how many integers, the bit of the next, and how wide each is.
    part_left: usize,
    bit: usize,
    width: u8,
}

impl DeltaInts {
    /// The integers from the byte `at` on, which may be at most `most`.
    ///
    /// # Errors
    /// When their header is none.
    pub(crate) fn new(bytes: Bytes, mut at: usize, most: usize) -> Result<Self, ParquetError> {
        let mut number = || varint(&bytes, &mut at).ok_or_else(cut_short);
        let (block, parts, count, first) = (number()?, number()?, number()?, number()?);
        let is_block = block > 0 && block <= MAX_BLOCK && block % 128 == 0;
        if !is_block || parts == 0 || block % parts != 0 || block / parts % 32 != 0 {
            let reason = format!("blocks of {block} differences in {parts} parts");
            return Err(ParquetError::malformed(reason));
        }
        let left = usize::try_from(count).ok().filter(|count| *count <= most);
        let left = left.ok_or_else(|| {
            ParquetError::malformed(format!("{count} differences in a page of {most} values"))
        })?;
        let to_size = |number| usize::try_from(number).map_err(|_| cut_short());
        Ok(Self {
            at,
            parts: to_size(parts)?,
            in_part: to_size(block / parts)?,
            left,
            last: zigzag(first),
            is_first: true,
            least: 0,
            widths: 0,
            parts_left: 0,
            part_left: 0,
            bit: 0,
            width: 0,
            bytes,
        })
    }

    /// # Errors
    /// When there are no more.
    pub(crate) fn next(&mut self) -> Result<i64, ParquetError> {
        self.left = self.left.checked_sub(1).ok_or_else(cut_short)?;
        if self.is_first {
            self.is_first = false;
            return Ok(self.last);
        }
        if self.part_left == 0 {
            self.begin_part()?;
        }
        let bits = bits_at(&self.bytes, self.bit, self.width).ok_or_else(cut_short)?;
        self.bit += usize::from(self.width);
        self.part_left -= 1;
        self.last = self.last.wrapping_add(self.least).wrapping_add(bits.cast_signed());
        Ok(self.last)
    }

    fn begin_part(&mut self) -> Result<(), ParquetError> {
        if self.parts_left == 0 {
            let least = varint(&self.bytes, &mut self.at).ok_or_else(cut_short)?;
            self.least = zigzag(least);
            self.widths = self.at;
            self.parts_left = self.parts;
            self.at += self.parts;
        }
        self.width = *self.bytes.get(self.widths).ok_or_else(cut_short)?;
        if self.width > 64 {
            return Err(ParquetError::malformed(format!("differences of {} bits", self.width)));
        }
        self.widths += 1;
        self.parts_left -= 1;
        self.part_left = self.in_part;
        self.bit = self.at * 8;
        // A part is filled up to its end. A part of which no integer is needed is not there.
        self.at += self.in_part * usize::from(self.width) / 8;
        Ok(())
    }

    /// How many are left.
    fn left(&self) -> usize {
        self.left
    }

    /// The byte behind the last integer.
    fn end(&self) -> Result<usize, ParquetError> {
        let mut rest = self.clone();
        while rest.left > 0 {
            rest.next()?;
        }
        Ok(rest.at.min(rest.bytes.len()))
    }
}

fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Bytes one after another, behind all their lengths.
#[derive(Debug)]
pub(crate) struct DeltaLengths {
    lengths: DeltaInts,
    bytes: Bytes,
    at: usize,
}

impl DeltaLengths {
    /// # Errors
    /// When there are more than `most`, or the lengths are cut short.
    pub(crate) fn new(bytes: Bytes, at: usize, most: usize) -> Result<Self, ParquetError> {
        let lengths = DeltaInts::new(bytes.clone(), at, most)?;
        let at = lengths.end()?;
        Ok(Self { lengths, bytes, at })
    }

    /// # Errors
    /// When there are no more.
    pub(crate) fn next(&mut self) -> Result<Bytes, ParquetError> {
        let length = usize::try_from(self.lengths.next()?).map_err(|_| cut_short())?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(cut_short)?;
        let taken = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(taken)
    }
}

/// Bytes of which each begins as the ones before it did.
#[derive(Debug)]
pub(crate) struct DeltaBytes {
    prefixes: DeltaInts,
    suffixes: DeltaLengths,
    last: Bytes,
    unfolded: u64,
}

impl DeltaBytes {
    /// # Errors
    /// When there are more than `most`, or the lengths are cut short.
    pub(crate) fn new(bytes: Bytes, most: usize) -> Result<Self, ParquetError> {
        let prefixes = DeltaInts::new(bytes.clone(), 0, most)?;
        let suffixes = DeltaLengths::new(bytes, prefixes.end()?, most)?;
        if prefixes.left() != suffixes.lengths.left() {
            return Err(ParquetError::malformed("as many beginnings as ends do not follow"));
        }
        Ok(Self { prefixes, suffixes, last: Bytes::new(), unfolded: 0 })
    }

    /// # Errors
    /// When there are no more, or all of them unfold to more than [`MAX_UNFOLDED_BYTES`].
    pub(crate) fn next(&mut self) -> Result<Bytes, ParquetError> {
        let prefix = usize::try_from(self.prefixes.next()?).map_err(|_| cut_short())?;
        let prefix = self.last.get(..prefix).ok_or_else(|| {
            ParquetError::malformed("a value begins with more than the one before it has")
        })?;
        let suffix = self.suffixes.next()?;
        self.unfolded += (prefix.len() + suffix.len()) as u64;
        if self.unfolded > MAX_UNFOLDED_BYTES {
            let reason = format!("a page that unfolds to more than {MAX_UNFOLDED_BYTES} bytes");
            return Err(ParquetError::too_large(reason));
        }
        let value = Bytes::from([prefix, &suffix].concat());
        self.last = value.clone();
        Ok(value)
    }
}
