//! A file of events: read in bounded memory, line by line, each line on its own.

mod format;
mod inflate;
mod lines;
mod rows;

use std::future::Future;

use aws_sdk_s3::primitives::ByteStream;
use contracts::Contract;
use event::{Code, Failure, MAX_PAYLOAD_BYTES, Payload, Timestamp};
use runtime::{Deadline, Done, Outgoing, Queue, Refused};

use self::format::{Format, format_of, sniff};
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

/// Events passed on at a time.
const FLUSH: usize = 100;

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
    deadline: &Deadline,
) -> Result<Done, Failure> {
    let (format, gzipped) = format_of(&object.key)?;
    let mut reader = Reader::new(object, contract, format, deadline.now());
    let mut inflate = Inflate::new(gzipped);
    let mut first = true;
    while let Some(bytes) = body.next().await? {
        let bytes = bytes.as_ref();
        if std::mem::take(&mut first) && !bytes.is_empty() {
            sniff(bytes, gzipped)?;
        }
        for slice in bytes.chunks(SLICE) {
            let plain = inflate.push(slice)?;
            reader.push(&plain)?;
            if reader.waiting() >= FLUSH {
                reader.flush(emit).await?;
            }
        }
    }
    let plain = inflate.finish()?;
    reader.push(&plain)?;
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
    now: Timestamp,
    passing: Vec<Outgoing>,
    refusing: Vec<Refused>,
    /// Whether a line was understood: before, failures are held back.
    proven: bool,
    done: Done,
}

impl<'a> Reader<'a> {
    fn new(object: &'a Announced, contract: &'a Contract, format: Format, now: Timestamp) -> Self {
        let rows = matches!(format, Format::Csv).then(Rows::default);
        Self {
            object,
            contract,
            lines: Lines::new(rows.is_some()),
            rows,
            now,
            passing: Vec::new(),
            refusing: Vec::new(),
            proven: false,
            done: Done::default(),
        }
    }

    fn waiting(&self) -> usize {
        self.passing.len() + if self.proven { self.refusing.len() } else { 0 }
    }

    fn push(&mut self, plain: &[u8]) -> Result<(), Failure> {
        self.lines.push(plain);
        while let Some(line) = self.lines.next_line() {
            self.take(line)?;
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
        let result = payload.and_then(|payload| wrap(self.contract, payload, origin, self.now));
        match result {
            Ok(message) => {
                self.proven = true;
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
        let letter = match line {
            Line::Whole { bytes, .. } | Line::Unclosed { bytes, .. } => {
                refused(bytes, dataset, &origin, &failure, self.now)
            }
            // No message could hold it: the dead letter says where it is.
            Line::TooLong { bytes, .. } => {
                let place = serde_json::json!({
                    "source": origin.source, "etag": self.object.etag, "line": number, "bytes": bytes,
                });
                refused(place.to_string().as_bytes(), dataset, &origin, &failure, self.now)
            }
        };
        self.refusing.push(letter);
        if !self.proven && self.refusing.len() == FIRST_LINES {
            let reason = format!("none of its first {FIRST_LINES} lines is an event: {failure}");
            return Err(Failure::permanent(Code::DecodeFormat, reason));
        }
        Ok(())
    }

    async fn flush<Q: Queue>(&mut self, emit: &Emit<Q>) -> Result<(), Failure> {
        let passing = std::mem::take(&mut self.passing);
        let sent = emit.pass_on(&passing).await;
        sent.into_iter().collect::<Result<(), Failure>>()?;
        let refusing = std::mem::take(&mut self.refusing);
        let count = refusing.len() as u64;
        emit.refuse(refusing).await?;
        self.done.passed += passing.len() as u64;
        self.done.dead_lettered += count;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
