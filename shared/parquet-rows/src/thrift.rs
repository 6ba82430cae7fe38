//! Reads Thrift's compact protocol, in which Parquet writes its footer and its pages' headers:
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.
//!
//! Nothing is allocated by what a length says, and structures that are skipped are skipped to a bounded depth.

use crate::error::ParquetError;

/// Why a structure cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThriftError {
    /// It goes on behind the bytes that are there.
    Short,
    Invalid(&'static str),
}

impl From<ThriftError> for ParquetError {
    fn from(error: ThriftError) -> Self {
        match error {
            ThriftError::Short => Self::malformed("a header is cut short"),
            ThriftError::Invalid(what) => Self::malformed(format!("a header has {what}")),
        }
    }
}

/// The type of a field or of a list's items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    True,
    False,
    I8,
    I16,
    I32,
    I64,
    Double,
    Binary,
    List,
    Map,
    Struct,
    Uuid,
}

/// A field of a structure; its value comes next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) id: i16,
    pub(crate) kind: Kind,
}

/// How deep structures may be nested that are skipped.
const MAX_SKIPPED_DEPTH: usize = 32;

/// The bytes of a structure, which are read from the front.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8, ThriftError> {
        let byte = *self.bytes.get(self.at).ok_or(ThriftError::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], ThriftError> {
        let length = usize::try_from(length).map_err(|_| ThriftError::Short)?;
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or(ThriftError::Short)?;
        self.at += length;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, ThriftError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ThriftError::Invalid("a number of more than ten bytes"))
    }

    fn zigzag(&mut self) -> Result<i64, ThriftError> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The next field of a structure; `None` at its end. `last` is the id of the field before it, 0 at the beginning.
    pub(crate) fn field(&mut self, last: &mut i16) -> Result<Option<Field>, ThriftError> {
        let head = self.byte()?;
        if head == 0 {
            return Ok(None);
        }
        let kind = kind_of(head & 0x0f)?;
        let id = match head >> 4 {
            0 => i16::try_from(self.zigzag()?)
                .map_err(|_| ThriftError::Invalid("a field of a large number"))?,
            step => last
                .checked_add(i16::from(step))
                .ok_or(ThriftError::Invalid("a field of a large number"))?,
        };
        *last = id;
        Ok(Some(Field { id, kind }))
    }

    pub(crate) fn bool(&mut self, field: Field) -> Result<bool, ThriftError> {
        match field.kind {
            Kind::True => Ok(true),
            Kind::False => Ok(false),
            _ => Err(wrong_type()),
        }
    }

    pub(crate) fn i8(&mut self, field: Field) -> Result<i8, ThriftError> {
        expect(field, Kind::I8)?;
        Ok(self.byte()?.cast_signed())
    }

    pub(crate) fn i32(&mut self, field: Field) -> Result<i32, ThriftError> {
        expect(field, Kind::I32)?;
        i32::try_from(self.zigzag()?).map_err(|_| ThriftError::Invalid("a number above 32 bits"))
    }

    pub(crate) fn i64(&mut self, field: Field) -> Result<i64, ThriftError> {
        expect(field, Kind::I64)?;
        self.zigzag()
    }

    pub(crate) fn text(&mut self, field: Field) -> Result<&'a str, ThriftError> {
        expect(field, Kind::Binary)?;
        let length = self.varint()?;
        std::str::from_utf8(self.take(length)?)
            .map_err(|_| ThriftError::Invalid("a name that is not UTF-8"))
    }

    /// The number of structures in a list; they come next.
    pub(crate) fn structs(&mut self, field: Field) -> Result<usize, ThriftError> {
        expect(field, Kind::List)?;
        match self.list()? {
            (Kind::Struct, items) => Ok(items),
            (_, 0) => Ok(0),
            _ => Err(wrong_type()),
        }
    }

    /// Checks that a field is a structure, which comes next.
    pub(crate) fn structure(&mut self, field: Field) -> Result<(), ThriftError> {
        expect(field, Kind::Struct)
    }

    /// The type and the number of a list's items. Each item takes a byte at least.
    fn list(&mut self) -> Result<(Kind, usize), ThriftError> {
        let head = self.byte()?;
        let items = match head >> 4 {
            15 => self.varint()?,
            items => u64::from(items),
        };
        if items == 0 {
            return Ok((Kind::Struct, 0));
        }
        let items = usize::try_from(items).map_err(|_| ThriftError::Short)?;
        if items > self.bytes.len() - self.at {
            return Err(ThriftError::Short);
        }
        Ok((kind_of(head & 0x0f)?, items))
    }

    /// Skips the value of a field.
    pub(crate) fn skip(&mut self, field: Field) -> Result<(), ThriftError> {
        self.skip_value(field.kind, MAX_SKIPPED_DEPTH)
    }

    fn skip_value(&mut self, kind: Kind, depth: usize) -> Result<(), ThriftError> {
        let depth =
            depth.checked_sub(1).ok_or(ThriftError::Invalid("structures nested too deep"))?;
        match kind {
            Kind::True | Kind::False => {}
            Kind::I8 => {
                self.byte()?;
            }
            Kind::I16 | Kind::I32 | Kind::I64 => {
                self.varint()?;
            }
            Kind::Double => {
                self.take(8)?;
            }
            Kind::Uuid => {
                self.take(16)?;
            }
            Kind::Binary => {
                let length = self.varint()?;
                self.take(length)?;
            }
            Kind::List => {
                let (kind, items) = self.list()?;
                for _ in 0..items {
                    self.skip_item(kind, depth)?;
                }
            }
            Kind::Map => self.skip_map(depth)?,
            Kind::Struct => {
                let mut last = 0;
                while let Some(field) = self.field(&mut last)? {
                    self.skip_value(field.kind, depth)?;
                }
            }
        }
        Ok(())
    }

    fn skip_map(&mut self, depth: usize) -> Result<(), ThriftError> {
        let entries = self.varint()?;
        if entries == 0 {
            return Ok(());
        }
        let kinds = self.byte()?;
        let (key, value) = (kind_of(kinds >> 4)?, kind_of(kinds & 0x0f)?);
        // Each entry takes a byte at least, so that this ends with the bytes.
        for _ in 0..entries {
            self.skip_item(key, depth)?;
            self.skip_item(value, depth)?;
        }
        Ok(())
    }

    /// Skips an item of a list or map, in which a boolean takes a byte.
    fn skip_item(&mut self, kind: Kind, depth: usize) -> Result<(), ThriftError> {
        if matches!(kind, Kind::True | Kind::False) {
            self.byte()?;
            return Ok(());
        }
        self.skip_value(kind, depth)
    }
}

