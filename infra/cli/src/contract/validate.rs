//! `sluicegate contracts validate` checks each event of a file against a contract.

use std::path::Path;
use std::process::ExitCode;

use contracts::{Contract, Decoded};
use event::{Code, Failure as EventFailure};
use serde_json::json;

use super::args::Validate;
use super::events::{Entry, Reading, each_entry};
use crate::failure::Failure;
use crate::folder::folder_of;
use crate::options::Format;
use crate::output::Output;
use crate::output::text::pluralize;

/// The result of checking one event against a contract.
#[derive(Debug)]
pub(super) struct EventVerdict {
    /// The place of the event in its file: `line 3`, or `event 3` of JSON documents.
    pub(super) place: String,
    /// The reason why the event would become a dead letter, if it does not fit.
    pub(super) found: Result<(), EventFailure>,
}

pub(super) fn validate(root: &Path, args: &Validate, output: &Output) -> Result<ExitCode, Failure> {
    let folder = folder_of(root, &args.dataset)?;
    let contract = folder.usable_contract()?;
    contract.versions.compile().map_err(|error| {
        Failure::new(format!("the schema of `{}` cannot be used", args.dataset)).because(&*error)
    })?;
    let verdicts = verdicts_of(&args.file, &contract)?;
    let refused = verdicts.iter().filter(|verdict| verdict.found.is_err()).count();
    match args.format {
        Format::Json => output.result(&json_of(&verdicts).to_string()),
        Format::Text => {
            for verdict in &verdicts {
                if let Err(failure) = &verdict.found {
                    let at = failure.at.as_deref().unwrap_or_default();
                    output.result(&format!(
                        "{}  {}  {at}  {}",
                        verdict.place, failure.code, failure.reason
                    ));
                }
            }
            let count = pluralize(verdicts.len(), "event");
            output.result(&format!("{count}: {} fit, {refused} do not", verdicts.len() - refused));
        }
    }
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn json_of(verdicts: &[EventVerdict]) -> serde_json::Value {
    let mut events = Vec::new();
    for verdict in verdicts {
        events.push(match &verdict.found {
            Ok(()) => json!({ "place": verdict.place, "fits": true }),
            Err(failure) => json!({
                "place": verdict.place,
                "fits": false,
                "code": failure.code,
                "at": failure.at,
                "reason": failure.reason,
            }),
        });
    }
    let refused = verdicts.iter().filter(|verdict| verdict.found.is_err()).count();
    json!({ "events": events, "fit": verdicts.len() - refused, "refused": refused })
}

/// Checks each event of a file against a contract. The file is read as ingest reads it.
pub(super) fn verdicts_of(path: &Path, contract: &Contract) -> Result<Vec<EventVerdict>, Failure> {
    let mut verdicts = Vec::new();
    let mut is_header_refused = false;
    each_entry(path, Reading::of(contract), &mut |place, entry| {
        if is_header_refused {
            return Ok(());
        }
        let found = match entry {
            Entry::Header(header) => match contract.check_header(&header) {
                Ok(()) => return Ok(()),
                Err(failure) => {
                    is_header_refused = true;
                    Err(failure)
                }
            },
            Entry::Text(bytes) => verdict(&bytes, contract),
            Entry::Refused(failure) => Err(failure),
            Entry::Record { header, fields } => row_verdict(&header, &fields, contract),
        };
        verdicts.push(EventVerdict { place, found });
        Ok(())
    })?;
    Ok(verdicts)
}

fn verdict(bytes: &[u8], contract: &Contract) -> Result<(), EventFailure> {
    match contract.decode(bytes)? {
        Decoded::Event(event) => contract.accept(&event.payload).map(drop),
        Decoded::Ignored(_) => Ok(()),
    }
}

fn row_verdict(
    header: &[String],
    fields: &[Option<String>],
    contract: &Contract,
) -> Result<(), EventFailure> {
    let mut texts = Vec::with_capacity(fields.len());
    for (number, field) in (1..).zip(fields) {
        texts.push(field.as_deref().ok_or_else(|| {
            let reason = format!("field {number} is no text in the encoding of the file");
            EventFailure::permanent(Code::DecodeUtf8, reason)
        })?);
    }
    contract.row(header, &texts).and_then(|payload| contract.accept(&payload)).map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    const YAML: &str = "
dataset: orders
description: Orders
owner: shop
schema: {version: 1, file: v1.schema.json}
keys: {idempotency: [/id], business: [/id], event_time: /at}
sinks: [{name: rows, kind: table}]
";

    #[track_caller]
    fn check(name: &str, content: impl AsRef<[u8]>, expected: &[(&str, &str)]) {
        check_under(YAML, name, content, expected);
    }

    #[track_caller]
    fn check_under(yaml: &str, name: &str, content: impl AsRef<[u8]>, expected: &[(&str, &str)]) {
        let schema = r#"{"required":["id","at"],"properties":{"id":{"type":"integer"},"at":{"type":"string"}}}"#;
        let files = BTreeMap::from([("v1.schema.json".to_owned(), schema.to_owned())]);
        let contract = Contract::parse(yaml, &files).unwrap();
        let path = std::env::temp_dir().join(format!("{}-{name}", std::process::id()));
        fs::write(&path, content).unwrap();
        let verdicts = verdicts_of(&path, &contract);
        fs::remove_file(&path).unwrap();
        let verdicts = verdicts.unwrap();
        let found: Vec<(&str, &str)> = verdicts
            .iter()
            .map(|verdict| {
                let code =
                    verdict.found.as_ref().err().map_or("fits", |failure| failure.code.as_str());
                (verdict.place.as_str(), code)
            })
            .collect();
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn each_event_of_a_file_is_judged_with_its_place() {
        const AT: &str = "2026-01-01T00:00:00Z";
        let (good, bad) = (format!(r#"{{"id":1,"at":"{AT}"}}"#), r#"{"id":"x","at":"noon"}"#);
        let lines = format!("{good}\n\n{bad}\nnot json\n");
        check(
            "a.ndjson",
            &lines,
            &[("line 1", "fits"), ("line 3", "contract.violation"), ("line 4", "decode.json")],
        );
        check(
            "b.json",
            format!("[{good},\n {bad}]"),
            &[("event 1", "fits"), ("event 2", "contract.violation")],
        );
        check("c.json", good.replace(',', ",\n"), &[("event 1", "fits")]);
        check(
            "d.csv",
            format!("id,at\n1,{AT}\nx,{AT}\n1\n"),
            &[("line 2", "fits"), ("line 3", "contract.violation"), ("line 4", "decode.csv")],
        );
        check("e.csv", "id\n1\n", &[("line 1", "decode.format")]);
        let semicolons = format!("{YAML}csv: {{delimiter: ';'}}\n");
        check_under(&semicolons, "f.csv", format!("id;at\n1;{AT}\n"), &[("line 2", "fits")]);
    }

    #[test]
    fn a_file_is_read_as_its_contract_says() {
        const AT: &str = "2026-01-01T00:00:00Z";
        let good = format!(r#"{{"id":1,"at":"{AT}"}}"#);
        let two = [("event 1", "fits"), ("event 2", "fits")];
        check("g.json", format!("{good}{good}"), &two);
        check("h", format!("{good}\n{good}"), &two);
        let packed = zstd::encode_all(good.as_bytes(), 1).unwrap();
        check("i.ndjson.zst", [packed.clone(), packed].concat(), &[("line 1", "decode.json")]);
        check("j.ndjson", format!("[{good}]"), &[("line 1", "decode.json")]);
        let declared = format!("{YAML}files: {{format: csv}}\n");
        check_under(&declared, "k.txt", format!("id,at\n1,{AT}\n  \n"), &[("line 2", "fits")]);
    }

    #[track_caller]
    fn check_encoding(encoding: &str, name: &str, bytes: &[u8], expected: &[(&str, &str)]) {
        let yaml = format!("{YAML}csv: {{encoding: {encoding}, missing: ['\u{e9}\u{20ac}']}}\n");
        check_under(&yaml, name, bytes, expected);
    }

    /// In the first row the key is the text that means that there is none, in the second it is a number.
    #[test]
    fn csv_is_decoded_by_its_encoding() {
        let text = "id,at\r\n\u{e9}\u{20ac},2026-01-01T00:00:00Z\r\n7,2026-01-01T00:00:00Z\r\n";
        let expected = [("line 2", "key.missing"), ("line 3", "fits")];
        check_encoding("utf-8", "l.csv", text.as_bytes(), &expected);
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        check_encoding("utf-16le", "m.csv", &little, &expected);
        check_encoding("utf-16be", "n.csv", &big, &expected);
        check_encoding("utf-16", "o.csv", &[b"\xfe\xff".as_slice(), &big].concat(), &expected);
        check_encoding("utf-8", "p.csv", &[b"\xff\xfe".as_slice(), &little].concat(), &expected);
        let western =
            [b"id,at\n\xe9\x80,".as_slice(), &text.as_bytes()[text.len() - 22..]].concat();
        check_encoding("windows-1252", "q.csv", &western, &expected[..1]);
        check_encoding("iso-8859-1", "r.csv", &western, &[("line 2", "contract.violation")]);
        check_encoding("utf-8", "s.csv", &western, &[("line 2", "decode.utf8")]);
    }

    /// The files of `tests/inputs`, of which end-to-end tests show the same of ingest.
    #[test]
    fn odd_files_come_to_what_they_come_to_at_ingest() {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
        let folder = runtime::read_contract_folder(&tests.join("datasets/probe")).unwrap();
        let contract = Contract::parse(&folder.yaml, &folder.files).unwrap();
        for (file, fit, refused) in [
            ("stray-quote.csv", 3, 0),
            ("carriage-returns.csv", 3, 0),
            ("mixed-line-ends.csv", 3, 0),
            ("integers-as-floats.csv", 1, 0),
            ("header-like-magic.csv", 1, 0),
            ("empty-column-name.csv", 0, 1),
            ("header-only.csv", 0, 0),
            ("zero-padded.ndjson.gz", 1, 0),
            ("noncharacter.ndjson", 50, 0),
        ] {
            let verdicts = verdicts_of(&tests.join("inputs").join(file), &contract).unwrap();
            let found = verdicts.iter().filter(|verdict| verdict.found.is_ok()).count();
            assert_eq!((found, verdicts.len() - found), (fit, refused), "{file}: {verdicts:?}");
        }
    }
}
