//! The footer of a file: its schema, and where its column chunks are.
//! <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift> has its fields' numbers.

use crate::element::{Annotation, Element, Physical, Repetition, TimeUnit};
use crate::error::ParquetError;
use crate::thrift::{Field, Input, ThriftError};

/// What a footer says.
#[derive(Debug, Default)]
pub(crate) struct Footer {
    pub(crate) elements: Vec<Element>,
    pub(crate) rows: u64,
    pub(crate) groups: Vec<GroupInfo>,
}

/// A row group: a part of the file that has each column of some rows.
#[derive(Debug, Default)]
pub(crate) struct GroupInfo {
    pub(crate) rows: u64,
    pub(crate) chunks: Vec<ChunkInfo>,
}

/// One column of a row group.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChunkInfo {
    pub(crate) physical: i32,
    pub(crate) codec: i32,
    /// How many values it has, with nulls.
    pub(crate) values: u64,
    /// Where in the file it begins, and how many bytes it has.
    pub(crate) begin: u64,
    pub(crate) bytes: u64,
}

impl Footer {
    /// # Errors
    /// When the footer is none, or says that something in the file is encrypted or elsewhere.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ParquetError> {
        let mut input = Input::new(bytes);
        let (mut footer, mut last) = (Self::default(), 0);
        while let Some(field) = input.field(&mut last)? {
            match field.id {
                2 => {
                    for _ in 0..input.structs(field)? {
                        footer.elements.push(element(&mut input)?);
                    }
                }
                3 => footer.rows = count(input.i64(field)?, "rows")?,
                4 => {
                    for _ in 0..input.structs(field)? {
                        footer.groups.push(group(&mut input)?);
                    }
                }
                8 | 9 => return Err(ParquetError::unsupported("it is encrypted")),
                _ => input.skip(field)?,
            }
        }
        Ok(footer)
    }
}

fn count(value: i64, what: &str) -> Result<u64, ParquetError> {
    u64::try_from(value).map_err(|_| ParquetError::malformed(format!("it has {value} {what}")))
}

fn group(input: &mut Input<'_>) -> Result<GroupInfo, ParquetError> {
    let (mut group, mut last) = (GroupInfo::default(), 0);
    while let Some(field) = input.field(&mut last)? {
        match field.id {
            1 => {
                for _ in 0..input.structs(field)? {
                    group.chunks.push(chunk(input)?);
                }
            }
            3 => group.rows = count(input.i64(field)?, "rows in a row group")?,
            _ => input.skip(field)?,
        }
    }
    Ok(group)
}

fn chunk(input: &mut Input<'_>) -> Result<ChunkInfo, ParquetError> {
    let (mut chunk, mut last) = (None, 0);
    while let Some(field) = input.field(&mut last)? {
        match field.id {
            1 => return Err(ParquetError::unsupported("a column chunk is in another file")),
            3 => {
                input.structure(field)?;
                chunk = Some(chunk_info(input)?);
            }
            8 | 9 => return Err(ParquetError::unsupported("a column is encrypted")),
            _ => input.skip(field)?,
        }
    }
    chunk.ok_or_else(|| ParquetError::malformed("a column chunk says nothing of itself"))
}

fn chunk_info(input: &mut Input<'_>) -> Result<ChunkInfo, ParquetError> {
    let (mut chunk, mut last) = (ChunkInfo::default(), 0);
    let (mut data, mut dictionary) = (0, 0);
    while let Some(field) = input.field(&mut last)? {
        match field.id {
            1 => chunk.physical = input.i32(field)?,
            4 => chunk.codec = input.i32(field)?,
            5 => chunk.values = count(input.i64(field)?, "values in a column chunk")?,
            7 => chunk.bytes = count(input.i64(field)?, "bytes in a column chunk")?,
            9 => data = count(input.i64(field)?, "bytes before a column chunk")?,
            11 => dictionary = count(input.i64(field)?, "bytes before a dictionary")?,
            _ => input.skip(field)?,
        }
    }
    // Some writers say 0 for a dictionary that is not there.
    chunk.begin = if dictionary > 0 && dictionary < data { dictionary } else { data };
    Ok(chunk)
}

fn element(input: &mut Input<'_>) -> Result<Element, ParquetError> {
    let mut element = Element::default();
    let (mut physical, mut length, mut last) = (None, None, 0);
    let (mut converted, mut logical) = (None, None);
    let (mut scale, mut precision) = (0, 0);
    while let Some(field) = input.field(&mut last)? {
        match field.id {
            1 => physical = Some(input.i32(field)?),
            2 => length = Some(input.i32(field)?),
            3 => element.repetition = repetition(input.i32(field)?)?,
            4 => input.text(field)?.clone_into(&mut element.name),
            5 => element.children = usize::try_from(input.i32(field)?).ok(),
            6 => converted = Some(input.i32(field)?),
            7 => scale = input.i32(field)?,
            8 => precision = input.i32(field)?,
            10 => {
                input.structure(field)?;
                logical = logical_type(input)?;
            }
            _ => input.skip(field)?,
        }
    }
    if let Some(number) = physical {
        element.physical = Some(physical_type(number, length)?);
    }
    // A root that has no columns says 0; a leaf may say it too.
    element.children = element.children.filter(|_| element.physical.is_none());
    element.annotation = logical.or_else(|| converted_type(converted?, scale, precision));
    Ok(element)
}

