//! Reads a file of events in bounded memory. Each entry becomes an event or a dead letter on its own.

mod automaton;
mod buffer;
mod documents;
mod entries;
mod entry;
mod format;
mod frames;
mod inflate;
mod intake;
mod lines;
mod records;
mod row;
mod scan;
mod text;

use contracts::Contract;
use event::{Code, Failure, Redriven, Timestamp};
use runtime::{Deadline, EventCounts, Queue};

use self::entries::Entries;
use self::format::{Format, Layout, SNIFFED, begins_like_json, no_format};
use self::frames::Progress;
use self::inflate::Inflate;
use self::intake::Intake;
pub(crate) use self::row::read_row;
use self::text::Text;
use crate::adapters::{Announced, IgnoredCounts};
use crate::archive::Store;
use crate::emit::Emit;
use crate::file_source::Body;
use crate::letters::{Archive, move_to_archive};

/// Once this many messages are waiting, they are sent. It is a multiple of what one call takes, so that several full
/// calls run at the same time.
const FLUSH: usize = 100;

/// Once the waiting messages have this many bytes, they are sent even if they are few. A batch may announce ten files,
/// which are read at the same time.
const FLUSH_BYTES: usize = 4 * 1024 * 1024;

/// The packed bytes that are unpacked at a time. Gzip inflates them to about a thousand times as many at most, so that a
/// decompression bomb stays within the function's memory. Zstandard comes in smaller pieces.
const SLICE: usize = 4 * 1024;

/// A file of events.
#[derive(Debug)]
pub(crate) struct File<'a> {
    pub(crate) object: &'a Announced,
    pub(crate) contract: &'a Contract,
    /// When its announcement was first received.
    pub(crate) taken_in: Timestamp,
    /// The run of redrive that sent its announcement again; `None` if none did.
    pub(crate) redriven: Option<Redriven>,
    /// Counts the entries that tell of no row.
    pub(crate) ignored: &'a IgnoredCounts,
}

/// Reads a file and sends its events on. An entry that fails becomes a dead letter of its own, which is put into
/// `archive` if no message has room for it.
///
/// # Errors
/// A failure of the file as a whole. Events that were sent on before it are sent again by the next try; the sinks
/// recognize them by their idempotency keys.
pub(crate) async fn read_file<Q: Queue>(
    file: &File<'_>,
    mut body: impl Body,
    emit: &Emit<Q>,
    archive: &Archive<'_, impl Store>,
    deadline: &Deadline,
) -> Result<EventCounts, Failure> {
    let head = read_head(&mut body).await?;
    let layout = Layout::of(&file.object.key, file.contract.file_format, &head)?;
    let mut reader = Reader::new(file, layout, archive, deadline.now())?;
    reader.read(&head, emit).await?;
    while let Some(bytes) = body.next().await? {
        reader.read(bytes.as_ref(), emit).await?;
    }
    reader.finish(emit).await
}

/// The first bytes of a file: as many as are needed to recognize each format, and more if they come together.
async fn read_head(body: &mut impl Body) -> Result<Vec<u8>, Failure> {
    let mut head = Vec::new();
    while head.len() < SNIFFED
        && let Some(bytes) = body.next().await?
    {
        head.extend_from_slice(bytes.as_ref());
    }
    Ok(head)
}

/// Unpacks bytes, splits them into entries, turns these into events and dead letters, and sends both to their queues.
struct Reader<'a, O> {
    inflate: Inflate,
    /// The decoder of CSV's texts; `None` for JSON, which is UTF-8 (RFC 8259, section 8.1).
    text: Option<Text>,
    entries: Entries,
    /// Whether nothing but the first bytes can say the format, and they have not come.
    is_format_unknown: bool,
    intake: Intake<'a>,
    archive: &'a Archive<'a, O>,
    now: Timestamp,
    /// How many bytes of the file were read, counted after unpacking and decoding.
    bytes: u64,
    done: EventCounts,
}

impl<'a, O: Store> Reader<'a, O> {
    fn new(
        file: &File<'a>,
        layout: Layout,
        archive: &'a Archive<'a, O>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let csv = &file.contract.csv;
        let format = layout.format.unwrap_or(Format::Json);
        Ok(Self {
            inflate: Inflate::new(layout.packing)?,
            text: (format == Format::Csv).then(|| Text::new(csv.encoding)),
            entries: Entries::new(format, csv.delimiter),
            is_format_unknown: layout.format.is_none(),
            intake: Intake::new(file, format, now),
            archive,
            now,
            bytes: 0,
            done: EventCounts::default(),
        })
    }

