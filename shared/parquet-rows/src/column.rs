//! One column of a row group: reads its pages as they are needed, and takes the values of one row after another.

use bytes::Bytes;

use crate::bits::{Hybrid, cut_short};
use crate::codec::Codec;
use crate::data_page::{DataPage, Entry};
use crate::error::ParquetError;
use crate::footer::ChunkInfo;
use crate::levels::{levels_of, levels_v1};
use crate::limits::{MAX_PAGE_HEADER_BYTES, MAX_ROW_VALUE_BYTES};
use crate::page::{Encoding, HeaderError, PageHeader, PageKind};
use crate::part::Part;
use crate::schema::Leaf;
use crate::values::{Dictionary, Value, Values};

/// What a column may take of its row, and of the memory.
pub(crate) struct Room {
    /// How many entries the row may still have, in all columns.
    pub(crate) entries: usize,
    /// How many bytes of values the row may still have, in all columns.
    pub(crate) bytes: usize,
    /// How many bytes this column may hold.
    pub(crate) resident: usize,
}

impl Room {
    /// The room of a new row.
    pub(crate) fn new() -> Self {
        Self {
            entries: crate::limits::MAX_ROW_ENTRIES,
            bytes: MAX_ROW_VALUE_BYTES,
            resident: crate::limits::MAX_RESIDENT_BYTES,
        }
    }
}

/// Whether a column has what was asked for.
#[derive(Debug)]
pub(crate) enum Filled {
    Yes,
    /// These bytes of the file have to be supplied first.
    Needs(Part),
}

/// Entries that are kept for the next row, so that they need not be allocated for each.
const KEPT_ENTRIES: usize = 1_024;

/// A column of a row group.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) leaf: Leaf,
    codec: Codec,
    /// Where in the file what comes next begins, and where the column chunk ends.
    at: u64,
    end: u64,
    /// What was read from there on.
    window: Bytes,
    read_ahead: u64,
    /// How many entries of the column chunk are in no page that was read.
    left: u64,
    dictionary: Option<Dictionary>,
    page: Option<DataPage>,
    /// The present row.
    entries: Vec<Entry>,
    next: usize,
    /// The bytes of pages before the present one that the row still uses.
    held: usize,
    is_row_too_large: bool,
}

impl Column {
    /// # Errors
    /// When its codec is not read.
    pub(crate) fn new(leaf: Leaf, info: &ChunkInfo, read_ahead: u64) -> Result<Self, ParquetError> {
        let codec = Codec::of(info.codec).map_err(|error| error.of_column(&leaf.path))?;
        Ok(Self {
            leaf,
            codec,
            at: info.begin,
            end: info.begin + info.bytes,
            window: Bytes::new(),
            read_ahead,
            left: info.values,
            dictionary: None,
            page: None,
            entries: Vec::new(),
            next: 0,
            held: 0,
            is_row_too_large: false,
        })
    }

    /// Adds bytes of the file: those that were needed, or all of the column chunk at its beginning.
    pub(crate) fn supply(&mut self, bytes: &Bytes) {
        if self.window.is_empty() {
            self.window = bytes.clone();
        } else {
            self.window = Bytes::from([&self.window[..], bytes].concat());
        }
    }

    /// The bytes of the file that the column chunk takes.
    pub(crate) fn span(&self) -> (u64, u64) {
        (self.at, self.end)
    }

    /// How many bytes it holds.
    pub(crate) fn resident(&self) -> usize {
        let dictionary = self.dictionary.as_ref().map_or(0, Dictionary::size);
        self.window.len() + dictionary + self.page.as_ref().map_or(0, |page| page.size) + self.held
    }

    /// Checks that all entries were read.
    ///
    /// # Errors
    /// When some were not.
    pub(crate) fn check_end(&self) -> Result<(), ParquetError> {
        let unread = self.left + self.page.as_ref().map_or(0, |page| page.left as u64);
        if unread == 0 {
            return Ok(());
        }
        let reason = format!("{unread} values more than its row group has rows");
        Err(ParquetError::malformed(reason).of_column(&self.leaf.path))
    }

