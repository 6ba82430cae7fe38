//! From the entries of a file to events and dead letters.

use contracts::Contract;
use event::{
    Attribute, CSV_ATTRIBUTE, Code, CsvHeader, Failure, Form, Payload, Redriven, Timestamp,
    attributes_size,
};
use runtime::{MAX_BATCH_BYTES, Outgoing, RejectedMessage};

use super::File;
use super::entry::{Content, Entry};
use super::format::Format;
use super::row::{nothing, payload_of, too_long};
use crate::emit::refused;
use crate::notification::Announced;
use crate::wrap::{Origin, on_line, wrap};

/// What a dead letter's message needs beside its body and a CSV header: attributes with the object's key twice
/// (at most 1,024 bytes each), and a reason of at most 1,000 characters.
const LETTER_ROOM_BYTES: usize = 32 * 1024;

/// A file whose first lines all fail is not what its name says: it is one dead letter, not one for
/// each line.
const FIRST_LINES: usize = 16;

/// What became of the bytes of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) header: u64,
    pub(super) blank: u64,
    pub(super) events: u64,
    pub(super) letters: u64,
}

impl Account {
    pub(super) fn bytes(&self) -> u64 {
        self.header + self.blank + self.events + self.letters
    }
}

/// The names of a file's columns.
#[derive(Debug)]
enum Header {
    /// NDJSON has none.
    Unneeded,
    /// The first record of CSV will be it.
    Awaited,
    Known {
        names: Vec<String>,
        /// The same, as a dead letter has it.
        attribute: Attribute,
    },
}

/// Takes entries, and holds what they come to until it is sent.
pub(super) struct Intake<'a> {
    object: &'a Announced,
    /// Of each event, and what begins its id.
    pub(super) source: String,
    id_prefix: String,
    contract: &'a Contract,
    /// When the file was first taken in.
    taken_in: Timestamp,
    redriven: Option<Redriven>,
    now: Timestamp,
    header: Header,
    pub(super) passing: Vec<Outgoing>,
    pub(super) passing_bytes: usize,
    pub(super) refusing: Vec<RejectedMessage>,
    pub(super) refusing_bytes: usize,
    /// Whether an entry was understood: before, failures are held back.
    pub(super) is_proven: bool,
    /// Events found, be they good or bad.
    pub(super) taken: u64,
    pub(super) account: Account,
}

impl<'a> Intake<'a> {
    pub(super) fn new(file: &File<'a>, format: Format, now: Timestamp) -> Self {
        let File { object, contract, taken_in, .. } = *file;
        let header = match format {
            Format::Ndjson => Header::Unneeded,
            Format::Csv => Header::Awaited,
        };
        Self {
            object,
            source: object.source(),
            id_prefix: object.id_prefix(),
            contract,
            taken_in,
            redriven: file.redriven.clone(),
            now,
            header,
            passing: Vec::new(),
            passing_bytes: 0,
            refusing: Vec::new(),
            refusing_bytes: 0,
            is_proven: false,
            taken: 0,
            account: Account::default(),
        }
    }

    /// # Errors
    /// What concerns the file as a whole.
    pub(super) fn take(&mut self, entry: &Entry<'_>) -> Result<(), Failure> {
        if self.is_blank(&entry.content) {
            self.account.blank += entry.bytes;
            return Ok(());
        }
        if matches!(self.header, Header::Awaited) {
            let names = self.columns(&entry.content)?;
            let attribute = CsvHeader::new(&names).attribute();
            self.header = Header::Known { names, attribute };
            self.account.header = entry.bytes;
            return Ok(());
        }
        self.taken += 1;
        let origin = self.origin(entry.line);
        let payload = self.payload(&entry.content);
        match payload.and_then(|payload| wrap(self.contract, payload, origin)) {
            Ok(message) => {
                self.is_proven = true;
                self.passing_bytes += message.size();
                self.passing.push(message);
                self.account.events += entry.bytes;
                Ok(())
            }
            Err(failure) => {
                self.refuse(entry, failure);
                self.account.letters += entry.bytes;
                self.check_first_lines()
            }
        }
    }

    /// # Errors
    /// When there is no header where one must be.
    pub(super) fn end(&self) -> Result<(), Failure> {
        match self.header {
            // No event is not a failure: a night without data.
            Header::Unneeded | Header::Known { .. } => Ok(()),
            // Whoever writes CSV writes its header first: without one, the file was not written.
            Header::Awaited => {
                Err(Failure::permanent(Code::InputEmpty, "a CSV file without a header"))
            }
        }
    }

