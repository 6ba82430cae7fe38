//! The format of a file, and how it is packed: by its contract, its name and its first bytes.
//!
//! What the contract declares counts before the name, and the name before the first bytes. A name that says how a file
//! is packed has to be right.

use contracts::FileFormat;
use event::{Code, Failure};
use serde::{Deserialize, Serialize};

use super::lines::BYTE_ORDER_MARK;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// A JSON object on each line.
    Ndjson,
    /// JSON objects one after another, or arrays of them.
    Json,
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// How a file is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// `None` if neither contract nor name say it. Then the file has to begin like JSON.
    pub(super) format: Option<Format>,
    pub(super) packing: Packing,
}

/// What a name says, by its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Named {
    format: Option<Format>,
    /// `None` for a name that says neither a format nor how the file is packed.
    packing: Option<Packing>,
}

impl Layout {
    /// The layout of a file with this key, whose first bytes are at least [`SNIFFED`] or all. `declared` is the format
    /// in its contract.
    ///
    /// # Errors
    /// [`Code::DecodeFormat`] when the first bytes contradict the name, or are those of a format that is not read;
    /// [`Code::InputEmpty`] when there are none in a file that is named as a packed one.
    pub(super) fn of(
        key: &str,
        declared: Option<FileFormat>,
        first: &[u8],
    ) -> Result<Self, Failure> {
        let named = named(key);
        let format = declared.and_then(text_format).or(named.format);
        let packing = packing(named.packing, format, first)?;
        Ok(Self { format, packing })
    }
}

/// Whether a file is Parquet, which is read by its rows and not from its beginning to its end.
///
/// # Errors
/// [`Code::DecodeFormat`] when the contract or the name says so, and the first bytes do not.
pub(super) fn is_parquet(
    key: &str,
    declared: Option<FileFormat>,
    first: &[u8],
) -> Result<bool, Failure> {
    let is_said = match declared {
        Some(declared) => declared == FileFormat::Parquet,
        None => key.ends_with(".parquet"),
    };
    if !is_said {
        let is_open = declared.is_none() && named(key).packing.is_none();
        return Ok(is_open && format_by_magic(first) == Some("Parquet"));
    }
    match format_by_magic(first) {
        _ if first.starts_with(b"PAR1") || first.starts_with(b"PARE") => Ok(true),
        Some(found) => Err(mismatch(&format!("it is {found}, not Parquet"))),
        None => Err(mismatch("it is not Parquet")),
    }
}

/// The format of a file that is no Parquet.
fn text_format(declared: FileFormat) -> Option<Format> {
    match declared {
        FileFormat::Ndjson => Some(Format::Ndjson),
        FileFormat::Json => Some(Format::Json),
        FileFormat::Csv => Some(Format::Csv),
        FileFormat::Parquet => None,
    }
}

fn named(key: &str) -> Named {
    let (name, packing) = match (key.strip_suffix(".gz"), key.strip_suffix(".zst")) {
        (Some(name), _) => (name, Some(Packing::Gzip)),
        (None, Some(name)) => (name, Some(Packing::Zstd)),
        (None, None) => (key, None),
    };
    let format = if name.ends_with(".ndjson") || name.ends_with(".jsonl") {
        Some(Format::Ndjson)
    } else if name.ends_with(".json") {
        Some(Format::Json)
    } else if name.ends_with(".csv") {
        Some(Format::Csv)
    } else {
        None
    };
    Named { format, packing: packing.or(format.map(|_| Packing::Plain)) }
}