    /// Reads the entries of a row. It is called again for the same row once the bytes are there that it asked for.
    pub(crate) fn fill(&mut self, room: &mut Room) -> Result<Filled, ParquetError> {
        self.fill_row(room).map_err(|error| error.of_column(&self.leaf.path))
    }

    fn fill_row(&mut self, room: &mut Room) -> Result<Filled, ParquetError> {
        loop {
            if self.take_entries(room)? {
                return Ok(Filled::Yes);
            }
            if self.is_row_begun() && self.left == 0 {
                return Ok(Filled::Yes);
            }
            if self.left == 0 {
                return Err(ParquetError::malformed("fewer values than its row group has rows"));
            }
            if let Filled::Needs(part) = self.load_page(room)? {
                return Ok(Filled::Needs(part));
            }
        }
    }

    fn is_row_begun(&self) -> bool {
        !self.entries.is_empty() || self.is_row_too_large
    }

    /// Takes the entries of the row that are in the present page. Returns whether the row ends in it.
    fn take_entries(&mut self, room: &mut Room) -> Result<bool, ParquetError> {
        let Leaf { max_def, max_rep, .. } = self.leaf;
        let Some(page) = &mut self.page else { return Ok(false) };
        while page.left > 0 {
            let rep = page.peek_rep(max_rep)?;
            if rep == 0 && (!self.entries.is_empty() || self.is_row_too_large) {
                return Ok(true);
            }
            if rep > 0 && self.entries.is_empty() && !self.is_row_too_large {
                return Err(ParquetError::malformed("a row that does not begin"));
            }
            let entry = page.take(rep, max_def, self.dictionary.as_ref())?;
            let length = entry.value.as_ref().map_or(0, Value::length);
            if self.is_row_too_large {
                continue;
            }
            if room.entries == 0 || length > room.bytes {
                self.is_row_too_large = true;
                self.entries = Vec::new();
                self.held = 0;
                continue;
            }
            room.entries -= 1;
            room.bytes -= length;
            self.entries.push(entry);
            if max_rep == 0 {
                return Ok(true);
            }
        }
        // A list may go on in the next page.
        if !self.entries.is_empty() {
            self.held += page.size;
        }
        self.page = None;
        Ok(max_rep == 0 && self.is_row_begun())
    }

    /// Reads the next page. Returns without one if it was that of a dictionary, or one that is skipped.
    fn load_page(&mut self, room: &Room) -> Result<Filled, ParquetError> {
        let header = match PageHeader::parse(&self.window) {
            Ok(header) => header,
            Err(HeaderError::Bad(error)) => return Err(error),
            Err(HeaderError::Short) if self.window.len() >= MAX_PAGE_HEADER_BYTES => {
                let reason = format!("a page's header of more than {MAX_PAGE_HEADER_BYTES} bytes");
                return Err(ParquetError::too_large(reason));
            }
            Err(HeaderError::Short) => return self.needs(self.window.len() + 1),
        };
        let length = header.length + header.packed;
        if self.window.len() < length {
            self.check_room(room, header.packed)?;
            return self.needs(length);
        }
        self.check_room(room, header.unpacked)?;
        let mut packed = self.window.split_to(length);
        self.at += length as u64;
        let packed = packed.split_off(header.length);
        if header.crc.is_some_and(|crc| crc32fast::hash(&packed) != crc) {
            return Err(ParquetError::malformed("a page whose CRC is another"));
        }
        self.open_page(&header, packed)?;
        Ok(Filled::Yes)
    }

    /// Asks for so many bytes of the window at least.
    fn needs(&self, length: usize) -> Result<Filled, ParquetError> {
        let have = self.window.len() as u64;
        let rest = (self.end - self.at).saturating_sub(have);
        let missing = length as u64 - have;
        if missing > rest {
            return Err(ParquetError::malformed("a page goes on behind its column chunk"));
        }
        let (offset, length) = (self.at + have, missing.max(self.read_ahead).min(rest));
        Ok(Filled::Needs(Part { offset, length }))
    }

