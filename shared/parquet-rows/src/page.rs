//! The header of a page.

use crate::error::ParquetError;
use crate::limits::MAX_PAGE_BYTES;
use crate::thrift::{Field, Input, ThriftError};

/// How the values of a page are stored:
/// <https://github.com/apache/parquet-format/blob/master/Encodings.md>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    #[default]
    Plain,
    /// Places in the dictionary.
    Dictionary,
    Rle,
    DeltaBinaryPacked,
    DeltaLengthByteArray,
    DeltaByteArray,
    ByteStreamSplit,
    Other(i32),
}

impl Encoding {
    fn of(number: i32) -> Self {
        match number {
            0 => Self::Plain,
            2 | 8 => Self::Dictionary,
            3 => Self::Rle,
            5 => Self::DeltaBinaryPacked,
            6 => Self::DeltaLengthByteArray,
            7 => Self::DeltaByteArray,
            9 => Self::ByteStreamSplit,
            other => Self::Other(other),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// The levels have their lengths before them, and are packed with the values.
    DataV1 {
        levels: LevelEncodings,
    },
    /// The levels precede what is packed.
    DataV2 {
        def_bytes: usize,
        rep_bytes: usize,
        is_packed: bool,
    },
    Dictionary,
    /// An index, or a kind of a later version of the format.
    Other,
}

/// Whether the levels of a page of version 1 are runs. The alternative is long deprecated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LevelEncodings {
    pub(crate) def: Encoding,
    pub(crate) rep: Encoding,
}

/// What precedes a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageHeader {
    pub(crate) kind: PageKind,
    pub(crate) unpacked: usize,
    pub(crate) packed: usize,
    /// The CRC-32 of the page as it is in the file.
    pub(crate) crc: Option<u32>,
    /// How many values it has, with nulls.
    pub(crate) values: usize,
    pub(crate) encoding: Encoding,
    /// How many bytes the header itself takes.
    pub(crate) length: usize,
}

/// Why a header is not there.
#[derive(Debug)]
pub(crate) enum HeaderError {
    /// It goes on behind the bytes that are there.
    Short,
    Bad(ParquetError),
}

impl From<ThriftError> for HeaderError {
    fn from(error: ThriftError) -> Self {
        match error {
            ThriftError::Short => Self::Short,
            error @ ThriftError::Invalid(_) => Self::Bad(error.into()),
        }
    }
}

/// The part of a header that its kind of page has.
#[derive(Debug, Default)]
struct Inner {
    values: i32,
    encoding: Encoding,
    def: Encoding,
    rep: Encoding,
    def_bytes: i32,
    rep_bytes: i32,
    is_packed: bool,
}

impl PageHeader {
    /// The header at the beginning of `bytes`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut input = Input::new(bytes);
        let (mut kind, mut unpacked, mut packed, mut crc) = (None, -1, -1, None);
        let (mut v1, mut v2, mut dictionary) = (None, None, None);
        let mut last = 0;
        while let Some(field) = input.field(&mut last)? {
            match field.id {
                1 => kind = Some(input.i32(field)?),
                2 => unpacked = input.i32(field)?,
                3 => packed = input.i32(field)?,
                4 => crc = Some(input.i32(field)?.cast_unsigned()),
                5 => v1 = Some(read_v1(&mut input, field)?),
                7 => dictionary = Some(read_dictionary(&mut input, field)?),
                8 => v2 = Some(read_v2(&mut input, field)?),
                _ => input.skip(field)?,
            }
        }
        let (unpacked, packed) = (page_size(unpacked)?, page_size(packed)?);
        let (kind, inner) = match (kind, v1, dictionary, v2) {
            (Some(0), Some(inner), _, _) => {
                let levels = LevelEncodings { def: inner.def, rep: inner.rep };
                (PageKind::DataV1 { levels }, inner)
            }
            (Some(2), _, Some(inner), _) => (PageKind::Dictionary, inner),
            (Some(3), _, _, Some(inner)) => {
                let def_bytes = length_of(inner.def_bytes)?;
                let rep_bytes = length_of(inner.rep_bytes)?;
                let is_packed = inner.is_packed;
                (PageKind::DataV2 { def_bytes, rep_bytes, is_packed }, inner)
            }
            (Some(0 | 2 | 3) | None, ..) => return Err(bad("a page says nothing of itself")),
            (Some(_), ..) => (PageKind::Other, Inner::default()),
        };
        let (values, encoding) = (length_of(inner.values)?, inner.encoding);
        let length = input.position();
        Ok(Self { kind, unpacked, packed, crc, values, encoding, length })
    }
}

fn bad(what: &str) -> HeaderError {
    HeaderError::Bad(ParquetError::malformed(what))
}

fn length_of(value: i32) -> Result<usize, HeaderError> {
    usize::try_from(value).map_err(|_| bad("a page has a negative length"))
}

fn page_size(bytes: i32) -> Result<usize, HeaderError> {
    let bytes = length_of(bytes)?;
    if bytes > MAX_PAGE_BYTES {
        let reason = format!("a page of {bytes} bytes; at most {MAX_PAGE_BYTES} are read");
        return Err(HeaderError::Bad(ParquetError::too_large(reason)));
    }
    Ok(bytes)
}

fn read_v1(input: &mut Input<'_>, field: Field) -> Result<Inner, ThriftError> {
    input.structure(field)?;
    let (mut inner, mut last) = (Inner::default(), 0);
    while let Some(field) = input.field(&mut last)? {
        match field.id {
            1 => inner.values = input.i32(field)?,
            2 => inner.encoding = Encoding::of(input.i32(field)?),
            3 => inner.def = Encoding::of(input.i32(field)?),
            4 => inner.rep = Encoding::of(input.i32(field)?),
            _ => input.skip(field)?,
        }
    }
    Ok(inner)
}

fn read_dictionary(input: &mut Input<'_>, field: Field) -> Result<Inner, ThriftError> {
    input.structure(field)?;
    let (mut inner, mut last) = (Inner::default(), 0);
    while let Some(field) = input.field(&mut last)? {
        match field.id {
            1 => inner.values = input.i32(field)?,
            2 => inner.encoding = Encoding::of(input.i32(field)?),
            _ => input.skip(field)?,
        }
    }
    Ok(inner)
}

fn read_v2(input: &mut Input<'_>, field: Field) -> Result<Inner, ThriftError> {
    input.structure(field)?;
    let (mut inner, mut last) = (Inner { is_packed: true, ..Inner::default() }, 0);
    while let Some(field) = input.field(&mut last)? {
        match field.id {
            1 => inner.values = input.i32(field)?,
            4 => inner.encoding = Encoding::of(input.i32(field)?),
            5 => inner.def_bytes = input.i32(field)?,
            6 => inner.rep_bytes = input.i32(field)?,
            7 => inner.is_packed = input.bool(field)?,
            _ => input.skip(field)?,
        }
    }
    Ok(inner)
}
