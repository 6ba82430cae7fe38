//! A page of a column, of which one entry after another is taken.

use crate::bits::Hybrid;
use crate::error::ParquetError;
use crate::levels::next_level;
use crate::values::{Dictionary, Value, Values};

/// A value of a row, or the place of one that is not there.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Which of the lists around it goes on with it; 0 for the first value of a row.
    pub(crate) rep: u16,
    /// How many of the optional and repeated groups around it are there.
    pub(crate) def: u16,
    pub(crate) value: Option<Value>,
}

/// A page whose values are being read.
#[derive(Debug)]
pub(crate) struct DataPage {
    pub(crate) reps: Option<Hybrid>,
    pub(crate) defs: Option<Hybrid>,
    pub(crate) values: Values,
    /// How many entries are left.
    pub(crate) left: usize,
    /// The repetition level of the next entry, once it was read.
    pub(crate) next_rep: Option<u16>,
    /// How many bytes it takes.
    pub(crate) size: usize,
}

impl DataPage {
    pub(crate) fn peek_rep(&mut self, max_rep: u16) -> Result<u16, ParquetError> {
        if let Some(rep) = self.next_rep {
            return Ok(rep);
        }
        let rep = next_level(self.reps.as_mut(), 0, max_rep)?;
        self.next_rep = Some(rep);
        Ok(rep)
    }

    /// Takes the next entry, whose repetition level was read.
    pub(crate) fn take(
        &mut self,
        rep: u16,
        max_def: u16,
        dictionary: Option<&Dictionary>,
    ) -> Result<Entry, ParquetError> {
        let def = next_level(self.defs.as_mut(), max_def, max_def)?;
        let value = if def == max_def { Some(self.values.next(dictionary)?) } else { None };
        self.left -= 1;
        self.next_rep = None;
        Ok(Entry { rep, def, value })
    }
}