    fn check_room(&self, room: &Room, more: usize) -> Result<(), ParquetError> {
        if self.resident() + more <= room.resident {
            return Ok(());
        }
        let reason = format!(
            "the pages and dictionaries that are needed at once have more than {} bytes; write smaller pages",
            crate::limits::MAX_RESIDENT_BYTES
        );
        Err(ParquetError::too_large(reason))
    }

    fn open_page(&mut self, header: &PageHeader, packed: Bytes) -> Result<(), ParquetError> {
        let physical = self.leaf.physical;
        match header.kind {
            PageKind::Other => Ok(()),
            PageKind::Dictionary => {
                if self.dictionary.is_some() || self.page.is_some() {
                    return Err(ParquetError::malformed("a second dictionary"));
                }
                if !matches!(header.encoding, Encoding::Plain | Encoding::Dictionary) {
                    return Err(ParquetError::unsupported("a dictionary that is not plain"));
                }
                let bytes = self.codec.unpack(packed, header.unpacked)?;
                self.dictionary = Some(Dictionary::new(physical, bytes, header.values)?);
                Ok(())
            }
            PageKind::DataV1 { levels } => {
                let mut bytes = self.codec.unpack(packed, header.unpacked)?;
                let reps = levels_v1(&mut bytes, self.leaf.max_rep, levels.rep)?;
                let defs = levels_v1(&mut bytes, self.leaf.max_def, levels.def)?;
                self.begin_page(header, reps, defs, bytes)
            }
            PageKind::DataV2 { def_bytes, rep_bytes, is_packed } => {
                let levels = def_bytes.checked_add(rep_bytes).ok_or_else(cut_short)?;
                let unpacked = header.unpacked.checked_sub(levels).ok_or_else(cut_short)?;
                if levels > packed.len() {
                    return Err(cut_short());
                }
                let (reps, defs) = (packed.slice(..rep_bytes), packed.slice(rep_bytes..levels));
                // Values of no bytes may be packed into none.
                let codec = if is_packed && unpacked > 0 { self.codec } else { Codec::None };
                let rest = if unpacked > 0 { packed.slice(levels..) } else { Bytes::new() };
                let bytes = codec.unpack(rest, unpacked)?;
                let reps = levels_of(reps, self.leaf.max_rep)?;
                let defs = levels_of(defs, self.leaf.max_def)?;
                self.begin_page(header, reps, defs, bytes)
            }
        }
    }

    fn begin_page(
        &mut self,
        header: &PageHeader,
        reps: Option<Hybrid>,
        defs: Option<Hybrid>,
        bytes: Bytes,
    ) -> Result<(), ParquetError> {
        let count = header.values;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            ParquetError::malformed("its pages have more values than its column chunk")
        })?;
        // A page of nulls alone need not have values, nor what precedes them.
        let encoding = if bytes.is_empty() { Encoding::Plain } else { header.encoding };
        let values = Values::new(encoding, self.leaf.physical, bytes, count)?;
        let size = header.unpacked;
        self.page = Some(DataPage { reps, defs, values, left: count, next_rep: None, size });
        Ok(())
    }

    /// The next entry of the row, which stays the next.
    pub(crate) fn peek(&self) -> Option<&Entry> {
        self.entries.get(self.next)
    }

    /// Takes the next entry of the row.
    pub(crate) fn take(&mut self) -> Option<&Entry> {
        let entry = self.entries.get(self.next)?;
        self.next += 1;
        Some(entry)
    }

    pub(crate) fn is_row_too_large(&self) -> bool {
        self.is_row_too_large
    }

    /// Forgets the present row.
    pub(crate) fn clear_row(&mut self) {
        self.entries.clear();
        self.entries.shrink_to(KEPT_ENTRIES);
        self.next = 0;
        self.held = 0;
        self.is_row_too_large = false;
    }
}