fn repetition(number: i32) -> Result<Repetition, ParquetError> {
    match number {
        0 => Ok(Repetition::Required),
        1 => Ok(Repetition::Optional),
        2 => Ok(Repetition::Repeated),
        _ => Err(ParquetError::malformed("a column is neither required, optional nor repeated")),
    }
}

fn physical_type(number: i32, length: Option<i32>) -> Result<Physical, ParquetError> {
    Ok(match number {
        0 => Physical::Boolean,
        1 => Physical::Int32,
        2 => Physical::Int64,
        3 => Physical::Int96,
        4 => Physical::Float,
        5 => Physical::Double,
        6 => Physical::ByteArray,
        7 => {
            let length = length.and_then(|length| usize::try_from(length).ok());
            match length.filter(|length| (1..=crate::limits::MAX_PAGE_BYTES).contains(length)) {
                Some(length) => Physical::Fixed(length),
                None => return Err(ParquetError::malformed("a fixed length that is none")),
            }
        }
        _ => return Err(ParquetError::unsupported(format!("the physical type {number}"))),
    })
}

impl Physical {
    /// The number of the type in a footer.
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Boolean => 0,
            Self::Int32 => 1,
            Self::Int64 => 2,
            Self::Int96 => 3,
            Self::Float => 4,
            Self::Double => 5,
            Self::ByteArray => 6,
            Self::Fixed(_) => 7,
        }
    }
}

/// The annotation that older writers use; `None` for one that changes nothing, such as that of a signed integer.
fn converted_type(number: i32, scale: i32, precision: i32) -> Option<Annotation> {
    Some(match number {
        0 | 4 => Annotation::Text,
        1 | 2 => Annotation::Map,
        3 => Annotation::List,
        5 => Annotation::Decimal { scale, precision },
        6 => Annotation::Date,
        7 => Annotation::Time { unit: TimeUnit::Millis, is_utc: true },
        8 => Annotation::Time { unit: TimeUnit::Micros, is_utc: true },
        9 => Annotation::Timestamp { unit: TimeUnit::Millis, is_utc: true },
        10 => Annotation::Timestamp { unit: TimeUnit::Micros, is_utc: true },
        11..=14 => Annotation::Unsigned,
        19 => Annotation::Json,
        21 => Annotation::Interval,
        _ => return None,
    })
}

/// The annotation that newer writers use; `None` for one that changes nothing, or that is unknown.
fn logical_type(input: &mut Input<'_>) -> Result<Option<Annotation>, ParquetError> {
    let (mut found, mut last) = (None, 0);
    while let Some(field) = input.field(&mut last)? {
        found = match field.id {
            1 | 4 => Some(Annotation::Text),
            2 => Some(Annotation::Map),
            3 => Some(Annotation::List),
            5 => {
                input.structure(field)?;
                Some(decimal(input)?)
            }
            6 => Some(Annotation::Date),
            7 | 8 => {
                input.structure(field)?;
                let (unit, is_utc) = time(input)?;
                Some(match field.id {
                    7 => Annotation::Time { unit, is_utc },
                    _ => Annotation::Timestamp { unit, is_utc },
                })
            }
            10 => {
                input.structure(field)?;
                is_unsigned(input)?.then_some(Annotation::Unsigned)
            }
            12 => Some(Annotation::Json),
            14 => Some(Annotation::Uuid),
            15 => Some(Annotation::Float16),
            16 => Some(Annotation::Variant),
            _ => None,
        };
        if !matches!(field.id, 5 | 7 | 8 | 10) {
            input.skip(field)?;
        }
    }
    Ok(found)
}

fn decimal(input: &mut Input<'_>) -> Result<Annotation, ThriftError> {
    let (mut scale, mut precision, mut last) = (0, 0, 0);
    while let Some(field) = input.field(&mut last)? {
        match field.id {
            1 => scale = input.i32(field)?,
            2 => precision = input.i32(field)?,
            _ => input.skip(field)?,
        }
    }
    Ok(Annotation::Decimal { scale, precision })
}

/// The unit of a time, and whether it is in UTC.
fn time(input: &mut Input<'_>) -> Result<(TimeUnit, bool), ParquetError> {
    let (mut unit, mut is_utc, mut last) = (None, false, 0);
    while let Some(field) = input.field(&mut last)? {
        match field.id {
            1 => is_utc = input.bool(field)?,
            2 => {
                input.structure(field)?;
                unit = time_unit(input)?;
            }
            _ => input.skip(field)?,
        }
    }
    let unit = unit.ok_or_else(|| ParquetError::unsupported("a time of an unknown unit"))?;
    Ok((unit, is_utc))
}

fn time_unit(input: &mut Input<'_>) -> Result<Option<TimeUnit>, ThriftError> {
    let (mut unit, mut last) = (None, 0);
    while let Some(field) = input.field(&mut last)? {
        unit = unit_of(field);
        input.skip(field)?;
    }
    Ok(unit)
}

fn unit_of(field: Field) -> Option<TimeUnit> {
    match field.id {
        1 => Some(TimeUnit::Millis),
        2 => Some(TimeUnit::Micros),
        3 => Some(TimeUnit::Nanos),
        _ => None,
    }
}

fn is_unsigned(input: &mut Input<'_>) -> Result<bool, ThriftError> {
    let (mut is_signed, mut last) = (true, 0);
    while let Some(field) = input.field(&mut last)? {
        match field.id {
            1 => {
                input.i8(field)?;
            }
            2 => is_signed = input.bool(field)?,
            _ => input.skip(field)?,
        }
    }
    Ok(!is_signed)
}
