//! `csv-core`'s automaton, with the room that it writes to.

use csv_core::{ReadRecordResult, Reader};

use super::entry::{Fields, MAX_FIELDS};

/// Decides where a CSV record ends and what its fields are. CR, LF and CRLF end a record; a quote opens
/// a field only at its beginning.
pub(super) struct Automaton {
    reader: Reader,
    /// The first `written` bytes are the text of the current record's fields, the first `ended` ends
    /// are theirs.
    text: Vec<u8>,
    written: usize,
    ends: Vec<usize>,
    ended: usize,
    has_too_many_fields: bool,
}

impl Automaton {
    pub(super) fn new() -> Self {
        let mut automaton = Self {
            reader: Reader::new(),
            text: Vec::new(),
            written: 0,
            // One more than there may be tells that there are too many.
            ends: vec![0; MAX_FIELDS + 1],
            ended: 0,
            has_too_many_fields: false,
        };
        automaton.reset();
        automaton
    }

    /// Forgets the record that it is in: the next byte begins one.
    pub(super) fn reset(&mut self) {
        self.reader.reset();
        // A reader that has read nothing takes a byte order mark away, if the first bytes have all of
        // it. Told once that there are none, it takes every byte for what it is.
        self.reader.read_record(&[], &mut [], &mut []);
    }

    /// Lets go of the fields of the record before.
    pub(super) fn begin_record(&mut self) {
        self.written = 0;
        self.ended = 0;
        self.has_too_many_fields = false;
    }

    /// Reads on. If the record ends, the answer is how many bytes of the input it took; otherwise it
    /// took all of them.
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
