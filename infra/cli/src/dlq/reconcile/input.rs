//! Reads the contract and the files that were sent, and splits the events into parts for one
//! request each.

use std::fs;
use std::path::{Path, PathBuf};

use event::{Code, MAX_PAYLOAD_BYTES, hex_sha256};
use verify::contract::Dataset;
use verify::input::{File, Format, Place, Record};

use crate::failure::Failure;
use crate::root;
use crate::verification;

/// The most events of one request.
const MOST_EVENTS: usize = 500;

/// The most bytes of JSON in one request. Lambda accepts 6 MB, and the request is escaped once
/// more on the way.
const MOST_BYTES: usize = 2_000_000;

/// The most bytes that one event takes of an invocation of Lambda, which has 6 MB and some headers besides. An event that
/// takes more cannot be asked for.
const MOST_BYTES_OF_EVENT: usize = 5_500_000;

/// A record, before it is known where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) place: Place,
    pub(super) bytes: u64,
    pub(super) digests: Vec<String>,
    /// Whether it has a payload that can be looked for.
    pub(super) is_asked: bool,
    /// Whether it has a payload that is too large to be looked for.
    pub(super) is_unseen: bool,
    /// Why it is not looked for, if that is known.
    pub(super) code: Option<String>,
}

/// Records that are looked for with one request, and the payloads of those that have one.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    pub(super) sent: Vec<Sent>,
    pub(super) payloads: Vec<String>,
}

/// The folder that was given, or that of the repository.
pub(super) fn contracts_folder(
    root: Option<&Path>,
    given: Option<&Path>,
) -> Result<PathBuf, Failure> {
    let folder = match given {
        Some(folder) => folder.to_path_buf(),
        None => root::find(root)
            .map_err(|failure| failure.next("give the folder of contracts with --contracts"))?
            .join("infra/contracts"),
    };
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Failure::new(format!("there is no folder {}", folder.display()))
        .next("give the folder of contracts with --contracts: it has a folder for each dataset"))
}

pub(super) fn read_dataset(folder: &Path, name: &str) -> Result<Dataset, Failure> {
    let known = datasets_of(folder);
    if known.iter().any(|it| it == name) {
        return verification::read_dataset(&folder.join(name));
    }
    let folder = folder.display();
    if known.is_empty() {
        return Err(Failure::new(format!("{folder} has no contract")).next(
            "give the folder of contracts with --contracts: it has a folder for each dataset",
        ));
    }
    Err(Failure::new(format!("{folder} has no contract for `{name}`"))
        .next(format!("give one of the known ones with --dataset: {}", known.join(", "))))
}