fn packing(
    named: Option<Packing>,
    format: Option<Format>,
    first: &[u8],
) -> Result<Packing, Failure> {
    let found = format_by_magic(first);
    match (named, found) {
        (Some(Packing::Gzip | Packing::Zstd), _) if first.is_empty() => {
            let reason = "no byte; even an empty packed file has some";
            Err(Failure::permanent(Code::InputEmpty, reason))
        }
        (Some(Packing::Gzip) | None, Some("gzip")) => Ok(Packing::Gzip),
        (Some(Packing::Zstd) | None, Some("Zstandard")) => Ok(Packing::Zstd),
        (Some(Packing::Gzip), Some(found)) => Err(mismatch(&format!("named .gz, it is {found}"))),
        (Some(Packing::Zstd), Some(found)) => Err(mismatch(&format!("named .zst, it is {found}"))),
        (Some(Packing::Gzip), None) => Err(mismatch("named .gz, it is not gzip")),
        (Some(Packing::Zstd), None) => Err(mismatch("named .zst, it is not Zstandard")),
        (Some(Packing::Plain) | None, Some("UTF-16")) if format == Some(Format::Csv) => {
            Ok(Packing::Plain)
        }
        (Some(Packing::Plain) | None, Some(found)) => Err(mismatch(&format!("it is {found}"))),
        (Some(Packing::Plain) | None, None) => Ok(Packing::Plain),
    }
}

/// Whether a text begins like JSON documents or an array of them. `None` if it has only white space so far.
pub(super) fn begins_like_json(text: &[u8]) -> Option<bool> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_ascii_start();
    text.first().map(|first| matches!(first, b'{' | b'['))
}

/// The failure of a file whose format nothing says.
pub(super) fn no_format() -> Failure {
    let reason = "its contract declares no `files.format`, its name ends with none of .ndjson, .jsonl, .json, .csv \
                  (each also with .gz or .zst) or .parquet, and it does not begin like JSON";
    Failure::permanent(Code::DecodeFormat, reason)
}

/// Formats by their first bytes. `PAR1`, `BZh` and `Obj` alone may begin a CSV header, so each entry goes on until a
/// byte that no text has: a control character, or a byte that is not UTF-8. In Parquet, the byte after `PAR1` is that
/// of field 1 of a Thrift structure, an i32
/// (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>), in a file's first page as in
/// its footer. bzip2 is told apart in [`format_by_magic`] by ten bytes: its first block begins with the digits of pi,
/// and the end of an empty stream with those of pi's square root.
const MAGIC: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PAR1\x15", "Parquet"),
    (b"Obj\x01", "Avro"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
];

/// The first bytes of a Zstandard frame that is to be skipped, behind one of sixteen others:
/// <https://www.rfc-editor.org/rfc/rfc8878#section-3.1.2>.
const SKIPPABLE: &[u8] = b"\x2a\x4d\x18";

/// How many first bytes are needed to recognize each format.
pub(super) const SNIFFED: usize = 10;

fn format_by_magic(first: &[u8]) -> Option<&'static str> {
    let is_bzip2 = first.starts_with(b"BZh")
        && first.get(4..10).is_some_and(|block| matches!(block, b"1AY&SY" | b"\x17rE8P\x90"));
    if is_bzip2 {
        return Some("bzip2");
    }
    let is_skippable =
        matches!(first.first(), Some(0x50..=0x5f)) && first[1..].starts_with(SKIPPABLE);
    if is_skippable {
        return Some("Zstandard");
    }
    MAGIC.iter().find(|(magic, _)| first.starts_with(magic)).map(|(_, name)| *name)
}

