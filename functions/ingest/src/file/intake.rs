//! Turns the entries of a file into events and dead letters.

use contracts::{Contract, Decoded, Incoming};
use event::{Attribute, CSV_ATTRIBUTE, Code, CsvHeader, Failure, Form, Redriven, Timestamp};
use runtime::RejectedMessage;

use super::File;
use super::entry::{Content, Entry};
use super::format::Format;
use super::row::{no_event, payload_of, too_long};
use crate::adapters::{Announced, IgnoredCounts};
use crate::emit::dead_letter;
use crate::wrap::{Accepted, Origin, Place, at_place, wrap};

/// If none of this many first lines can be decoded, the file is not what its name says. Then the whole file becomes
/// one dead letter, in place of one for each line.
const FIRST_LINES: usize = 16;

/// How many bytes of a file went where.
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
    /// The first record of CSV, which has not come yet.
    Awaited,
    Known {
        names: Vec<String>,
        /// The names in the form in which a dead letter carries them.
        attribute: Attribute,
    },
}

/// Takes entries, and holds the resulting events and dead letters until they are sent.
pub(super) struct Intake<'a> {
    object: &'a Announced,
    /// The CloudEvents `source` of each event.
    pub(super) source: String,
    /// The beginning of each event's id, before its line.
    id_prefix: String,
    contract: &'a Contract,
    /// When the file was first taken in.
    taken_in: Timestamp,
    redriven: Option<Redriven>,
    ignored: &'a IgnoredCounts,
    now: Timestamp,
    header: Header,
    /// Events that are not sent yet, and their size.
    pub(super) passing: Vec<Accepted>,
    pub(super) passing_bytes: usize,
    /// Dead letters that are not sent yet, and their size.
    pub(super) refusing: Vec<RejectedMessage>,
    pub(super) refusing_bytes: usize,
    /// Whether the entries' bytes are not those of the file, because the file has another encoding than UTF-8.
    pub(super) is_transcoded: bool,
    /// Whether an entry could be decoded. Until then, dead letters are held back, since the whole file may become one.
    pub(super) is_proven: bool,
    /// How many events were found, valid or not.
    pub(super) taken: u64,
    pub(super) account: Account,
}

impl<'a> Intake<'a> {
    pub(super) fn new(file: &File<'a>, format: Format, now: Timestamp) -> Self {
        let header = match format {
            Format::Ndjson | Format::Json => Header::Unneeded,
            Format::Csv => Header::Awaited,
        };
        Self::with_header(file, header, now)
    }

    /// Goes on with a file whose columns, if it is CSV, have these names and this delimiter between them, and of which an
    /// entry could be decoded.
    ///
    /// # Errors
    /// When the contract does not know a column any more.
    pub(super) fn at(
        file: &File<'a>,
        columns: Option<(&[String], u8)>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let header = match columns {
            None => Header::Unneeded,
            Some((names, delimiter)) => Header::known(file.contract, names.to_vec(), delimiter)?,
        };
        Ok(Self { is_proven: true, ..Self::with_header(file, header, now) })
    }

    fn with_header(file: &File<'a>, header: Header, now: Timestamp) -> Self {
        let File { object, contract, taken_in, .. } = *file;
        Self {
            object,
            source: object.source(),
            id_prefix: object.id_prefix(),
            contract,
            taken_in,
            redriven: file.redriven.clone(),
            ignored: file.ignored,
            now,
            header,
            passing: Vec::new(),
            passing_bytes: 0,
            refusing: Vec::new(),
            refusing_bytes: 0,
            is_transcoded: false,
            is_proven: false,
            taken: 0,
            account: Account::default(),
        }
    }