/// The names of the folders that have a contract.
fn datasets_of(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.filter_map(Result::ok);
    let with_contract = entries.filter(|entry| entry.path().join("contract.yaml").is_file());
    let mut names: Vec<String> =
        with_contract.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

pub(super) fn read_events(path: &Path) -> Result<File, Failure> {
    let file = verification::input::read(path, usize::MAX)?.file;
    if file.records.is_empty() {
        return Err(Failure::new(format!("there is no event in {}", path.display()))
            .next("give the file as it was sent: .ndjson, .jsonl, .json or .csv, gzipped or not"));
    }
    Ok(file)
}

/// The records of a file in parts.
pub(super) fn parts<'a>(file: &'a File, dataset: &'a Dataset) -> impl Iterator<Item = Part> + 'a {
    let mut records = file.records.iter().peekable();
    std::iter::from_fn(move || {
        let mut part = Part::default();
        let mut bytes = 0;
        while part.sent.len() < MOST_EVENTS {
            let Some(record) = records.peek() else { break };
            let payload = file.payload(record, dataset).map(|payload| payload.to_string());
            let is_too_large =
                payload.as_ref().is_some_and(|payload| payload.len() > MAX_PAYLOAD_BYTES);
            let is_unseen = !is_too_large
                && payload.as_deref().is_some_and(|it| size_in_event(it) > MOST_BYTES_OF_EVENT);
            let payload = payload.filter(|_| !is_too_large && !is_unseen);
            let size = payload.as_deref().map_or(0, size_in_json);
            if bytes + size > MOST_BYTES && !part.sent.is_empty() {
                break;
            }
            bytes += size;
            let (is_asked, code) = (payload.is_some(), is_too_large.then_some(Code::SizeExceeded));
            part.sent.push(Sent {
                place: record.place,
                bytes: file.bytes_of(record).len() as u64,
                digests: digests(file, record),
                is_asked,
                is_unseen,
                code: code.map(|code| code.as_str().to_owned()),
            });
            part.payloads.extend(payload);
            records.next();
        }
        (!part.sent.is_empty()).then_some(part)
    })
}

/// The length of a text in JSON, in bytes. An escaped character takes one byte more; payloads
/// have no control characters.
fn size_in_json(text: &str) -> usize {
    let escaped = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    text.len() + escaped + 3
}

/// The length that a text has in the event with which Lambda passes a request on: the request's JSON is a text of
/// another JSON document there.
fn size_in_event(text: &str) -> usize {
    3 * size_in_json(text) - 2 * text.len()
}

/// A letter of a line holds everything before the line feed, which includes a carriage return.
fn digests(file: &File, record: &Record) -> Vec<String> {
    let bytes = file.bytes_of(record);
    let mut digests = vec![hex_sha256(bytes)];
    if file.format == Format::Ndjson && file.bytes.get(record.end) == Some(&b'\r') {
        digests.push(hex_sha256(&[bytes, b"\r"].concat()));
    }
    digests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset() -> Dataset {
        let yaml = "
dataset: probe
schema: {version: 1, file: s}
keys: {idempotency: [/id], business: [/id], event_time: /at}
sinks: [{name: records, kind: table}]
";
        let schema = r#"{"properties": {"id": {"type": "integer"}, "size": {"type": "number"}}}"#;
        Dataset::read(yaml, |_| Some(schema.to_owned())).unwrap()
    }

    fn all_parts(format: Format, text: &str) -> Vec<Part> {
        let file = File::read(format, text.as_bytes().to_vec()).unwrap();
        parts(&file, &dataset()).collect()
    }

    #[test]
    fn digits_are_asked_for_as_they_are() {
        let csv = all_parts(Format::Csv, "id,size\n1,1.00000000000000000001\n");
        assert_eq!(csv[0].payloads, [r#"{"id":1,"size":1.00000000000000000001}"#]);
        let lines = all_parts(Format::Ndjson, "{\"id\":1,\"size\":2.50}\n");
        assert_eq!(lines[0].payloads, [r#"{"id":1,"size":2.50}"#]);
    }

    #[test]
    fn a_part_has_so_many_events_and_bytes_at_most_and_each_record_is_in_one() {
        let small = "{\"id\":1}\nno event\n".repeat(600);
        let sizes: Vec<(usize, usize)> = all_parts(Format::Ndjson, &small)
            .iter()
            .map(|part| (part.sent.len(), part.payloads.len()))
            .collect();
        assert_eq!(sizes, [(500, 250), (500, 250), (200, 100)]);
        let large = format!("{{\"id\":1,\"x\":\"{}\"}}\n", "\\\"".repeat(200_000)).repeat(7);
        let parts = all_parts(Format::Ndjson, &large);
        for part in &parts {
            let body = serde_json::json!({ "events": part.payloads }).to_string();
            assert!(body.len() <= MOST_BYTES + 1_000, "{}", body.len());
            // A function's URL passes the body on within a JSON text.
            assert!(serde_json::to_string(&body).unwrap().len() < 6_000_000);
        }
        assert_eq!(parts.iter().map(|part| part.sent.len()).sum::<usize>(), 7);
        assert!(parts.len() > 2);
    }

    #[test]
    fn what_an_invocation_has_no_room_for_is_not_asked_and_may_be_anywhere() {
        for (text, is_asked) in [("x".repeat(4_000_000), true), ("\\\"".repeat(1_000_000), false)] {
            let parts = all_parts(Format::Ndjson, &format!("{{\"id\":1,\"x\":\"{text}\"}}\n"));
            let Part { sent, payloads } = &parts[0];
            assert_eq!((sent[0].is_asked, sent[0].is_unseen), (is_asked, !is_asked));
            assert_eq!(payloads.len(), usize::from(is_asked));
            let body = serde_json::json!({ "events": payloads }).to_string();
            assert!(serde_json::to_string(&body).unwrap().len() < 6_000_000);
        }
    }

    #[test]
    fn what_is_larger_than_an_event_may_be_is_known_without_asking() {
        let long = format!("{{\"id\":1,\"x\":\"{}\"}}\n{{\"id\":2}}\n", "x".repeat(5_000_000));
        let parts = all_parts(Format::Ndjson, &long);
        let Part { sent, payloads } = &parts[0];
        assert_eq!((sent.len(), payloads.len(), sent[0].is_asked), (2, 1, false));
        assert_eq!(sent[0].code.as_deref(), Some("size.exceeded"));
        assert_eq!(sent[0].bytes, 5_000_015);
    }

    /// The SHA-256 of `abc`: FIPS 180-2, appendix B.1.
    #[test]
    fn a_record_is_told_by_its_bytes_whatever_ends_its_line() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (text, ways) in [("abc\n", 1), ("abc\r\n", 2), ("abc", 1)] {
            let sent = &all_parts(Format::Ndjson, text)[0].sent[0];
            assert_eq!((sent.digests[0].as_str(), sent.digests.len()), (abc, ways), "{text:?}");
        }
        let row = &all_parts(Format::Csv, "id\r\nabc\r\n")[0].sent[0];
        assert_eq!(row.digests, [abc]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_what_to_do() {
        let contracts = root::find(None).unwrap().join("tests/contracts");
        let given = Some(Path::new("/no/contracts"));
        let mistyped = contracts_folder(None, given).unwrap_err().to_string();
        assert!(
            mistyped.contains("/no/contracts") && mistyped.contains("--contracts"),
            "{mistyped}"
        );
        let unknown = read_dataset(&contracts, "flihgts").unwrap_err().to_string();
        assert!(unknown.contains("`flihgts`") && unknown.contains("flights, "), "{unknown}");
        let other = read_dataset(&contracts.join("flights"), "flights").unwrap_err().to_string();
        assert!(other.contains("has no contract") && other.contains("--contracts"), "{other}");
        let folder = std::env::temp_dir().join(format!("sluicegate-sent-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in [("empty.ndjson", ""), ("blank.jsonl", "\n \n"), ("header.csv", "id\n")]
        {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            let empty = read_events(&path).unwrap_err().to_string();
            assert!(empty.contains(name) && empty.contains("no event"), "{empty}");
        }
        let packed = folder.join("not.ndjson.gz");
        fs::write(&packed, "{}\n").unwrap();
        for (path, expected) in [
            (packed, "cannot be read"),
            (folder.join("a.txt"), ".ndjson, .jsonl"),
            (folder.join("no.csv"), "give the path"),
        ] {
            let failure = read_events(&path).unwrap_err().to_string();
            assert!(failure.contains(expected), "{failure}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
