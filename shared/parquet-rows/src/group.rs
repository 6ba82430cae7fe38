//! One row group: its columns side by side.

use bytes::Bytes;

use crate::column::{Column, Filled, Room};
use crate::error::ParquetError;
use crate::footer::GroupInfo;
use crate::limits::{
    LEAST_READ_AHEAD, MAX_RESIDENT_BYTES, MOST_READ_AHEAD, READ_AHEAD_BYTES, SPAN_BYTES,
};
use crate::part::Part;
use crate::schema::Schema;

/// A row group that is being read.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows_left: u64,
    /// The first column whose entries of the present row are not complete.
    filling: usize,
    /// What all columns hold.
    resident: usize,
    room: Room,
    /// What was asked for last.
    asked: Asked,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Nothing,
    /// All columns, from this byte of the file on.
    Span(u64),
    Column(usize),
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").finish_non_exhaustive()
    }
}

impl Group {
    /// # Errors
    /// When its columns are not those of the schema, or lie outside of the first `size` bytes of the file.
    pub(crate) fn new(schema: &Schema, info: &GroupInfo, size: u64) -> Result<Self, ParquetError> {
        if info.chunks.len() != schema.leaves.len() {
            return Err(ParquetError::malformed("a row group that has not each column once"));
        }
        let each = READ_AHEAD_BYTES / schema.leaves.len().max(1) as u64;
        let read_ahead = each.clamp(LEAST_READ_AHEAD, MOST_READ_AHEAD);
        let mut columns = Vec::with_capacity(info.chunks.len());
        for (leaf, chunk) in schema.leaves.iter().zip(&info.chunks) {
            let is_inside = chunk.begin.checked_add(chunk.bytes).is_some_and(|end| end <= size);
            if chunk.physical != leaf.physical.number() || !is_inside {
                let reason = "its column chunk is of another type, or lies outside of the file";
                return Err(ParquetError::malformed(reason).of_column(&leaf.path));
            }
            columns.push(Column::new(leaf.clone(), chunk, read_ahead)?);
        }
        Ok(Self {
            columns,
            rows_left: info.rows,
            filling: 0,
            resident: 0,
            room: Room::new(),
            asked: Asked::Nothing,
        })
    }

    /// The bytes of all columns, if they are few enough to be read at once.
    pub(crate) fn span(&mut self) -> Option<Part> {
        let begin = self.columns.iter().map(|column| column.span().0).min()?;
        let end = self.columns.iter().map(|column| column.span().1).max()?;
        let length = end - begin;
        if length == 0 || length > SPAN_BYTES {
            return None;
        }
        self.asked = Asked::Span(begin);
        Some(Part { offset: begin, length })
    }

    /// Adds the bytes that were asked for.
    pub(crate) fn supply(&mut self, bytes: &Bytes) {
        match self.asked {
            Asked::Nothing => {}
            Asked::Span(offset) => {
                for column in &mut self.columns {
                    let (begin, end) = column.span();
                    let place = |at: u64| usize::try_from(at - offset).unwrap_or(usize::MAX);
                    column.supply(&bytes.slice(place(begin)..place(end)));
                    self.resident += column.resident();
                }
            }
            Asked::Column(place) => {
                self.columns[place].supply(bytes);
                self.resident += bytes.len();
            }
        }
        self.asked = Asked::Nothing;
    }

    /// Reads the entries of the next row. It is called again once the bytes are there that it asked for.
    pub(crate) fn fill_row(&mut self) -> Result<Filled, ParquetError> {
        while let Some(column) = self.columns.get_mut(self.filling) {
            let others = self.resident - column.resident();
            self.room.resident = MAX_RESIDENT_BYTES.saturating_sub(others);
            let filled = column.fill(&mut self.room)?;
            self.resident = others + column.resident();
            if let Filled::Needs(part) = filled {
                self.asked = Asked::Column(self.filling);
                return Ok(Filled::Needs(part));
            }
            self.filling += 1;
        }
        Ok(Filled::Yes)
    }

    /// Forgets the present row, and goes on to the next. At the end, checks that no column has more.
    ///
    /// # Errors
    /// When a column has more values than there are rows.
    pub(crate) fn end_row(&mut self) -> Result<(), ParquetError> {
        for column in &mut self.columns {
            let before = column.resident();
            column.clear_row();
            self.resident = self.resident - before + column.resident();
        }
        self.filling = 0;
        self.room = Room::new();
        self.rows_left -= 1;
        if self.rows_left > 0 {
            return Ok(());
        }
        self.columns.iter().try_for_each(Column::check_end)
    }
}
