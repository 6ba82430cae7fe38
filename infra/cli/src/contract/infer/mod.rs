//! `sluicegate contracts infer` derives a first JSON Schema from sample events, and guesses what is personal in them.
//!
//! The events are read one by one, and what is kept of them is bounded. The same events give the same schema.

mod candidates;
mod columns;
mod formats;
mod hints;
mod numbers;
mod personal;
mod profile;
mod schema;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

pub(super) use self::candidates::Candidates;
use self::candidates::candidates_of;
use self::columns::Columns;
pub(super) use self::formats::Shape;
pub(super) use self::personal::PersonalGuess;
use self::personal::guesses_of;
use self::profile::{Budget, Profile};
use self::schema::{SchemaOptions, schema_of};
use super::args::Infer;
use super::events::{Sample, SampleEvent, each_event};
use super::ordered_json::Json;
use crate::failure::Failure;
use crate::options::Format;
use crate::output::Output;
use crate::output::escape::{escape, json_line};
use crate::output::text::pluralize;

/// What a file of events comes to.
pub(super) struct Inferred {
    pub(super) schema: Json,
    /// How many events were read.
    pub(super) events: u64,
    /// How many parts of the file are no events, and the first of them.
    skipped: u64,
    first_skipped: Option<String>,
    pub(super) personal: Vec<PersonalGuess>,
    /// The texts of a CSV file that mean "no value", with the columns that show it.
    pub(super) missing: BTreeMap<&'static str, Vec<String>>,
    /// Columns of texts in which such a text stands too.
    also_in: BTreeSet<String>,
    /// Whether there were too many places to describe all of them.
    is_cut: bool,
    pub(super) candidates: Candidates,
}

pub(super) fn infer(args: &Infer, output: &Output) -> Result<ExitCode, Failure> {
    output.status(&format!("reading {}", args.file.display()));
    let inferred = infer_file(&args.file, !args.no_enums)?;
    let schema = inferred.schema.render();
    match args.format {
        Format::Text => {
            output.result(&schema);
            for line in notes_of(&inferred) {
                output.note(&escape(&line));
            }
        }
        Format::Json => output.result(&json_line(&json_of(&inferred, &schema))),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a file of events.
///
/// # Errors
/// If it cannot be read, or has no events.
pub(super) fn infer_file(path: &Path, has_enums: bool) -> Result<Inferred, Failure> {
    let mut reading = Reading::default();
    each_event(path, &mut |sample| {
        reading.add(sample);
        Ok(())
    })?;
    reading.finish(path, has_enums)
}

#[derive(Default)]
struct Reading {
    profile: Profile,
    columns: Columns,
    budget: Budget,
    events: u64,
    skipped: u64,
    first_skipped: Option<String>,
}

impl Reading {
    fn add(&mut self, sample: Sample) {
        match sample.event {
            Ok(SampleEvent::Json(payload)) => self.profile.add(&payload.value, &mut self.budget),
            Ok(SampleEvent::Row { header, fields }) => {
                self.columns.add(&header, &fields, &mut self.budget);
            }
            Err(reason) => {
                self.skipped += 1;
                self.first_skipped.get_or_insert_with(|| format!("{}: {reason}", sample.place));
                return;
            }
        }
        self.events += 1;
    }

    fn finish(self, path: &Path, has_enums: bool) -> Result<Inferred, Failure> {
        if self.events == 0 {
            let failure = Failure::new(format!("{} has no event to learn from", path.display()));
            return Err(match &self.first_skipped {
                Some(first) => failure.next(format!("mend it: {first}")),
                None => failure.next("give a file of events: NDJSON, a JSON array or CSV"),
            });
        }
        let (profile, missing, also_in) = match self.columns.finish() {
            Some(typed) => (typed.profile, typed.missing, typed.also_in),
            None => (self.profile, BTreeMap::new(), BTreeSet::new()),
        };
        let personal = guesses_of(&profile);
        let schema = schema_of(&profile, &SchemaOptions { has_enums, personal: &personal });
        Ok(Inferred {
            schema,
            events: self.events,
            skipped: self.skipped,
            first_skipped: self.first_skipped,
            personal,
            missing,
            also_in,
            is_cut: self.budget.is_used_up(),
            candidates: candidates_of(&profile),
        })
    }
}

/// What people have to know of the result.
pub(super) fn notes_of(inferred: &Inferred) -> Vec<String> {
    let mut notes = vec![format!("learned from {}", pluralize(inferred.events, "event"))];
    if let Some(first) = &inferred.first_skipped {
        let skipped = pluralize(inferred.skipped, "part");
        notes.push(format!("note: {skipped} of the file is no event and was left out; {first}"));
    }
    if inferred.is_cut {
        notes.push(
            "note: there are more places than are described; the schema allows the others"
                .to_owned(),
        );
    }
    for (text, columns) in &inferred.missing {
        notes.push(format!(
            "note: `{text}` means no value in {}; say so in the contract: csv: {{missing: [{}]}}",
            columns.join(", "),
            texts_of(inferred).join(", "),
        ));
    }
    if !inferred.also_in.is_empty() {
        let columns: Vec<&str> = inferred.also_in.iter().map(String::as_str).collect();
        notes.push(format!("note: it is then null in {} too", columns.join(", ")));
    }
    let Candidates { keys, times } = &inferred.candidates;
    for (what, pointers) in [("key", keys), ("event time", times)] {
        if !pointers.is_empty() {
            notes.push(format!("this may be the {what}: {}", first_few(pointers)));
        }
    }
    if !inferred.personal.is_empty() {
        let pointers: Vec<&str> =
            inferred.personal.iter().map(|guess| guess.pointer.as_str()).collect();
        notes.push(format!(
            "this may be personal; if it is, say so in the contract: personal_data: [{}]",
            pointers.join(", ")
        ));
        for guess in &inferred.personal {
            notes.push(format!("  {}: {}, {}", guess.pointer, guess.what, guess.why));
        }
    }
    notes
}

fn first_few(pointers: &[String]) -> String {
    const MOST: usize = 5;
    let shown: Vec<&str> = pointers.iter().take(MOST).map(String::as_str).collect();
    let more = if pointers.len() > MOST { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// The texts that mean "no value", as YAML has them in a list.
pub(super) fn texts_of(inferred: &Inferred) -> Vec<String> {
    inferred.missing.keys().map(|text| format!("'{text}'")).collect()
}

fn json_of(inferred: &Inferred, schema: &str) -> serde_json::Value {
    let personal: Vec<_> = inferred
        .personal
        .iter()
        .map(|guess| json!({ "pointer": guess.pointer, "what": guess.what, "why": guess.why }))
        .collect();
    json!({
        "events": inferred.events,
        "skipped": inferred.skipped,
        "first_skipped": inferred.first_skipped,
        "csv_missing": inferred.missing.keys().collect::<Vec<_>>(),
        "personal": personal,
        "keys": inferred.candidates.keys,
        "event_times": inferred.candidates.times,
        "schema": serde_json::from_str::<serde_json::Value>(schema).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
