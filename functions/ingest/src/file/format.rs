//! What a file is, by its name and by its first bytes.

use event::{Code, Failure};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Ndjson,
    Csv,
}

/// By the key's end: `.ndjson`, `.jsonl` or `.csv`, each with or without `.gz`.
pub(super) fn format_of(key: &str) -> Result<(Format, bool), Failure> {
    let (name, gzipped) = key.strip_suffix(".gz").map_or((key, false), |name| (name, true));
    let format = if name.ends_with(".ndjson") || name.ends_with(".jsonl") {
        Format::Ndjson
    } else if name.ends_with(".csv") {
        Format::Csv
    } else {
        let reason = "its name ends with none of .ndjson, .jsonl, .csv (each also with .gz)";
        return Err(Failure::permanent(Code::DecodeFormat, reason));
    };
    Ok((format, gzipped))
}

/// Formats by their first bytes.
const MAGIC: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PAR1", "Parquet"),
    (b"BZh", "bzip2"),
    (b"Obj\x01", "Avro"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
];

/// How many first bytes it takes to know each format.
pub(super) const SNIFFED: usize = 4;

/// Whether the first bytes contradict the name.
pub(super) fn sniff(first: &[u8], gzipped: bool) -> Result<(), Failure> {
    let found = MAGIC.iter().find(|(magic, _)| first.starts_with(magic)).map(|(_, name)| *name);
    match (found, gzipped) {
        (Some("gzip"), true) | (None, false) => Ok(()),
        (Some(found), false) => Err(mismatch(&format!("it is {found}"))),
        (Some(found), true) => Err(mismatch(&format!("named .gz, it is {found}"))),
        (None, true) => Err(mismatch("named .gz, it is not gzip")),
    }
}

fn mismatch(found: &str) -> Failure {
    Failure::permanent(Code::DecodeFormat, format!("not what its name says: {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_format_and_compression() {
        assert_eq!(format_of("a/b.ndjson").unwrap(), (Format::Ndjson, false));
        assert_eq!(format_of("a/b.jsonl.gz").unwrap(), (Format::Ndjson, true));
        assert_eq!(format_of("a/b.csv.gz").unwrap(), (Format::Csv, true));
        for other in ["a/b", "a/b.gz", "a/b.parquet", "a/ndjson"] {
            assert_eq!(format_of(other).unwrap_err().code, Code::DecodeFormat, "{other}");
        }
    }

    #[test]
    fn first_bytes_that_contradict_the_name_are_named() {
        let reason = |bytes, gzipped| sniff(bytes, gzipped).unwrap_err().reason.into_owned();
        assert!(reason(b"\x1f\x8b\x08", false).contains("it is gzip"));
        assert!(reason(b"PAR1", false).contains("Parquet"));
        assert!(reason(b"{\"a\":1}", true).contains("not gzip"));
        assert!(sniff(b"{", false).is_ok() && sniff(b"\x1f\x8b", true).is_ok());
    }
}
