//! `csv-core`'s automaton, together with the buffers that it writes to.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::entry::{Fields, MAX_FIELDS};

/// Decides where a CSV record ends and what its fields are. CR, LF and CRLF end a record. A quote opens a quoted field
/// only if it is the field's first byte.
pub(super) struct Automaton {
    reader: Reader,
    /// The texts of the current record's fields, one after another, in the first `written` bytes.
    text: Vec<u8>,
    written: usize,
    /// Where in `text` each field of the current record ends, in the first `ended` places.
    ends: Vec<usize>,
    ended: usize,
    has_too_many_fields: bool,
}

impl Automaton {
    pub(super) fn new(delimiter: u8) -> Self {
        let mut automaton = Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            text: Vec::new(),
            written: 0,
            // The place after the allowed number of fields shows that a record has too many.
            ends: vec![0; MAX_FIELDS + 1],
            ended: 0,
            has_too_many_fields: false,
        };
        automaton.reset();
        automaton
    }

    /// Forgets the current record: the next byte begins a new one.
    pub(super) fn reset(&mut self) {
        self.reader.reset();
        // A fresh reader drops a byte order mark from the first bytes that it reads. Reading no bytes at all first
        // turns that off, so that every byte after it counts.
        self.reader.read_record(&[], &mut [], &mut []);
    }

    /// Forgets the fields of the record before.
    pub(super) fn begin_record(&mut self) {
        self.written = 0;
        self.ended = 0;
        self.has_too_many_fields = false;
    }

    /// Reads on. Returns how many bytes of the input were read if the record ended with them; `None` if all bytes
    /// were read and the record goes on.
    pub(super) fn read(&mut self, input: &[u8]) -> Option<usize> {
        let mut read = 0;
        while read < input.len() {
            let unread = &input[read..];
            let room = self.written + unread.len();
            if self.text.len() < room {
                self.text.resize(room, 0);
            }
            if self.ended == self.ends.len() {
                self.has_too_many_fields = true;
                self.ended = 0;
            }
            let (text, ends) = (&mut self.text[self.written..], &mut self.ends[self.ended..]);
            let (result, bytes, written, ended) = self.reader.read_record(unread, text, ends);
            read += bytes;
            self.written += written;
            self.ended += ended;
            if result == ReadRecordResult::Record {
                return Some(read);
            }
        }
        None
    }

    /// The fields of the record that ended last.
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields {
            text: &self.text[..self.written],
            ends: &self.ends[..self.ended],
            are_too_many: self.has_too_many_fields || self.ended > MAX_FIELDS,
        }
    }
}
