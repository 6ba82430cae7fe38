//! A file of events: read in bounded memory, line by line, each line on its own.

mod format;
mod inflate;
mod lines;
mod rows;

use std::future::Future;

use aws_sdk_s3::primitives::ByteStream;
use contracts::Contract;
use event::{Code, Failure, Form, MAX_PAYLOAD_BYTES, Payload, Timestamp};
use runtime::{Deadline, Done, MAX_BATCH_BYTES, Outgoing, Queue, Refused};

use self::format::{Format, SNIFFED, format_of, sniff};
use self::inflate::Inflate;
use self::lines::{Line, Lines};
use self::rows::Rows;
use crate::emit::{Emit, refused};
use crate::notification::Announced;
use crate::wrap::{Origin, wrap};

/// Where files are.
pub(crate) trait FileSource: Send + Sync {
    type Body: Body;

    fn open(
        &self,
        bucket: &str,
        key: &str,
        etag: &str,
    ) -> impl Future<Output = Result<Self::Body, Failure>> + Send;
}

/// A file's bytes, as they come.
pub(crate) trait Body: Send {
    fn next(
        &mut self,
    ) -> impl Future<Output = Result<Option<impl AsRef<[u8]> + Send>, Failure>> + Send;
}

impl FileSource for aws::Objects {
    type Body = ByteStream;

    async fn open(&self, bucket: &str, key: &str, etag: &str) -> Result<ByteStream, Failure> {
        self.get(bucket, key, etag).await
    }
}

impl Body for ByteStream {
    async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + Send>, Failure> {
        self.try_next().await.map_err(|error| {
            Failure::transient(Code::DependencyUnavailable, format!("reading an object: {error}"))
        })
    }
}

/// Messages sent at a time: whole calls, some of them at once.
const FLUSH: usize = 100;

/// Fewer, when they are large: a batch may announce ten files, which are read at once.
const FLUSH_BYTES: usize = 4 * 1024 * 1024;

/// What a dead letter's message needs beside its body: attributes with the object's key twice (at
/// most 1,024 bytes each), and a reason of at most 1,000 characters.
const LETTER_ROOM_BYTES: usize = 32 * 1024;

/// A file whose first lines all fail is not what its name says: it is one dead letter, not one for
/// each line.
const FIRST_LINES: usize = 16;

/// What is given to the decompressor at a time: gzip makes at most about a thousand times as much
/// of it, so that a bomb stays bounded.
const SLICE: usize = 4 * 1024;

/// Reads a file and passes its events on; a line that fails is a dead letter of its own.
///
/// # Errors
/// What concerns the file as a whole; what was passed on before then comes again, and is known by
/// its keys.
pub(crate) async fn read_file<Q: Queue>(
    object: &Announced,
    contract: &Contract,
    mut body: impl Body,
    emit: &Emit<Q>,
    taken_in: Timestamp,
    deadline: &Deadline,
) -> Result<Done, Failure> {
    let (format, gzipped) = format_of(&object.key)?;
    let mut reader = Reader::new(object, contract, format, taken_in, deadline.now());
    let mut inflate = Inflate::new(gzipped);
    let mut first = Some(Vec::new());
    while let Some(bytes) = body.next().await? {
        let bytes = bytes.as_ref();
        let Some(mut head) = first.take() else {
            reader.read(bytes, &mut inflate, emit).await?;
            continue;
        };
        head.extend_from_slice(bytes);
        if head.len() < SNIFFED {
            first = Some(head);
        } else {
            sniff(&head, gzipped)?;
            reader.read(&head, &mut inflate, emit).await?;
        }
    }
    // A file shorter than what tells a format is still read.
    if let Some(head) = first.filter(|head| !head.is_empty()) {
        sniff(&head, gzipped)?;
        reader.read(&head, &mut inflate, emit).await?;
    }
    let plain = inflate.finish()?;
    reader.read_plain(&plain, emit).await?;
    reader.finish()?;
    reader.flush(emit).await?;
    Ok(reader.done)
}

/// Lines to events, and what waits to be sent.
struct Reader<'a> {
    object: &'a Announced,
    contract: &'a Contract,
    lines: Lines,
    rows: Option<Rows>,
    /// When the file was first taken in.
    taken_in: Timestamp,
    now: Timestamp,
    passing: Vec<Outgoing>,
    passing_bytes: usize,
    refusing: Vec<Refused>,
    refusing_bytes: usize,
    /// Whether a line was understood: before, failures are held back.
    proven: bool,
    done: Done,
}

impl<'a> Reader<'a> {
    fn new(
        object: &'a Announced,
        contract: &'a Contract,
        format: Format,
        taken_in: Timestamp,
        now: Timestamp,
    ) -> Self {
        let rows = matches!(format, Format::Csv).then(Rows::default);
        Self {
            object,
            contract,
            lines: Lines::new(rows.is_some()),
            rows,
            taken_in,
            now,
            passing: Vec::new(),
            passing_bytes: 0,
            refusing: Vec::new(),
            refusing_bytes: 0,
            proven: false,
            done: Done::default(),
        }
    }

