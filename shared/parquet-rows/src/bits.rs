//! Numbers of a few bits each.

use bytes::Bytes;

use crate::error::ParquetError;

/// The number of `width` bits, at most 64, at the bit `at`. The lowest bit comes first. `None` behind the end.
pub(crate) fn bits_at(bytes: &[u8], at: usize, width: u8) -> Option<u64> {
    let end = at.checked_add(usize::from(width))?.div_ceil(8);
    let taken = bytes.get(at / 8..end)?;
    let mut number = 0_u128;
    for (place, byte) in taken.iter().enumerate() {
        number |= u128::from(*byte) << (8 * place);
    }
    let shifted = number >> (at % 8);
    let mask = (1_u128 << width) - 1;
    u64::try_from(shifted & mask).ok()
}

/// A number of seven bits a byte, the lowest first, at the byte `at`, which is moved behind it. `None` if it is cut short.
pub(crate) fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Numbers in runs of one value and in groups of eight: levels, places in a dictionary, and booleans.
/// <https://github.com/apache/parquet-format/blob/master/Encodings.md#RLE>.
#[derive(Debug)]
pub(crate) struct Hybrid {
    bytes: Bytes,
    width: u8,
    at: usize,
    run: Run,
}

#[derive(Clone, Copy, Debug)]
enum Run {
    /// The same value so many times more.
    Repeated { value: u32, left: u64 },
    /// So many numbers more, each in its own bits, from this bit on.
    Packed { bit: usize, left: u64 },
}

impl Hybrid {
    /// # Errors
    /// When the numbers are wider than 32 bits.
    pub(crate) fn new(bytes: Bytes, width: u8) -> Result<Self, ParquetError> {
        if width > 32 {
            return Err(ParquetError::malformed(format!("numbers of {width} bits")));
        }
        Ok(Self { bytes, width, at: 0, run: Run::Repeated { value: 0, left: 0 } })
    }

    /// # Errors
    /// When there are no more.
    pub(crate) fn next(&mut self) -> Result<u32, ParquetError> {
        if self.width == 0 {
            return Ok(0);
        }
        loop {
            match &mut self.run {
                Run::Repeated { value, left } if *left > 0 => {
                    *left -= 1;
                    return Ok(*value);
                }
                Run::Packed { bit, left } if *left > 0 => {
                    *left -= 1;
                    let number = bits_at(&self.bytes, *bit, self.width).ok_or_else(cut_short)?;
                    *bit += usize::from(self.width);
                    return u32::try_from(number).map_err(|_| cut_short());
                }
                Run::Repeated { .. } | Run::Packed { .. } => self.run = self.next_run()?,
            }
        }
    }

    /// Each run takes a byte at least, so that runs of nothing end.
    fn next_run(&mut self) -> Result<Run, ParquetError> {
        let head = varint(&self.bytes, &mut self.at).ok_or_else(cut_short)?;
        let count = head >> 1;
        if head & 1 == 0 {
            let length = usize::from(self.width).div_ceil(8);
            let value = bits_at(&self.bytes, self.at * 8, self.width).ok_or_else(cut_short)?;
            self.at += length;
            let value = u32::try_from(value).map_err(|_| cut_short())?;
            return Ok(Run::Repeated { value, left: count });
        }
        // A group of eight takes as many bytes as a number has bits. The last may be cut at the end of the page.
        let bit = self.at * 8;
        let length = count.saturating_mul(u64::from(self.width));
        let rest = self.bytes.len() - self.at;
        self.at += usize::try_from(length).unwrap_or(rest).min(rest);
        Ok(Run::Packed { bit, left: count.saturating_mul(8) })
    }
}

pub(crate) fn cut_short() -> ParquetError {
    ParquetError::malformed("a page has fewer values than its header says")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(bytes: &[u8], width: u8, count: usize) -> Result<Vec<u32>, ParquetError> {
        let mut hybrid = Hybrid::new(Bytes::copy_from_slice(bytes), width)?;
        (0..count).map(|_| hybrid.next()).collect()
    }

    #[test]
    fn runs_and_groups_follow_each_other() {
        // The example of the format's text: 0 to 7 in three bits each, after a run of four fives.
        let bytes = [8, 5, 3, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        let expected = [5, 5, 5, 5, 0, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(numbers(&bytes, 3, 12).unwrap(), expected);
        assert!(numbers(&bytes, 3, 13).is_err());
    }

    #[test]
    fn a_run_may_be_wider_than_a_byte() {
        assert_eq!(numbers(&[4, 0x34, 0x12], 13, 2).unwrap(), [0x1234, 0x1234]);
        assert_eq!(numbers(&[2, 0xff, 0xff, 0xff, 0xff], 32, 1).unwrap(), [u32::MAX]);
        assert_eq!(numbers(&[], 0, 3).unwrap(), [0, 0, 0]);
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        for (bytes, width) in [(vec![], 1), (vec![2], 8), (vec![3], 1), (vec![0xff; 12], 4)] {
            assert!(numbers(&bytes, width, 1).is_err(), "{bytes:?}");
        }
        assert!(numbers(&[0; 64], 33, 1).is_err());
        assert!(numbers(&[0; 64], 3, 1).is_err(), "runs of nothing");
    }
}
