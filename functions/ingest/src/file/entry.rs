//! One entry of a file: a line of NDJSON, a JSON document, a record of CSV, or blank bytes.

use event::{Code, Failure};

pub(super) use crate::wrap::Place;

/// One piece of a file, from its first byte to its line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) place: Place,
    /// How many bytes of the file it takes, with its line end.
    pub(super) bytes: u64,
    pub(super) content: Content<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// Line ends, a byte order mark, white space, or what makes an array of documents. It is no event.
    Blank,
    /// A line of NDJSON, without its line end, or a JSON document.
    Line(&'a [u8]),
    /// A CSV record: its bytes as they are in the file, without the line end, and its fields.
    Record { raw: &'a [u8], fields: Fields<'a> },
    /// The last CSV record, if a quote is still open at the end of the file.
    Unclosed { raw: &'a [u8] },
    /// A line, document or record that is longer than an event may be. Only its length is kept, without the line end.
    TooLong { bytes: u64 },
    /// A row of Parquet that JSON cannot hold, and why.
    Refused(Failure),
}

/// The fields of one CSV record, as the automaton found them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields<'a> {
    /// All fields, one after another, without quotes.
    pub(super) text: &'a [u8],
    /// Where in `text` each field ends.
    pub(super) ends: &'a [usize],
    pub(super) are_too_many: bool,
}

/// The most fields of a record. Tables have fewer columns than this.
pub(super) const MAX_FIELDS: usize = 4_096;

impl<'a> Fields<'a> {
    /// The fields as texts.
    ///
    /// # Errors
    /// [`Code::DecodeCsv`] for more than [`MAX_FIELDS`] fields, [`Code::DecodeUtf8`] for a field that is not UTF-8.
    pub(super) fn texts(&self) -> Result<Vec<&'a str>, Failure> {
        if self.are_too_many {
            let reason = format!("more than {MAX_FIELDS} fields");
            return Err(Failure::permanent(Code::DecodeCsv, reason));
        }
        let mut texts = Vec::with_capacity(self.ends.len());
        let mut start = 0;
        for &end in self.ends {
            let text = std::str::from_utf8(&self.text[start..end]).map_err(|error| {
                let (at, field) = (error.valid_up_to(), texts.len() + 1);
                let reason = format!("invalid UTF-8 at byte {at} of field {field}");
                Failure::permanent(Code::DecodeUtf8, reason)
            })?;
            texts.push(text);
            start = end;
        }
        Ok(texts)
    }
}
