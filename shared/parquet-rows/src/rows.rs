//! Reads a file's rows, one after another. It asks for the bytes that it needs, and does no input itself.

use bytes::Bytes;

use crate::assemble::{RowError, write_row};
use crate::column::Filled;
use crate::error::{ParquetError, Refusal};
use crate::footer::{Footer, GroupInfo};
use crate::group::Group;
use crate::json::RowText;
use crate::limits::{MAX_FOOTER_BYTES, MAX_ROWS_PER_BYTE, TAIL_BYTES};
use crate::part::Part;
use crate::schema::Schema;

/// What a file ends with: the length of the footer in four bytes, and `PAR1`.
const TRAILER: usize = 8;

/// What a reader has come to.
#[derive(Debug)]
pub enum Step<'a> {
    /// These bytes have to be supplied before it can go on.
    Read(Part),
    /// The next row, as a JSON object in one line, or why it is none.
    Row(Result<&'a [u8], Refusal>),
    /// There are no more rows.
    End,
}

/// Reads the rows of one file.
#[derive(Debug)]
pub struct RowReader {
    size: u64,
    state: State,
    /// How many rows are to be skipped from here on.
    to_skip: u64,
    /// How many rows were given or skipped.
    row: u64,
    text: RowText,
    /// What was asked for last.
    asked: Option<Part>,
}

#[derive(Debug)]
enum State {
    /// Nothing was read yet.
    Begin,
    /// The end of the file, as far as it was read.
    Tail(Bytes),
    Rows(Box<Rows>),
}

#[derive(Debug)]
struct Rows {
    schema: Schema,
    groups: std::vec::IntoIter<GroupInfo>,
    group: Option<Group>,
    is_row_given: bool,
}

impl RowReader {
    /// Reads a file of `size` bytes from the row `from` on, counted from 0. A row of more than `max_row_bytes` as JSON is
    /// refused.
    #[must_use]
    pub fn new(size: u64, from: u64, max_row_bytes: usize) -> Self {
        let text = RowText::new(max_row_bytes);
        Self { size, state: State::Begin, to_skip: from, row: 0, text, asked: None }
    }

    /// How many rows precede the next one.
    #[must_use]
    pub fn row(&self) -> u64 {
        self.row
    }

    /// Supplies the bytes that the last step asked for.
    ///
    /// # Errors
    /// When they are not as many.
    pub fn supply(&mut self, bytes: Bytes) -> Result<(), ParquetError> {
        let asked = self.asked.take().map_or(0, |part| part.length);
        if bytes.len() as u64 != asked {
            let reason =
                format!("{} bytes of it were read where {asked} were expected", bytes.len());
            return Err(ParquetError::malformed(reason));
        }
        match &mut self.state {
            State::Begin | State::Tail(_) => self.state = State::Tail(bytes),
            State::Rows(rows) => {
                if let Some(group) = &mut rows.group {
                    group.supply(&bytes);
                }
            }
        }
        Ok(())
    }