    /// Takes one entry.
    ///
    /// # Errors
    /// A failure of the file as a whole: its header, or its first lines.
    pub(super) fn take(&mut self, entry: &Entry<'_>) -> Result<(), Failure> {
        if self.is_blank(&entry.content) {
            self.account.blank += entry.bytes;
            return Ok(());
        }
        if matches!(self.header, Header::Awaited) {
            let delimiter = self.contract.csv.delimiter;
            self.header = Header::known(self.contract, columns(&entry.content)?, delimiter)?;
            self.account.header = entry.bytes;
            return Ok(());
        }
        let wrapped = match self.decode(&entry.content) {
            Ok(Decoded::Event(event)) => wrap(self.contract, event, self.origin(entry.place)),
            Ok(Decoded::Ignored(nothing)) => {
                self.ignored.add(&[nothing.into()]);
                self.is_proven = true;
                self.account.blank += entry.bytes;
                return Ok(());
            }
            Err(failure) => Err(failure),
        };
        self.taken += 1;
        match wrapped {
            Ok(event) => {
                self.is_proven = true;
                self.passing_bytes += event.message.size();
                self.passing.push(event);
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

    /// Checks that the file may end here.
    ///
    /// # Errors
    /// [`Code::InputEmpty`] for a CSV file that has no header.
    pub(super) fn end(&self) -> Result<(), Failure> {
        match self.header {
            // A file without events is no failure: its producer may have had no data.
            Header::Unneeded | Header::Known { .. } => Ok(()),
            // A producer of CSV writes the header first, so a file without one was not written completely.
            Header::Awaited => {
                Err(Failure::permanent(Code::InputEmpty, "a CSV file without a header"))
            }
        }
    }

    /// The origin of the event at a place.
    fn origin(&self, place: Place) -> Origin {
        let id = format!("{}:{}", self.id_prefix, place.id());
        Origin {
            source: self.source.clone(),
            id,
            trace: None,
            taken_in: self.taken_in,
            redriven: self.redriven.clone(),
        }
    }

    /// Whether an entry holds no event. A CSV record of white space holds none, unless the file has only one column,
    /// whose value it may be.
    fn is_blank(&self, content: &Content<'_>) -> bool {
        let has_one_column =
            matches!(&self.header, Header::Known { names, .. } if names.len() == 1);
        match content {
            Content::Blank => true,
            Content::Record { raw, .. } => !has_one_column && raw.trim_ascii().is_empty(),
            Content::Line(_)
            | Content::Unclosed { .. }
            | Content::TooLong { .. }
            | Content::Refused(_) => false,
        }
    }

    /// The names of the file's columns, if it is CSV and they are known.
    pub(super) fn columns(&self) -> Option<&[String]> {
        match &self.header {
            Header::Known { names, .. } => Some(names),
            Header::Unneeded | Header::Awaited => None,
        }
    }

    fn decode(&self, content: &Content<'_>) -> Result<Decoded<Incoming>, Failure> {
        if let Header::Known { names, .. } = &self.header {
            let row = payload_of(self.contract, names, content)?;
            return Ok(Decoded::Event(Incoming::from(row)));
        }
        match content {
            Content::Line(text) => self.contract.decode(text),
            Content::TooLong { bytes } => Err(too_long(*bytes)),
            Content::Refused(failure) => Err(failure.clone()),
            Content::Blank | Content::Record { .. } | Content::Unclosed { .. } => Err(no_event()),
        }
    }

    /// Makes a dead letter of an entry. It has the entry's bytes, or only their place if they are more than an event may
    /// have.
    fn refuse(&mut self, entry: &Entry<'_>, failure: Failure) {
        let is_undecodable = matches!(failure.code, Code::DecodeJson | Code::DecodeCsv);
        self.is_proven |= !is_undecodable;
        let is_undecodable_text = self.is_transcoded && failure.code == Code::DecodeUtf8;
        let failure = at_place(failure, entry.place);
        let origin = self.origin(entry.place);
        let letter = match &entry.content {
            // The original bytes are in the archive. They would not come back from what they were decoded to.
            _ if is_undecodable_text => self.place(&origin, entry.place, entry.bytes, &failure),
            Content::Line(raw) | Content::Record { raw, .. } | Content::Unclosed { raw } => {
                self.letter(raw, &origin, &failure)
            }
            Content::TooLong { bytes } => self.place(&origin, entry.place, *bytes, &failure),
            Content::Blank | Content::Refused(_) => {
                self.place(&origin, entry.place, entry.bytes, &failure)
            }
        };
        self.refusing_bytes += letter.size();
        self.refusing.push(letter);
    }

    /// The dead letter with an entry's bytes. That of a CSV record has the header too, without which no record can be
    /// read.
    fn letter(&self, raw: &[u8], origin: &Origin, failure: &Failure) -> RejectedMessage {
        match &self.header {
            Header::Unneeded | Header::Awaited => dead_letter(
                raw,
                Form::Message,
                Some(self.contract.reference()),
                origin,
                failure,
                self.now,
            ),
            Header::Known { attribute, .. } => {
                let mut letter = dead_letter(
                    raw,
                    Form::Csv,
                    Some(self.contract.reference()),
                    origin,
                    failure,
                    self.now,
                );
                letter.attributes.insert(CSV_ATTRIBUTE.to_owned(), attribute.clone());
                letter
            }
        }
    }

    /// The dead letter that only says where in the file its bytes are.
    fn place(
        &self,
        origin: &Origin,
        place: Place,
        bytes: u64,
        failure: &Failure,
    ) -> RejectedMessage {
        let (unit, number) = match place {
            Place::Line(number) => ("line", number),
            Place::Byte(number) => ("byte", number),
            Place::Row(number) => ("row", number),
        };
        let mut body = serde_json::json!({
            "source": origin.source, "etag": self.object.etag, unit: number,
        });
        // A row is in many places of its file.
        if !matches!(place, Place::Row(_)) {
            body["bytes"] = bytes.into();
        }
        let body = body.to_string();
        dead_letter(
            body.as_bytes(),
            Form::Place,
            Some(self.contract.reference()),
            origin,
            failure,
            self.now,
        )
    }

    /// # Errors
    /// [`Code::DecodeFormat`] once [`FIRST_LINES`] lines have failed and none could be decoded.
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

impl Header {
    fn known(contract: &Contract, names: Vec<String>, delimiter: u8) -> Result<Self, Failure> {
        contract.check_header(&names)?;
        let attribute = CsvHeader::new(&names, delimiter).attribute();
        Ok(Self::Known { names, attribute })
    }
}

/// The columns that a header names.
fn columns(content: &Content<'_>) -> Result<Vec<String>, Failure> {
    match content {
        Content::Record { fields, .. } => {
            Ok(fields.texts()?.into_iter().map(str::to_owned).collect())
        }
        Content::TooLong { bytes } => Err(no_header(&format!("a first record of {bytes} bytes"))),
        Content::Unclosed { .. } => Err(no_header("its quote is never closed")),
        Content::Blank | Content::Line(_) | Content::Refused(_) => {
            Err(no_header("a line without columns"))
        }
    }
}

fn no_header(why: &str) -> Failure {
    Failure::permanent(Code::DecodeFormat, format!("no header: {why}"))
}