fn expect(field: Field, kind: Kind) -> Result<(), ThriftError> {
    if field.kind == kind { Ok(()) } else { Err(wrong_type()) }
}

fn wrong_type() -> ThriftError {
    ThriftError::Invalid("a field of another type than the format says")
}

fn kind_of(nibble: u8) -> Result<Kind, ThriftError> {
    Ok(match nibble {
        1 => Kind::True,
        2 => Kind::False,
        3 => Kind::I8,
        4 => Kind::I16,
        5 => Kind::I32,
        6 => Kind::I64,
        7 => Kind::Double,
        8 => Kind::Binary,
        // A set is written as a list.
        9 | 10 => Kind::List,
        11 => Kind::Map,
        12 => Kind::Struct,
        13 => Kind::Uuid,
        _ => return Err(ThriftError::Invalid("a field of an unknown type")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_bytes_is_refused_before_anything_is_allocated() {
        // Field 1, a list of 2^31 structures; and field 1, a binary of 2^62 bytes.
        let list = [0x19, 0xfc, 0x80, 0x80, 0x80, 0x80, 0x08];
        let mut input = Input::new(&list);
        let field = input.field(&mut 0).unwrap().unwrap();
        assert_eq!(input.structs(field), Err(ThriftError::Short));
        let binary = [0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
        let mut input = Input::new(&binary);
        let field = input.field(&mut 0).unwrap().unwrap();
        assert_eq!(input.skip(field), Err(ThriftError::Short));
    }

    #[test]
    fn structures_that_are_nested_without_end_are_refused() {
        let deep = vec![0x1c; 100_000];
        let mut input = Input::new(&deep);
        let field = input.field(&mut 0).unwrap().unwrap();
        assert_eq!(input.skip(field), Err(ThriftError::Invalid("structures nested too deep")));
    }

    #[test]
    fn every_type_is_skipped() {
        // Fields 1 to 7: true, an i8, an i64, a double, a binary, a list of two booleans, a map of one entry.
        let mut bytes = vec![0x11, 0x13, 7, 0x16, 0x80, 0x01, 0x17];
        bytes.extend([0; 8]);
        bytes.extend([0x18, 2, b'a', b'b', 0x19, 0x21, 1, 2, 0x1b, 1, 0x88, 1, b'k', 1, b'v', 0]);
        let mut input = Input::new(&bytes);
        let (mut last, mut ids) = (0, Vec::new());
        while let Some(field) = input.field(&mut last).unwrap() {
            ids.push(field.id);
            input.skip(field).unwrap();
        }
        assert_eq!(ids, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(input.position(), bytes.len());
    }
}