    /// Goes on to the next row.
    ///
    /// # Errors
    /// A failure of the file. No row follows it.
    pub fn advance(&mut self) -> Result<Step<'_>, ParquetError> {
        loop {
            let rows = match &mut self.state {
                State::Rows(rows) => rows,
                State::Begin => {
                    if self.size < (TRAILER + 4) as u64 {
                        return Err(ParquetError::malformed(format!("{} bytes", self.size)));
                    }
                    return Ok(self.ask_for_tail(TAIL_BYTES));
                }
                State::Tail(tail) => match read_tail(tail, self.size)? {
                    Tail::Needs(length) => return Ok(self.ask_for_tail(length)),
                    Tail::Footer(rows) => {
                        self.state = State::Rows(rows);
                        continue;
                    }
                },
            };
            if rows.is_row_given {
                rows.is_row_given = false;
                self.row += 1;
                if let Some(group) = &mut rows.group {
                    group.end_row()?;
                }
            }
            let Some(group) = rows.group.as_mut().filter(|group| group.rows_left > 0) else {
                match rows.open_group(self.size, &mut self.to_skip, &mut self.row)? {
                    Opened::Reading(part) => {
                        self.asked = Some(part);
                        return Ok(Step::Read(part));
                    }
                    Opened::Group => continue,
                    Opened::None if self.to_skip > 0 => {
                        return Err(ParquetError::malformed("fewer rows than were read before"));
                    }
                    Opened::None => return Ok(Step::End),
                }
            };
            if let Filled::Needs(part) = group.fill_row()? {
                self.asked = Some(part);
                return Ok(Step::Read(part));
            }
            if self.to_skip > 0 {
                self.to_skip -= 1;
                self.row += 1;
                group.end_row()?;
                continue;
            }
            rows.is_row_given = true;
            self.text.clear();
            let written = write_row(&rows.schema, &mut group.columns, &mut self.text);
            return match written {
                Ok(()) => Ok(Step::Row(Ok(&self.text.bytes))),
                Err(RowError::Row(refusal)) => Ok(Step::Row(Err(refusal))),
                Err(RowError::File(error)) => Err(error),
            };
        }
    }

    /// Asks for the end of the file.
    fn ask_for_tail(&mut self, length: u64) -> Step<'static> {
        let length = length.min(self.size);
        let part = Part { offset: self.size - length, length };
        self.asked = Some(part);
        Step::Read(part)
    }
}

enum Tail {
    /// So many bytes of the end are needed.
    Needs(u64),
    Footer(Box<Rows>),
}

/// Reads the footer from the end of a file of `size` bytes.
fn read_tail(tail: &Bytes, size: u64) -> Result<Tail, ParquetError> {
    let Some((rest, trailer)) = tail.split_last_chunk::<TRAILER>() else {
        return Err(ParquetError::malformed("it is cut short"));
    };
    let [a, b, c, d, magic @ ..] = trailer;
    match magic {
        b"PAR1" => {}
        b"PARE" => return Err(ParquetError::unsupported("its footer is encrypted")),
        _ => {
            return Err(ParquetError::malformed(
                "it does not end as Parquet does; it may be cut short",
            ));
        }
    }
    let length = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
    if length > MAX_FOOTER_BYTES {
        let reason = format!("a footer of {length} bytes; at most {MAX_FOOTER_BYTES} are read");
        return Err(ParquetError::too_large(reason));
    }
    let needed = (length + TRAILER) as u64;
    if needed + 4 > size {
        return Err(ParquetError::malformed(format!("a footer of {length} of its {size} bytes")));
    }
    let Some(begin) = rest.len().checked_sub(length) else { return Ok(Tail::Needs(needed)) };
    let footer = Footer::parse(&rest[begin..])?;
    let rows: u64 = footer.groups.iter().map(|group| group.rows).fold(0, u64::saturating_add);
    if rows != footer.rows {
        let reason = format!("{} rows, and {rows} in its row groups", footer.rows);
        return Err(ParquetError::malformed(reason));
    }
    if rows > size.saturating_mul(MAX_ROWS_PER_BYTE) {
        let reason = format!("{rows} rows in {size} bytes, more than {MAX_ROWS_PER_BYTE} for each");
        return Err(ParquetError::too_large(reason));
    }
    let schema = Schema::new(&footer.elements)?;
    let groups = footer.groups.into_iter();
    Ok(Tail::Footer(Box::new(Rows { schema, groups, group: None, is_row_given: false })))
}

enum Opened {
    /// These bytes of a group have to be supplied.
    Reading(Part),
    Group,
    None,
}

impl Rows {
    /// Goes on to the next row group from which a row is to be given.
    fn open_group(
        &mut self,
        size: u64,
        to_skip: &mut u64,
        row: &mut u64,
    ) -> Result<Opened, ParquetError> {
        self.group = None;
        for info in self.groups.by_ref() {
            if info.rows == 0 {
                continue;
            }
            if info.rows <= *to_skip {
                *to_skip -= info.rows;
                *row += info.rows;
                continue;
            }
            let group = self.group.insert(Group::new(&self.schema, &info, size)?);
            return Ok(group.span().map_or(Opened::Group, Opened::Reading));
        }
        Ok(Opened::None)
    }
}