    async fn read<Q: Queue>(
        &mut self,
        bytes: &[u8],
        inflate: &mut Inflate,
        emit: &Emit<Q>,
    ) -> Result<(), Failure> {
        for slice in bytes.chunks(SLICE) {
            let plain = inflate.push(slice)?;
            self.read_plain(&plain, emit).await?;
        }
        Ok(())
    }

    /// Sends as it goes: one slice may inflate to more lines than there is memory for as messages.
    async fn read_plain<Q: Queue>(&mut self, plain: &[u8], emit: &Emit<Q>) -> Result<(), Failure> {
        self.lines.push(plain);
        while let Some(line) = self.lines.next_line() {
            self.take(line)?;
            if self.passing.len() >= FLUSH || self.passing_bytes >= FLUSH_BYTES {
                self.pass_on(emit).await?;
            }
            let refused = self.refusing.len() >= FLUSH || self.refusing_bytes >= FLUSH_BYTES;
            if self.proven && refused {
                self.refuse_waiting(emit).await?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        if let Some(line) = self.lines.last_line() {
            self.take(line)?;
        }
        if self.done.taken == 0 {
            return Err(Failure::permanent(Code::InputEmpty, "the file holds no event"));
        }
        Ok(())
    }

    fn take(&mut self, line: Line) -> Result<(), Failure> {
        if let Line::Whole { bytes, .. } = &line
            && bytes.trim_ascii().is_empty()
        {
            return Ok(());
        }
        let number = line.number();
        let payload = match (&mut self.rows, &line) {
            (_, Line::TooLong { bytes, .. }) => {
                let reason = format!("{bytes} bytes; an event may have {MAX_PAYLOAD_BYTES}");
                Err(Failure::permanent(Code::SizeExceeded, reason))
            }
            (_, Line::Unclosed { .. }) => {
                Err(Failure::permanent(Code::DecodeCsv, "a quote that is never closed"))
            }
            (None, Line::Whole { bytes, .. }) => Payload::parse(bytes),
            (Some(rows), Line::Whole { bytes, .. }) => match rows.read(bytes, self.contract)? {
                Some(payload) => payload,
                None => return Ok(()),
            },
        };
        self.done.taken += 1;
        let origin = self.origin(number);
        let result = payload.and_then(|payload| wrap(self.contract, payload, origin));
        match result {
            Ok(message) => {
                self.proven = true;
                self.passing_bytes += message.size();
                self.passing.push(message);
                Ok(())
            }
            Err(failure) => self.refuse(&line, failure),
        }
    }

    fn origin(&self, line: u64) -> Origin {
        let Announced { bucket, key, etag } = self.object;
        Origin {
            source: format!("arn:aws:s3:::{bucket}/{key}"),
            id: format!("{etag}:{line}"),
            trace: None,
            taken_in: self.taken_in,
        }
    }

    fn refuse(&mut self, line: &Line, failure: Failure) -> Result<(), Failure> {
        let number = line.number();
        let undecodable = matches!(failure.code, Code::DecodeJson | Code::DecodeCsv);
        self.proven |= !undecodable;
        let at = match &failure.at {
            Some(pointer) => format!("line {number}, {pointer}"),
            None => format!("line {number}"),
        };
        let failure = failure.at(at);
        let origin = self.origin(number);
        let dataset = &self.contract.dataset;
        let form = if self.rows.is_some() { Form::Csv } else { Form::Message };
        let place = |bytes: u64| {
            let place = serde_json::json!({
                "source": origin.source, "etag": self.object.etag, "line": number, "bytes": bytes,
            });
            refused(place.to_string().as_bytes(), Form::Place, dataset, &origin, &failure, self.now)
        };
        let letter = match line {
            // No message could hold it: the dead letter says where it is.
            Line::TooLong { bytes, .. } => place(*bytes),
            Line::Whole { bytes, .. } | Line::Unclosed { bytes, .. } => {
                let letter = refused(bytes, form, dataset, &origin, &failure, self.now);
                // Nor this one, as base64.
                let fits = letter.body.len() + LETTER_ROOM_BYTES <= MAX_BATCH_BYTES;
                if fits { letter } else { place(bytes.len() as u64) }
            }
        };
        self.refusing_bytes += letter.body.len();
        self.refusing.push(letter);
        if !self.proven && self.refusing.len() == FIRST_LINES {
            let reason = format!("none of its first {FIRST_LINES} lines is an event: {failure}");
            return Err(Failure::permanent(Code::DecodeFormat, reason));
        }
        Ok(())
    }

    async fn flush<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        self.pass_on(emit).await?;
        self.refuse_waiting(emit).await
    }

    async fn pass_on<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        let passing = std::mem::take(&mut self.passing);
        self.passing_bytes = 0;
        let sent = emit.pass_on(&passing).await;
        sent.into_iter().collect::<Result<(), Failure>>()?;
        self.done.passed += passing.len() as u64;
        Ok(())
    }

    async fn refuse_waiting<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        let refusing = std::mem::take(&mut self.refusing);
        self.refusing_bytes = 0;
        let count = refusing.len() as u64;
        emit.refuse(refusing).await?;
        self.done.dead_lettered += count;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
