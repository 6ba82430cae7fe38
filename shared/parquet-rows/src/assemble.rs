//! Puts a row together from the entries of its columns.
//!
//! The first column of each group leads: its levels say what is there, and the group's other columns have to agree.
//! How levels stand for lists: <https://github.com/apache/parquet-format#nested-encoding>.

use crate::column::Column;
use crate::data_page::Entry;
use crate::error::{ParquetError, Refusal, RefusalKind};
use crate::json::{RowText, TooLong};
use crate::schema::{Content, Member, Node, Schema};

/// Why a row is not written.
#[derive(Debug)]
pub(crate) enum RowError {
    /// The file is broken.
    File(ParquetError),
    /// The row is no event; those behind it may be.
    Row(Refusal),
}

impl From<ParquetError> for RowError {
    fn from(error: ParquetError) -> Self {
        Self::File(error)
    }
}

/// Where in its lists a value is.
#[derive(Clone, Copy)]
struct Levels {
    /// The repetition level that its first entry has.
    rep: u16,
    /// The definition level that its entries have at the least, since what is around them is there.
    least: u16,
}

/// Writes the row whose entries the columns have.
pub(crate) fn write_row(
    schema: &Schema,
    columns: &mut [Column],
    out: &mut RowText,
) -> Result<(), RowError> {
    if columns.iter().any(Column::is_row_too_large) {
        return Err(too_large(out.limit()));
    }
    let mut writer = Writer { columns, out };
    writer.write_members(&schema.members, Levels { rep: 0, least: 0 })?;
    for column in writer.columns.iter() {
        if column.peek().is_some() {
            return Err(disagreement(column).into());
        }
    }
    Ok(())
}

fn too_large(limit: usize) -> RowError {
    let reason = format!("as JSON, the row has more than {limit} bytes");
    RowError::Row(Refusal { kind: RefusalKind::TooLarge, at: String::new(), reason })
}

fn disagreement(column: &Column) -> ParquetError {
    ParquetError::malformed("its levels are not those of its neighbours")
        .of_column(&column.leaf.path)
}

struct Writer<'a> {
    columns: &'a mut [Column],
    out: &'a mut RowText,
}

impl Writer<'_> {
    fn write_members(&mut self, members: &[Member], levels: Levels) -> Result<(), RowError> {
        self.push(b"{")?;
        for (place, member) in members.iter().enumerate() {
            if place > 0 {
                self.push(b",")?;
            }
            self.push(member.key.as_bytes())?;
            self.write(&member.node, levels)?;
        }
        self.push(b"}")
    }

    fn push(&mut self, text: &[u8]) -> Result<(), RowError> {
        self.out.bytes.extend_from_slice(text);
        self.out.check().map_err(|TooLong| too_large(self.out.limit()))
    }

    fn write(&mut self, node: &Node, levels: Levels) -> Result<(), RowError> {
        let lead = node.leaves.start;
        let def = self.def_of_next(lead, levels)?;
        if def < node.def {
            self.take_absent(node, levels.rep, def)?;
            return self.push(b"null");
        }
        let inner = Levels { least: node.def, ..levels };
        match &node.content {
            Content::Leaf => self.write_leaf(lead),
            Content::Struct(members) => self.write_members(members, inner),
            Content::List { present, .. } if def < *present => {
                self.take_absent(node, levels.rep, def)?;
                self.push(b"[]")
            }
            Content::Map { present, .. } if def < *present => {
                self.take_absent(node, levels.rep, def)?;
                self.push(b"{}")
            }
            Content::List { present, rep, item } => {
                self.push(b"[")?;
                let mut levels = Levels { least: *present, ..levels };
                loop {
                    self.write(item, levels)?;
                    if !self.goes_on(lead, *rep) {
                        break;
                    }
                    self.push(b",")?;
                    levels.rep = *rep;
                }
                self.push(b"]")
            }
            Content::Map { present, rep, key, value } => {
                self.push(b"{")?;
                let mut levels = Levels { least: *present, ..levels };
                loop {
                    self.write_key(*key, levels)?;
                    match value {
                        Some(value) => self.write(value, levels)?,
                        None => self.push(b"null")?,
                    }
                    if !self.goes_on(lead, *rep) {
                        break;
                    }
                    self.push(b",")?;
                    levels.rep = *rep;
                }
                self.push(b"}")
            }
        }
    }

    /// Whether the list of this repetition level has another item.
    fn goes_on(&self, column: usize, rep: u16) -> bool {
        self.columns[column].peek().is_some_and(|entry| entry.rep == rep)
    }

    /// The definition level of a column's next entry.
    fn def_of_next(&self, column: usize, levels: Levels) -> Result<u16, RowError> {
        let column = &self.columns[column];
        let next = column.peek().filter(|it| it.rep == levels.rep && it.def >= levels.least);
        next.map(|entry| entry.def).ok_or_else(|| disagreement(column).into())
    }

    /// Takes the entries that say that a value is not there, or a list empty: one of each column.
    fn take_absent(&mut self, node: &Node, rep: u16, def: u16) -> Result<(), RowError> {
        for column in &mut self.columns[node.leaves.clone()] {
            match column.take() {
                Some(entry) if entry.rep == rep && entry.def == def => {}
                _ => return Err(disagreement(column).into()),
            }
        }
        Ok(())
    }

    /// Writes the next value of a column, which is there.
    fn write_leaf(&mut self, column: usize) -> Result<(), RowError> {
        let column = &mut self.columns[column];
        let kind = column.leaf.kind;
        let written = match column.take() {
            Some(Entry { value: Some(value), .. }) => kind.write(value, &mut self.out.bytes),
            _ => return Err(disagreement(column).into()),
        };
        written.map_err(|bad| {
            let at = column.leaf.pointer.clone();
            RowError::Row(Refusal { kind: bad.kind, at, reason: bad.reason })
        })?;
        self.push(b"")
    }

    /// Writes the key of a map's entry as a name. A key that is no text is put into quotes.
    fn write_key(&mut self, column: usize, levels: Levels) -> Result<(), RowError> {
        let def = self.def_of_next(column, levels)?;
        if def < self.columns[column].leaf.max_def {
            let at = self.columns[column].leaf.pointer.clone();
            let reason = "a key of a map that is null".to_owned();
            return Err(RowError::Row(Refusal { kind: RefusalKind::BadValue, at, reason }));
        }
        let begin = self.out.bytes.len();
        self.write_leaf(column)?;
        if self.out.bytes.get(begin) != Some(&b'"') {
            let text = self.out.bytes.split_off(begin);
            crate::json::write_text(&mut self.out.bytes, &String::from_utf8_lossy(&text));
        }
        self.push(b":")
    }
}