    async fn read<Q: Queue>(&mut self, bytes: &[u8], emit: &Emit<Q>) -> Result<(), Failure> {
        let mut plain = Vec::new();
        for slice in bytes.chunks(SLICE) {
            let mut packed = slice;
            loop {
                let unpacked = self.inflate.push(packed, &mut plain);
                self.decode(&plain, emit).await?;
                plain.clear();
                match unpacked {
                    Ok(Progress::All) => break,
                    Ok(Progress::Part(taken)) => packed = &packed[taken..],
                    Err(broken) => {
                        self.end_early(emit).await?;
                        return Err(broken);
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes unpacked bytes.
    async fn decode<Q: Queue>(&mut self, plain: &[u8], emit: &Emit<Q>) -> Result<(), Failure> {
        let Some(mut text) = self.text.take() else {
            return self.take(plain, emit).await;
        };
        text.push(plain);
        self.intake.is_transcoded = text.is_transcoded();
        let taken = self.take(text.decoded(), emit).await;
        self.text = Some(text);
        taken
    }

    async fn finish<Q: Queue>(mut self, emit: &Emit<Q>) -> Result<EventCounts, Failure> {
        let mut plain = Vec::new();
        let inflated = self.inflate.finish(&mut plain);
        self.decode(&plain, emit).await?;
        if let Err(broken) = inflated {
            self.end_early(emit).await?;
            return Err(broken);
        }
        self.take_rest(emit).await?;
        self.intake.end()?;
        self.flush(emit).await?;
        self.check_account()?;
        self.entries.check_end()?;
        let EventCounts { taken, passed, diverted, dead_lettered, .. } = self.done;
        tracing::info!(
            stage = "ingest",
            file.source = self.intake.source,
            file.bytes = self.bytes,
            file.events = taken,
            file.passed = passed,
            file.diverted = diverted,
            file.dead_lettered = dead_lettered,
            "file read"
        );
        Ok(self.done)
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
            self.intake.is_transcoded = text.is_transcoded();
            self.take(text.decoded(), emit).await?;
        }
        self.entries.end();
        self.take(&[], emit).await
    }

    /// Takes the entries of these bytes, and sends messages in between: one slice may inflate to more entries than the
    /// memory could hold as messages.
    async fn take<Q: Queue>(&mut self, plain: &[u8], emit: &Emit<Q>) -> Result<(), Failure> {
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
            self.intake.take(&entry)?;
            let Intake { passing, passing_bytes, refusing, refusing_bytes, .. } = &self.intake;
            let are_many_passing = passing.len() >= FLUSH || *passing_bytes >= FLUSH_BYTES;
            let are_many_refused = refusing.len() >= FLUSH || *refusing_bytes >= FLUSH_BYTES;
            if are_many_passing {
                self.pass_on(emit).await?;
            }
            if self.intake.is_proven && are_many_refused {
                self.refuse_waiting(emit).await?;
            }
        }
        Ok(())
    }

    async fn flush<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        self.pass_on(emit).await?;
        self.refuse_waiting(emit).await
    }

    async fn pass_on<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        let passing = std::mem::take(&mut self.intake.passing);
        self.intake.passing_bytes = 0;
        let sent: Result<Vec<_>, Failure> = emit.pass_on(passing).await.into_iter().collect();
        for counts in sent? {
            self.done += counts;
        }
        Ok(())
    }

    async fn refuse_waiting<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        let mut refusing = std::mem::take(&mut self.intake.refusing);
        self.intake.refusing_bytes = 0;
        for refused in refusing.iter_mut().filter(|refused| !refused.fits()) {
            move_to_archive(self.archive, refused, self.now).await?;
        }
        let count = refusing.len() as u64;
        emit.refuse(refusing).await?;
        self.done.dead_lettered += count;
        Ok(())
    }

    /// Checks that every byte that was read belongs to the header, an event, a dead letter or a blank entry.
    ///
    /// # Errors
    /// A transient failure otherwise, which is a fault of this code. It keeps the file in its queue and finally makes
    /// it a dead letter, so that no row is lost silently.
    fn check_account(&mut self) -> Result<(), Failure> {
        self.done.taken = self.intake.taken;
        let (bytes, account) = (self.bytes, self.intake.account);
        let EventCounts { taken, passed, diverted, dead_lettered, .. } = self.done;
        if account.bytes() == bytes && passed + diverted + dead_lettered == taken {
            return Ok(());
        }
        let reason = format!(
            "a fault of Sluicegate: of {bytes} bytes and {taken} events, {account:?}, \
             {passed} passed on, {diverted} diverted, {dead_lettered} dead-lettered"
        );
        Err(Failure::transient(Code::RecordPanicked, reason))
    }
}

#[cfg(test)]
mod tests;
