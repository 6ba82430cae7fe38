//! Unpacks the bytes of a file, splits them into entries, turns these into events and dead letters, and sends both to
//! their queues.

use event::{Failure, Timestamp};
use runtime::{EventCounts, Queue};

use super::File;
use super::checkpoints::{Checkpoint, Checkpoints};
use super::entries::Entries;
use super::format::{Format, Layout, Packing, begins_like_json, no_format};
use super::frames::Progress;
use super::inflate::Inflate;
use super::intake::Intake;
use super::outbox::Outbox;
use super::position::Position;
use super::text::Text;
use crate::archive::Store;
use crate::emit::Emit;
use crate::letters::Archive;

/// The packed bytes that are unpacked at a time. Gzip inflates them to about a thousand times as many at most, so that a
/// decompression bomb stays within the function's memory. Zstandard comes in smaller pieces.
const PIECE: usize = 4 * 1024;

pub(super) struct Reader<'a, O> {
    format: Format,
    packing: Packing,
    inflate: Inflate,
    /// The decoder of CSV's texts; `None` for JSON, which is UTF-8 (RFC 8259, section 8.1).
    text: Option<Text>,
    entries: Entries,
    /// Whether nothing but the first bytes can say the format, and they have not come.
    is_format_unknown: bool,
    outbox: Outbox<'a, O>,
    /// Where in the object the reading began.
    begin: u64,
    /// How many bytes of the object precede what is unpacked next.
    offset: u64,
    checkpoints: Checkpoints,
    /// How many decoded bytes are to be skipped from the beginning of the reading on, and how many of them have come.
    to_skip: u64,
    skipped: u64,
    /// How many bytes were read after those, counted after unpacking and decoding.
    bytes: u64,
}

impl<'a, O: Store> Reader<'a, O> {
    pub(super) fn new(
        file: &File<'a>,
        layout: Layout,
        archive: &'a Archive<'a, O>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let csv = &file.contract.csv;
        let format = layout.format.unwrap_or(Format::Json);
        Ok(Self {
            format,
            packing: layout.packing,
            inflate: Inflate::new(layout.packing)?,
            text: (format == Format::Csv).then(|| Text::new(csv.encoding)),
            entries: Entries::new(format, csv.delimiter),
            is_format_unknown: layout.format.is_none(),
            outbox: Outbox::new(Intake::new(file, format, now), archive, now),
            begin: 0,
            offset: 0,
            checkpoints: Checkpoints::default(),
            to_skip: 0,
            skipped: 0,
            bytes: 0,
        })
    }

    /// Goes on at a position. The bytes that come next are those from its offset on.
    pub(super) fn at(
        file: &File<'a>,
        position: &Position,
        archive: &'a Archive<'a, O>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let layout = Layout { format: Some(position.format), packing: position.packing };
        Ok(Self {
            inflate: Inflate::at(position.packing)?,
            text: position.encoding.map(Text::at),
            entries: Entries::at(&position.entries),
            outbox: Outbox::new(Intake::at(file, position.columns(), now)?, archive, now),
            begin: position.offset,
            offset: position.offset,
            to_skip: position.skipped,
            ..Self::new(file, layout, archive, now)?
        })
    }

    /// How many bytes of the object are read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes of the object were read since the reading began.
    pub(super) fn bytes_read(&self) -> u64 {
        self.offset - self.begin
    }

    pub(super) fn packing(&self) -> Packing {
        self.packing
    }

    pub(super) async fn read<Q: Queue>(
        &mut self,
        bytes: &[u8],
        emit: &Emit<Q>,
    ) -> Result<(), Failure> {
        let mut plain = Vec::new();
        for piece in bytes.chunks(PIECE) {
            let mut packed = piece;
            loop {
                self.add_checkpoint();
                let unpacked = self.inflate.push(packed, &mut plain);
                self.decode(&plain, emit).await?;
                plain.clear();
                match unpacked {
                    Ok(Progress::All) => {
                        self.offset += packed.len() as u64;
                        break;
                    }
                    Ok(Progress::Part(taken)) => {
                        self.offset += taken as u64;
                        packed = &packed[taken..];
                    }
                    Err(broken) => {
                        self.end_early(emit).await?;
                        return Err(broken);
                    }
                }
            }
        }
        Ok(())
    }

    /// Remembers this place, if the reading could begin here.
    fn add_checkpoint(&mut self) {
        let is_decoded = self.text.as_ref().is_none_or(Text::is_between_characters);
        if is_decoded && self.inflate.is_at_boundary() {
            let taken = self.taken_bytes();
            self.checkpoints.before(taken);
            let decoded = self.skipped + self.bytes;
            self.checkpoints.add(Checkpoint { offset: self.offset, decoded });
        }
    }

