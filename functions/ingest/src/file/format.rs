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

/// Formats by their first bytes. Each has a byte among them that no text has, be it a control character
/// or one that is no UTF-8, or is too long to be a text by chance: `PAR1`, `BZh` and `Obj` may begin a
/// CSV header. Parquet's first page and its footer each begin with field 1 of a Thrift structure, an i32
/// (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>); a bzip2 stream's
/// first block begins with the digits of pi, the end of an empty one with those of its root.
const MAGIC: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PAR1\x15", "Parquet"),
    (b"Obj\x01", "Avro"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
];

/// How many first bytes it takes to know each format.
pub(super) const SNIFFED: usize = 10;

fn format_by_magic(first: &[u8]) -> Option<&'static str> {
    let is_bzip2 = first.starts_with(b"BZh")
        && first.get(4..10).is_some_and(|block| matches!(block, b"1AY&SY" | b"\x17rE8P\x90"));
    if is_bzip2 {
        return Some("bzip2");
    }
    MAGIC.iter().find(|(magic, _)| first.starts_with(magic)).map(|(_, name)| *name)
}

/// Whether the first bytes contradict the name.
pub(super) fn sniff(first: &[u8], gzipped: bool) -> Result<(), Failure> {
    match (format_by_magic(first), gzipped) {
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
        assert!(reason(b"PAR1\x15\x04\x15\x10", false).contains("Parquet"));
        assert!(reason(b"BZh91AY&SY\x9e\xb3", false).contains("bzip2"));
        assert!(reason(b"BZh9\x17rE8P\x90\0\0", false).contains("bzip2"));
        assert!(reason(b"PK\x03\x04\x14\0", false).contains("zip"));
        assert!(reason(b"{\"a\":1}", true).contains("not gzip"));
        assert!(sniff(b"{", false).is_ok() && sniff(b"\x1f\x8b", true).is_ok());
    }

    #[test]
    fn texts_whose_first_letters_are_another_formats_are_texts() {
        for text in ["PAR1,id,at\n", "PAR1", "BZh91,id,at\n", "BZh,id,at", "Obj,id", "PK,id,at\n"] {
            assert!(sniff(text.as_bytes(), false).is_ok(), "{text}");
        }
    }
}