fn mismatch(found: &str) -> Failure {
    Failure::permanent(Code::DecodeFormat, format!("not what its name says: {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(key: &str, first: &[u8]) -> (Option<Format>, Packing) {
        let layout = Layout::of(key, None, first).unwrap();
        (layout.format, layout.packing)
    }

    #[test]
    fn a_name_says_format_and_packing() {
        let (gzip, zstd) = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd");
        assert_eq!(layout("a/b.ndjson", b"{"), (Some(Format::Ndjson), Packing::Plain));
        assert_eq!(layout("a/b.jsonl.gz", gzip), (Some(Format::Ndjson), Packing::Gzip));
        assert_eq!(layout("a/b.json.zst", zstd), (Some(Format::Json), Packing::Zstd));
        assert_eq!(layout("a/b.csv.gz", gzip), (Some(Format::Csv), Packing::Gzip));
        assert_eq!(layout("a/b.csv", b"\xff\xfea\0"), (Some(Format::Csv), Packing::Plain));
        assert_eq!(
            layout("a/b.json.zst", b"\x5f\x2a\x4d\x18\0"),
            (Some(Format::Json), Packing::Zstd)
        );
    }

    #[test]
    fn a_name_that_says_nothing_leaves_it_to_the_first_bytes() {
        for key in ["a/b", "a/orders-1-2026-11-30-10-00-00-4f2a", "a/ndjson"] {
            assert_eq!(layout(key, b"{"), (None, Packing::Plain), "{key}");
            assert_eq!(layout(key, b"\x1f\x8b"), (None, Packing::Gzip), "{key}");
            assert_eq!(layout(key, b"\x28\xb5\x2f\xfd"), (None, Packing::Zstd), "{key}");
        }
        assert_eq!(layout("a/b.gz", b"\x1f\x8b"), (None, Packing::Gzip));
        for (text, expected) in [
            (b"{}".as_slice(), Some(true)),
            (b"\xef\xbb\xbf \r\n[", Some(true)),
            (b"id,at", Some(false)),
            (b"%PDF", Some(false)),
            (b" \n", None),
            (b"", None),
        ] {
            assert_eq!(begins_like_json(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_contract_counts_before_the_name() {
        let declared = Layout::of("a/b.ndjson", Some(FileFormat::Csv), b"a,b").unwrap();
        assert_eq!(declared, Layout { format: Some(Format::Csv), packing: Packing::Plain });
        let packed = Layout::of("a/b", Some(FileFormat::Ndjson), b"\x1f\x8b").unwrap();
        assert_eq!(packed, Layout { format: Some(Format::Ndjson), packing: Packing::Gzip });
    }

    #[test]
    fn first_bytes_that_contradict_the_name_are_named() {
        check_mismatch("a.ndjson", b"\x1f\x8b\x08", "it is gzip");
        check_mismatch("a.csv", b"\x28\xb5\x2f\xfd", "it is Zstandard");
        check_mismatch("a.ndjson", b"PAR1\x15\x04\x15\x10", "Parquet");
        check_mismatch("a", b"PAR1\x15\x04\x15\x10", "Parquet");
        check_mismatch("a.ndjson", b"BZh91AY&SY\x9e\xb3", "bzip2");
        check_mismatch("a.ndjson", b"BZh9\x17rE8P\x90\0\0", "bzip2");
        check_mismatch("a.ndjson", b"PK\x03\x04\x14\0", "zip");
        check_mismatch("a.json", b"\xff\xfe{\0", "UTF-16");
        check_mismatch("a.ndjson.gz", b"{\"a\":1}", "not gzip");
        check_mismatch("a.ndjson.zst", b"{\"a\":1}", "not Zstandard");
        check_mismatch("a.ndjson.zst", b"\x1f\x8b", "named .zst, it is gzip");
        check_mismatch("a.ndjson.gz", b"\x28\xb5\x2f\xfd", "named .gz, it is Zstandard");
    }

    #[track_caller]
    fn check_mismatch(key: &str, first: &[u8], expected: &str) {
        let failure = Layout::of(key, None, first).unwrap_err();
        assert_eq!(failure.code, Code::DecodeFormat);
        assert!(failure.reason.contains(expected), "{failure}");
    }

    #[test]
    fn texts_whose_first_letters_are_another_formats_are_texts() {
        for text in [
            "PAR1,id,at\n",
            "PAR1",
            "BZh91,id,at\n",
            "BZh,id,at",
            "Obj,id",
            "PK,id,at\n",
            "P*M,id\n",
        ] {
            assert!(Layout::of("a.csv", None, text.as_bytes()).is_ok(), "{text}");
        }
    }
}