    /// Where the event on a line was found.
    fn origin(&self, line: u64) -> Origin {
        let id = format!("{}:{line}", self.id_prefix);
        Origin {
            source: self.source.clone(),
            id,
            trace: None,
            taken_in: self.taken_in,
            redriven: self.redriven.clone(),
        }
    }

    /// A row of white space is none, unless the file has but one column.
    fn is_blank(&self, content: &Content<'_>) -> bool {
        let has_one_column =
            matches!(&self.header, Header::Known { names, .. } if names.len() == 1);
        match content {
            Content::Blank => true,
            Content::Record { raw, .. } => !has_one_column && raw.trim_ascii().is_empty(),
            Content::Line(_) | Content::Unclosed { .. } | Content::TooLong { .. } => false,
        }
    }

    /// The columns that a header names.
    fn columns(&self, content: &Content<'_>) -> Result<Vec<String>, Failure> {
        let no_header =
            |why: &str| Failure::permanent(Code::DecodeFormat, format!("no header: {why}"));
        match content {
            Content::Record { fields, .. } => {
                let names: Vec<String> = fields.texts()?.into_iter().map(str::to_owned).collect();
                self.contract.check_header(&names)?;
                Ok(names)
            }
            Content::TooLong { bytes } => {
                Err(no_header(&format!("a first record of {bytes} bytes")))
            }
            Content::Unclosed { .. } => Err(no_header("its quote is never closed")),
            Content::Blank | Content::Line(_) => Err(no_header("a line without columns")),
        }
    }

    fn payload(&self, content: &Content<'_>) -> Result<Payload, Failure> {
        if let Header::Known { names, .. } = &self.header {
            return payload_of(self.contract, names, content);
        }
        match content {
            Content::Line(text) => Payload::parse(text),
            Content::TooLong { bytes } => Err(too_long(*bytes)),
            Content::Blank | Content::Record { .. } | Content::Unclosed { .. } => Err(nothing()),
        }
    }

    /// Makes a dead letter of an entry: its bytes, or, where no message could hold them, where they are.
    fn refuse(&mut self, entry: &Entry<'_>, failure: Failure) {
        let is_undecodable = matches!(failure.code, Code::DecodeJson | Code::DecodeCsv);
        self.is_proven |= !is_undecodable;
        let failure = on_line(failure, &entry.line.to_string());
        let origin = self.origin(entry.line);
        let letter = match &entry.content {
            Content::Line(raw) | Content::Record { raw, .. } | Content::Unclosed { raw } => {
                let letter = self.letter(raw, &origin, &failure);
                let fits = letter.body.len() + LETTER_ROOM_BYTES <= MAX_BATCH_BYTES;
                if fits {
                    letter
                } else {
                    self.place(&origin, entry.line, raw.len() as u64, &failure)
                }
            }
            Content::TooLong { bytes } => self.place(&origin, entry.line, *bytes, &failure),
            Content::Blank => self.place(&origin, entry.line, entry.bytes, &failure),
        };
        self.refusing_bytes += letter.body.len() + attributes_size(&letter.attributes);
        self.refusing.push(letter);
    }

    /// The dead letter of an entry's bytes, with what they are read by.
    fn letter(&self, raw: &[u8], origin: &Origin, failure: &Failure) -> RejectedMessage {
        match &self.header {
            Header::Unneeded | Header::Awaited => {
                refused(raw, Form::Message, self.contract, origin, failure, self.now)
            }
            Header::Known { attribute, .. } => {
                let mut letter = refused(raw, Form::Csv, self.contract, origin, failure, self.now);
                letter.attributes.insert(CSV_ATTRIBUTE.to_owned(), attribute.clone());
                letter
            }
        }
    }

    /// The dead letter that says where its bytes are.
    fn place(&self, origin: &Origin, line: u64, bytes: u64, failure: &Failure) -> RejectedMessage {
        let place = serde_json::json!({
            "source": origin.source, "etag": self.object.etag, "line": line, "bytes": bytes,
        });
        let place = place.to_string();
        refused(place.as_bytes(), Form::Place, self.contract, origin, failure, self.now)
    }

    fn check_first_lines(&self) -> Result<(), Failure> {
        let last = self.refusing.last().filter(|_| !self.is_proven);
        match last.filter(|_| self.refusing.len() == FIRST_LINES) {
            Some(last) => {
                let (code, reason) = (last.letter.code, &last.letter.reason);
                let reason =
                    format!("none of its first {FIRST_LINES} lines is an event: {code}: {reason}");
                Err(Failure::permanent(Code::DecodeFormat, reason))
            }
            None => Ok(()),
        }
    }
}
