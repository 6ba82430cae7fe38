//! The rows of Parquet files.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use event::{Code, Failure as EventFailure, MAX_PAYLOAD_BYTES};
use parquet_rows::{Part, Refusal, RefusalKind, RowReader, Step};

use super::Entry;
use crate::failure::Failure;

/// Passes each row on with its place: `row 1` is the first.
pub(super) fn rows(
    path: &Path,
    mut file: File,
    handle: &mut dyn FnMut(String, Entry) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let unreadable = |error| Failure::unreadable(path, error);
    let not_parquet = |error| {
        let what = format!("{} is no Parquet file that can be read", path.display());
        Failure::new(what).because(error)
    };
    let size = file.metadata().map_err(unreadable)?.len();
    let mut reader = RowReader::new(size, 0, MAX_PAYLOAD_BYTES);
    let mut number = 0;
    loop {
        match reader.advance().map_err(not_parquet)? {
            Step::Read(part) => {
                let bytes = read_part(&mut file, part).map_err(unreadable)?;
                reader.supply(bytes.into()).map_err(not_parquet)?;
            }
            Step::Row(row) => {
                number += 1;
                let entry = match row {
                    Ok(text) => Entry::Text(text.to_vec()),
                    Err(refusal) => Entry::Refused(failure_of(refusal)),
                };
                handle(format!("row {number}"), entry)?;
            }
            Step::End => return Ok(()),
        }
    }
}

fn read_part(file: &mut File, part: Part) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(part.offset))?;
    file.take(part.length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn failure_of(refusal: Refusal) -> EventFailure {
    let code = match refusal.kind {
        RefusalKind::NotUtf8 => Code::DecodeUtf8,
        RefusalKind::BadValue => Code::DecodeParquet,
        RefusalKind::TooLarge => Code::SizeExceeded,
    };
    EventFailure::permanent(code, refusal.reason).at(refusal.at)
}
