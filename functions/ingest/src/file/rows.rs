//! Reads Parquet, whose footer says where its parts are: each part is a request to S3, for the copy in the archive.

use event::{Code, Failure};
use parquet_rows::{ParquetError, Part, Refusal, RefusalKind, RowReader, Step};
use runtime::{EventCounts, Queue};

use super::entry::{Content, Entry, Place};
use super::intake::Intake;
use super::outbox::Outbox;
use super::{File, Next, ReadFile, SliceLimits};
use crate::archive::{Store, copy_of};
use crate::emit::Emit;
use crate::file_source::FileSource;
use crate::letters::Archive;

/// Reads the rows of a file of `size` bytes, or as many of them as `limits` allow. `from` rows were read before.
///
/// # Errors
/// As [`super::read_file`].
pub(super) async fn read_rows<Q: Queue>(
    file: &File<'_>,
    size: u64,
    from: u64,
    emit: &Emit<Q>,
    archive: &Archive<'_, impl Store + FileSource>,
    limits: &SliceLimits,
) -> Result<ReadFile, Failure> {
    if size == 0 {
        let reason = "S3 did not say how long a Parquet file is";
        return Err(Failure::transient(Code::DependencyRefused, reason));
    }
    let _turn = file.turn.lock().await;
    let had_all_time = limits.is_beginning();
    if limits.is_time_over() {
        return Ok(ReadFile::Part(EventCounts::default(), Some(Next::Row { row: from })));
    }
    let copy = copy_of(file.object, archive.bucket);
    let now = limits.now();
    let mut rows = RowReader::new(size, from, event::MAX_PAYLOAD_BYTES);
    let mut outbox = Outbox::new(Intake::at(file, None, now)?, archive, now);
    let (mut row, mut bytes) = (from, 0);
    loop {
        match rows.advance() {
            Ok(Step::Read(Part { offset, length })) => {
                if limits.is_last_moment() && row == from {
                    return after_no_row(had_all_time, from);
                }
                let part = archive.objects.part(&copy, offset, length).await?;
                bytes += length;
                rows.supply(part).map_err(failure_of)?;
            }
            Ok(Step::Row(read)) => {
                row += 1;
                let content = match read {
                    Ok(text) => Content::Line(text),
                    Err(refusal) => Content::Refused(failure_of_row(refusal)),
                };
                let entry = Entry { place: Place::Row(row), bytes: 1, content };
                outbox.take(&entry, emit).await?;
                if limits.is_over(bytes) {
                    outbox.flush(emit).await?;
                    let counts = outbox.check_account(row - from)?;
                    outbox.log(bytes, "slice of a file read");
                    return Ok(ReadFile::Part(counts, Some(Next::Row { row })));
                }
            }
            Ok(Step::End) => {
                outbox.flush(emit).await?;
                let counts = outbox.check_account(row - from)?;
                outbox.log(bytes, "file read");
                return Ok(ReadFile::Whole(counts));
            }
            Err(broken) => {
                outbox.flush(emit).await?;
                return Err(failure_of(broken));
            }
        }
    }
}

/// What follows from an invocation that had no time for a row.
fn after_no_row(had_all_time: bool, from: u64) -> Result<ReadFile, Failure> {
    if !had_all_time {
        return Ok(ReadFile::Part(EventCounts::default(), Some(Next::Row { row: from })));
    }
    let reason = format!(
        "one invocation had no time to come to row {} in its row group; write smaller row groups",
        from + 1
    );
    Err(Failure::transient(Code::SizeExceeded, reason))
}

fn failure_of(error: ParquetError) -> Failure {
    let code = match error {
        ParquetError::Malformed(_) | ParquetError::Unsupported(_) => Code::DecodeParquet,
        ParquetError::TooLarge(_) => Code::SizeExceeded,
    };
    Failure::permanent(code, error.to_string())
}

fn failure_of_row(refusal: Refusal) -> Failure {
    let code = match refusal.kind {
        RefusalKind::NotUtf8 => Code::DecodeUtf8,
        RefusalKind::BadValue => Code::DecodeParquet,
        RefusalKind::TooLarge => Code::SizeExceeded,
    };
    let failure = Failure::permanent(code, refusal.reason);
    if refusal.at.is_empty() { failure } else { failure.at(refusal.at) }
}
