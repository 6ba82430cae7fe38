//! `sluicegate contracts validate` checks each event of a file against a contract.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use contracts::{Contract, Decoded};
use event::Failure as EventFailure;
use serde_json::json;
use serde_json::value::RawValue;
use verify::input::gunzip;

use super::args::Validate;
use crate::failure::Failure;
use crate::folder::folder_of;
use crate::options::Format;
use crate::output::Output;
use crate::output::text::pluralize;

/// The result of checking one event against a contract.
#[derive(Debug)]
pub(super) struct EventVerdict {
    /// The place of the event in its file: `line 3`, or `event 3` of an array.
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

/// Checks each event of a file against a contract. The end of the file's name decides on the format, without `.gz`:
/// `.csv`, `.json` for one event or an array, and NDJSON for all others. A text that begins with `[` is an array in any
/// case.
pub(super) fn verdicts_of(path: &Path, contract: &Contract) -> Result<Vec<EventVerdict>, Failure> {
    let bytes = read(path)?;
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = file_name.strip_suffix(".gz").unwrap_or(&file_name);
    if name.ends_with(".csv") {
        return csv_verdicts(path, &bytes, contract);
    }
    let text = String::from_utf8_lossy(&bytes);
    let trimmed = text.trim_start_matches('\u{feff}').trim();
    if trimmed.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(trimmed).map_err(|error| {
            Failure::new(format!("{} is no JSON array", path.display())).because(error)
        })?;
        let mut verdicts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = format!("event {}", index + 1);
            let found = verdict(item.get().as_bytes(), contract);
            verdicts.push(EventVerdict { place, found });
        }
        return Ok(verdicts);
    }
    if name.ends_with(".json") {
        return Ok(vec![EventVerdict {
            place: "event 1".to_owned(),
            found: verdict(trimmed.as_bytes(), contract),
        }]);
    }
    let mut verdicts = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if !line.trim_ascii().is_empty() {
            let place = format!("line {}", index + 1);
            verdicts.push(EventVerdict { place, found: verdict(line, contract) });
        }
    }
    Ok(verdicts)
}

fn verdict(bytes: &[u8], contract: &Contract) -> Result<(), EventFailure> {
    match contract.decode(bytes)? {
        Decoded::Event(event) => contract.accept(&event.payload).map(drop),
        Decoded::Ignored(_) => Ok(()),
    }
}

fn csv_verdicts(
    path: &Path,
    bytes: &[u8],
    contract: &Contract,
) -> Result<Vec<EventVerdict>, Failure> {
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.delimiter(contract.csv.delimiter).flexible(true).from_reader(bytes);
    let columns = reader.headers().map_err(|error| not_csv(path, error))?;
    let header: Vec<String> = columns.iter().map(str::to_owned).collect();
    if let Err(failure) = contract.check_header(&header) {
        return Ok(vec![EventVerdict { place: "line 1".to_owned(), found: Err(failure) }]);
    }
    let mut verdicts = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| not_csv(path, error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields: Vec<&str> = record.iter().collect();
        let found = contract.row(&header, &fields).and_then(|payload| contract.accept(&payload));
        verdicts.push(EventVerdict { place: format!("line {line}"), found: found.map(drop) });
    }
    Ok(verdicts)
}

fn not_csv(path: &Path, error: csv::Error) -> Failure {
    Failure::new(format!("{} is no CSV file of UTF-8", path.display())).because(error)
}

/// Reads a file, and unpacks it if it begins as gzip does (RFC 1952, section 2.3.1).
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = fs::read(path).map_err(|error| {
        Failure::new(format!("{} cannot be read", path.display())).because(error)
    })?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    gunzip(&bytes).map_err(|error| {
        Failure::new(format!("{} cannot be unpacked", path.display())).because(error)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
    fn check(name: &str, content: &str, expected: &[(&str, &str)]) {
        check_under(YAML, name, content, expected);
    }

    #[track_caller]
    fn check_under(yaml: &str, name: &str, content: &str, expected: &[(&str, &str)]) {
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
            &format!("[{good},\n {bad}]"),
            &[("event 1", "fits"), ("event 2", "contract.violation")],
        );
        check("c.json", &good.replace(',', ",\n"), &[("event 1", "fits")]);
        check(
            "d.csv",
            &format!("id,at\n1,{AT}\nx,{AT}\n1\n"),
            &[("line 2", "fits"), ("line 3", "contract.violation"), ("line 4", "decode.csv")],
        );
        check("e.csv", "id\n1\n", &[("line 1", "decode.format")]);
        let semicolons = format!("{YAML}csv: {{delimiter: ';'}}\n");
        check_under(&semicolons, "f.csv", &format!("id;at\n1;{AT}\n"), &[("line 2", "fits")]);
    }
}
