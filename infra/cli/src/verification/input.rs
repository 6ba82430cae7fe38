//! Reads the events to send with the judge's own reader, so that none of the pipeline's code
//! decides what is in the file.

use std::fs;
use std::path::Path;

use verify::NotJson;
use verify::input::{File, Format, gunzip};

use crate::failure::Failure;

/// The first events of a file.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) file: File,
    /// How many of the first records are sent.
    pub(crate) wanted: usize,
    /// The original file with its ending (`csv.gz`), if all of it is sent.
    pub(crate) whole: Option<Whole>,
}

#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) bytes: Vec<u8>,
    pub(crate) extension: String,
}

/// Reads the first `wanted` events of a file: `.ndjson`, `.jsonl`, `.json` or `.csv`, with or
/// without `.gz`.
pub(crate) fn read(path: &Path, wanted: usize) -> Result<Input, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let format = Format::of_name(&name).ok_or_else(|| {
        Failure::new(format!("{} is of no kind that is read", path.display())).next(
            "give a file that ends with .ndjson, .jsonl, .json or .csv, or with .gz after that",
        )
    })?;
    let bytes = fs::read(path).map_err(|error| Failure::unreadable(path, error))?;
    let is_packed = name.ends_with(".gz");
    let plain = if is_packed { gunzip(&bytes) } else { Ok(bytes.clone()) };
    let plain = plain.map_err(|error| Failure::unreadable(path, error))?;
    let file = File::read(format, plain).map_err(|NotJson { at }| {
        Failure::new(format!("{} is not JSON from byte {at} on", path.display()))
            .next("mend it; or give it as .ndjson, of which each line is read by itself")
    })?;
    let whole = (file.records.len() <= wanted).then(|| {
        let packed = if is_packed { ".gz" } else { "" };
        Whole { bytes, extension: format!("{}{packed}", format.extension()) }
    });
    Ok(Input { wanted: wanted.min(file.records.len()), file, whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_kind_is_refused_with_what_is_read() {
        let failure = read(Path::new("events.xml"), 1).unwrap_err().to_string();
        assert!(failure.contains(".ndjson, .jsonl, .json or .csv, or with .gz"), "{failure}");
        let failure = read(Path::new("/nowhere/a.csv"), 1).unwrap_err().to_string();
        assert!(failure.contains("/nowhere/a.csv"), "{failure}");
    }
}