    /// How many of the decoded bytes belong to entries that were taken, here or by those who read the file before.
    fn taken_bytes(&self) -> u64 {
        self.to_skip + self.outbox.intake.account.bytes()
    }

    /// Ends a slice of the file, once everything of it is sent. `None` if the reading could begin nowhere behind the
    /// place where it began.
    pub(super) async fn pause<Q: Queue>(
        &mut self,
        emit: &Emit<Q>,
    ) -> Result<Option<(EventCounts, Position)>, Failure> {
        let Some(position) = self.position() else { return Ok(None) };
        self.flush(emit).await?;
        let counts = self.outbox.check_account(self.bytes - self.entries.unread())?;
        self.outbox.log(self.bytes, "slice of a file read");
        Ok(Some((counts, position)))
    }

    /// Where the next slice begins. Until an entry could be decoded, the file may still become one dead letter, and has
    /// no slices.
    fn position(&mut self) -> Option<Position> {
        let taken = self.taken_bytes();
        let checkpoint = self.checkpoints.before(taken)?;
        if checkpoint.offset <= self.begin || !self.outbox.intake.is_proven {
            return None;
        }
        Some(Position {
            offset: checkpoint.offset,
            skipped: taken - checkpoint.decoded,
            format: self.format,
            packing: self.packing,
            encoding: self.text.as_ref().and_then(Text::encoding),
            columns: self.outbox.intake.columns().map(<[String]>::to_vec),
            entries: self.entries.position()?,
        })
    }

    pub(super) async fn finish<Q: Queue>(mut self, emit: &Emit<Q>) -> Result<EventCounts, Failure> {
        let mut plain = Vec::new();
        let inflated = self.inflate.finish(&mut plain);
        self.decode(&plain, emit).await?;
        if let Err(broken) = inflated {
            self.end_early(emit).await?;
            return Err(broken);
        }
        self.take_rest(emit).await?;
        self.outbox.intake.end()?;
        self.flush(emit).await?;
        let counts = self.outbox.check_account(self.bytes)?;
        self.entries.check_end()?;
        self.outbox.log(self.bytes, "file read");
        Ok(counts)
    }

    /// Takes unpacked bytes.
    async fn decode<Q: Queue>(&mut self, plain: &[u8], emit: &Emit<Q>) -> Result<(), Failure> {
        let Some(mut text) = self.text.take() else {
            return self.take(plain, emit).await;
        };
        text.push(plain);
        self.outbox.intake.is_transcoded = text.is_transcoded();
        let taken = self.take(text.decoded(), emit).await;
        self.text = Some(text);
        taken
    }

    /// Sends on what precedes the point from which on the file is broken. A last line without a line end is taken only
    /// if it cannot be cut short.
    async fn end_early<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        if self.inflate.is_whole() {
            self.take_rest(emit).await?;
        }
        self.flush(emit).await
    }

    async fn take_rest<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        if let Some(mut text) = self.text.take() {
            text.finish();
            self.outbox.intake.is_transcoded = text.is_transcoded();
            self.take(text.decoded(), emit).await?;
        }
        self.entries.end();
        self.take(&[], emit).await
    }

    /// Takes the entries of these bytes, and sends messages in between: one piece may inflate to more entries than the
    /// memory could hold as messages.
    async fn take<Q: Queue>(&mut self, decoded: &[u8], emit: &Emit<Q>) -> Result<(), Failure> {
        let plain = self.skip(decoded);
        if self.is_format_unknown
            && let Some(is_json) = begins_like_json(plain)
        {
            if !is_json {
                return Err(no_format());
            }
            self.is_format_unknown = false;
        }
        self.bytes += plain.len() as u64;
        self.entries.push(plain);
        while let Some(entry) = self.entries.next() {
            self.outbox.take(&entry, emit).await?;
        }
        Ok(())
    }

    /// The bytes behind those that are to be skipped.
    fn skip<'b>(&mut self, decoded: &'b [u8]) -> &'b [u8] {
        let rest = usize::try_from(self.to_skip - self.skipped).unwrap_or(usize::MAX);
        let (skipped, plain) = decoded.split_at(rest.min(decoded.len()));
        self.skipped += skipped.len() as u64;
        plain
    }

    /// Sends what is waiting.
    pub(super) async fn flush<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        self.outbox.flush(emit).await
    }
}
