//! Reads a file of events in bounded memory, and in several slices if it is long. Each entry becomes an event or a dead
//! letter on its own.

mod automaton;
mod buffer;
mod checkpoints;
mod documents;
mod entries;
mod entry;
mod format;
mod frames;
mod inflate;
mod intake;
mod lines;
mod outbox;
mod position;
mod reader;
mod records;
mod row;
mod rows;
mod scan;
mod text;

use std::time::Duration;

use contracts::Contract;
use event::{Code, Failure, Redriven, Timestamp};
use runtime::{Deadline, EventCounts, Queue};
use tokio::sync::Mutex;

use self::format::{Layout, Packing, SNIFFED, is_parquet};
pub(crate) use self::position::Next;
use self::reader::Reader;
pub(crate) use self::row::read_row;
use crate::adapters::{Announced, IgnoredCounts};
use crate::archive::Store;
use crate::emit::Emit;
use crate::file_source::{Body, FileSource};
use crate::letters::Archive;

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
    /// Held while a file is read by its rows: the pages of one take much memory.
    pub(crate) turn: &'a Mutex<()>,
}

/// From so much time for a record on, another invocation is unlikely to have much more.
const MUCH_TIME: Duration = Duration::from_secs(50);

/// The bytes of a file, from the place on at which it is read.
pub(crate) struct Content<B> {
    /// `None` for a file that is read by its rows.
    pub(crate) body: Option<B>,
    /// How many bytes the whole file has; 0 if S3 did not say.
    pub(crate) size: u64,
    /// Where an earlier invocation ended; `None` for the beginning.
    pub(crate) from: Option<Next>,
}

/// How much of a file one invocation reads.
pub(crate) struct SliceLimits {
    bytes: u64,
    /// When the record must be done.
    deadline: Deadline,
    /// How much time there was at the beginning.
    time: Duration,
}

impl SliceLimits {
    /// The limits of a record of an invocation with this deadline, which is to read about so many bytes.
    pub(crate) fn new(bytes: u64, deadline: &Deadline) -> Self {
        let deadline = deadline.of_record();
        Self { bytes, time: deadline.remaining(), deadline }
    }

    /// The present time.
    pub(crate) fn now(&self) -> Timestamp {
        self.deadline.now()
    }

    /// Whether two thirds of the time are over. The rest is for what is being sent, and for finding a place to go on.
    pub(crate) fn is_time_over(&self) -> bool {
        self.deadline.remaining() < self.time / 3
    }

    fn is_over(&self, bytes_read: u64) -> bool {
        bytes_read >= self.bytes || self.is_time_over()
    }

    fn is_last_moment(&self) -> bool {
        self.deadline.remaining() < self.time / 10
    }

    /// Whether this is about the beginning, so that another invocation would have no more time.
    fn is_beginning(&self) -> bool {
        self.deadline.remaining() >= self.time * 4 / 5 && self.time >= MUCH_TIME
    }
}

/// How far a file was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadFile {
    Whole(EventCounts),
    /// Another invocation goes on from the position, or begins at the beginning.
    Part(EventCounts, Option<Next>),
}

/// Reads a file, or as much of it as `limits` allow, and sends its events on. An entry that fails becomes a dead letter
/// of its own, which is put into `archive` if no message has room for it.
///
/// # Errors
/// A failure of the file as a whole. Events that were sent on before it are sent again by the next try; the sinks
/// recognize them by their idempotency keys. [`Code::SizeExceeded`], transient, if the time was over and nothing in the
/// file lets another invocation go on. It may have been short because other files were read at the same time.
pub(crate) async fn read_file<Q: Queue>(
    file: &File<'_>,
    content: Content<impl Body>,
    emit: &Emit<Q>,
    archive: &Archive<'_, impl Store + FileSource>,
    limits: &SliceLimits,
) -> Result<ReadFile, Failure> {
    let Content { body, size, from } = content;
    let Some(mut body) = body else {
        let row = from.map_or(0, Next::row);
        return rows::read_rows(file, size, row, emit, archive, limits).await;
    };
    let (now, had_all_time) = (limits.now(), limits.is_beginning());
    let mut reader = match &from {
        Some(next) => Reader::at(file, next.position()?, archive, now)?,
        None => {
            let head = read_head(&mut body).await?;
            if is_parquet(&file.object.key, file.contract.file_format, &head)? {
                drop(body);
                return rows::read_rows(file, size, 0, emit, archive, limits).await;
            }
            let layout = Layout::of(&file.object.key, file.contract.file_format, &head)?;
            let mut reader = Reader::new(file, layout, archive, now)?;
            reader.read(&head, emit).await?;
            reader
        }
    };
    loop {
        let has_more = size == 0 || reader.offset() < size;
        if has_more && limits.is_over(reader.bytes_read()) {
            if let Some((counts, position)) = reader.pause(emit).await? {
                return Ok(ReadFile::Part(counts, Some(Next::Text(position))));
            }
            if limits.is_last_moment() {
                reader.flush(emit).await?;
                if had_all_time {
                    let (packing, offset) = (reader.packing(), reader.offset());
                    return Err(too_long_for_one_invocation(packing, offset, size));
                }
                // The next invocation reads this part again, and counts it.
                return Ok(ReadFile::Part(EventCounts::default(), from));
            }
        }
        match body.next().await? {
            Some(bytes) => reader.read(bytes.as_ref(), emit).await?,
            None => return Ok(ReadFile::Whole(reader.finish(emit).await?)),
        }
    }
}

fn too_long_for_one_invocation(packing: Packing, read: u64, size: u64) -> Failure {
    let what = match packing {
        Packing::Plain => "one entry",
        Packing::Gzip => "gzip without another member",
        Packing::Zstd => "Zstandard without another frame",
    };
    let reason = format!(
        "one invocation had no time for more than {read} of {size} bytes, and what follows is {what}, \
         which no other invocation can go on with; send smaller files, or pack them in several \
         members or frames"
    );
    Failure::transient(Code::SizeExceeded, reason)
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

#[cfg(test)]
mod tests;
