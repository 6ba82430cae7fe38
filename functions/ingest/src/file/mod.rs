//! A file of events: read in bounded memory, entry by entry, each on its own.

mod automaton;
mod entries;
mod entry;
mod format;
mod inflate;
mod intake;
mod lines;
mod records;
mod row;

use contracts::Contract;
use event::{Code, Failure, MAX_PAYLOAD_BYTES, Redriven, Timestamp};
use runtime::{Deadline, EventCounts, Queue};

use self::entries::Entries;
use self::format::{Format, SNIFFED, format_of, sniff};
use self::inflate::Inflate;
use self::intake::Intake;
use self::lines::Lines;
use self::records::Records;
pub(crate) use self::row::read_row;
use crate::archive::Store;
use crate::emit::Emit;
use crate::file_source::Body;
use crate::letters::{Archive, put_elsewhere};
use crate::notification::Announced;

/// Messages sent at a time: whole calls, some of them at once.
const FLUSH: usize = 100;

/// Fewer, when they are large: a batch may announce ten files, which are read at once.
const FLUSH_BYTES: usize = 4 * 1024 * 1024;

/// What is given to the decompressor at a time: gzip makes at most about a thousand times as much
/// of it, so that a bomb stays bounded.
const SLICE: usize = 4 * 1024;

/// A file of events.
#[derive(Debug)]
pub(crate) struct File<'a> {
    pub(crate) object: &'a Announced,
    pub(crate) contract: &'a Contract,
    /// When it was first taken in.
    pub(crate) taken_in: Timestamp,
    /// The run of redrive that brought its announcement back.
    pub(crate) redriven: Option<Redriven>,
}

/// Reads a file and passes its events on; an entry that fails is a dead letter of its own, in `archive`
/// where no message has room for it.
///
/// # Errors
/// What concerns the file as a whole; what was passed on before then comes again, and is known by
/// its keys.
pub(crate) async fn read_file<Q: Queue>(
    file: &File<'_>,
    mut body: impl Body,
    emit: &Emit<Q>,
    archive: &Archive<'_, impl Store>,
    deadline: &Deadline,
) -> Result<EventCounts, Failure> {
    let (format, gzipped) = format_of(&file.object.key)?;
    let mut reader = Reader::new(file, format, gzipped, archive, deadline.now());
    let mut first = Some(Vec::new());
    while let Some(bytes) = body.next().await? {
        let bytes = bytes.as_ref();
        let Some(mut head) = first.take() else {
            reader.read(bytes, emit).await?;
            continue;
        };
        head.extend_from_slice(bytes);
        if head.len() < SNIFFED {
            first = Some(head);
        } else {
            sniff(&head, gzipped)?;
            reader.read(&head, emit).await?;
        }
    }
    // A file shorter than what tells a format is still read.
    if let Some(head) = first {
        if gzipped && head.is_empty() {
            return Err(Failure::permanent(Code::InputEmpty, "no byte; even an empty gzip has 20"));
        }
        sniff(&head, gzipped)?;
        reader.read(&head, emit).await?;
    }
    reader.finish(emit).await
}

/// Bytes to entries, entries to events and dead letters, and these to their queues.
struct Reader<'a, O> {
    inflate: Inflate,
    entries: Entries,
    intake: Intake<'a>,
    archive: &'a Archive<'a, O>,
    now: Timestamp,
    /// Bytes of the file, as they are after decompression.
    bytes: u64,
    done: EventCounts,
}

impl<'a, O: Store> Reader<'a, O> {
    fn new(
        file: &File<'a>,
        format: Format,
        gzipped: bool,
        archive: &'a Archive<'a, O>,
        now: Timestamp,
    ) -> Self {
        let entries = match format {
            Format::Ndjson => Entries::Lines(Lines::new(MAX_PAYLOAD_BYTES)),
            Format::Csv => Entries::Records(Box::new(Records::new(MAX_PAYLOAD_BYTES))),
        };
        Self {
            inflate: Inflate::new(gzipped),
            entries,
            intake: Intake::new(file, format, now),
            archive,
            now,
            bytes: 0,
            done: EventCounts::default(),
        }
    }

    async fn read<Q: Queue>(&mut self, bytes: &[u8], emit: &Emit<Q>) -> Result<(), Failure> {
        let mut plain = Vec::new();
        for slice in bytes.chunks(SLICE) {
            let inflated = self.inflate.push(slice, &mut plain);
            self.take(&plain, emit).await?;
            plain.clear();
            if let Err(broken) = inflated {
                self.end_early(emit).await?;
                return Err(broken);
            }
        }
        Ok(())
    }

    async fn finish<Q: Queue>(mut self, emit: &Emit<Q>) -> Result<EventCounts, Failure> {
        let mut plain = Vec::new();
        let inflated = self.inflate.finish(&mut plain);
        self.take(&plain, emit).await?;
        if let Err(broken) = inflated {
            self.end_early(emit).await?;
            return Err(broken);
        }
        self.take_rest(emit).await?;
        self.intake.end()?;
        self.flush(emit).await?;
        self.check_account()?;
        let EventCounts { taken, passed, dead_lettered, .. } = self.done;
        tracing::info!(
            stage = "ingest",
            file.source = self.intake.source,
            file.bytes = self.bytes,
            file.events = taken,
            file.passed = passed,
            file.dead_lettered = dead_lettered,
            "file read"
        );
        Ok(self.done)
    }

    /// The file is broken from here on: what came before is passed on all the same. A last line without
    /// a line end counts only if nothing of it can be missing.
    async fn end_early<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        if self.inflate.is_whole() {
            self.take_rest(emit).await?;
        }
        self.flush(emit).await
    }

    async fn take_rest<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        self.entries.end();
        self.take(&[], emit).await
    }

    /// Sends as it goes: one slice may inflate to more entries than there is memory for as messages.
    async fn take<Q: Queue>(&mut self, plain: &[u8], emit: &Emit<Q>) -> Result<(), Failure> {
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
        let sent = emit.pass_on(&passing).await;
        sent.into_iter().collect::<Result<(), Failure>>()?;
        self.done.passed += passing.len() as u64;
        Ok(())
    }

    async fn refuse_waiting<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        let mut refusing = std::mem::take(&mut self.intake.refusing);
        self.intake.refusing_bytes = 0;
        for refused in refusing.iter_mut().filter(|refused| !refused.fits()) {
            put_elsewhere(self.archive, refused, self.now).await?;
        }
        let count = refusing.len() as u64;
        emit.refuse(refusing).await?;
        self.done.dead_lettered += count;
        Ok(())
    }

    /// Every byte that was read is the header's, an event's, a dead letter's or blank. If not, the fault
    /// is in here: the file stays in the queue, and its dead letter says so, rather than that a row is
    /// silently lost.
    fn check_account(&mut self) -> Result<(), Failure> {
        self.done.taken = self.intake.taken;
        let (bytes, account) = (self.bytes, self.intake.account);
        let EventCounts { taken, passed, dead_lettered, .. } = self.done;
        if account.bytes() == bytes && passed + dead_lettered == taken {
            return Ok(());
        }
        let reason = format!(
            "a fault of Sluicegate: of {bytes} bytes and {taken} events, {account:?}, \
             {passed} passed on, {dead_lettered} dead-lettered"
        );
        Err(Failure::transient(Code::RecordPanicked, reason))
    }
}

#[cfg(test)]
mod tests;
