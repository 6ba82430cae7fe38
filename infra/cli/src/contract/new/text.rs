//! The text of a new contract.

use super::SCHEMA_FILE;
use super::answers::Answers;
use crate::contract::args::NewSinkKind;
use crate::contract::infer::{Inferred, texts_of};
use crate::contract::yaml_text::scalar;

/// The first line of a contract, by which editors find what they complete it from.
const EDITORS: &str = "# yaml-language-server: $schema=../contract.schema.json";

pub(super) fn contract_of(
    answers: &Answers,
    inferred: Option<&Inferred>,
    dates: &[String],
) -> String {
    let mut text = format!(
        "{EDITORS}
# docs/contracts.md says what each of this means, and what else there may be.
dataset: {}
description: {}
owner: {}

schema:
  version: 1
  file: {SCHEMA_FILE}

# JSON Pointers into the payload. Events with the same values at `idempotency` are one event.
keys:
  idempotency: {}
  business: {}
  event_time: {}
",
        answers.dataset,
        scalar(&answers.description),
        scalar(&answers.owner),
        list(&answers.keys),
        list(&answers.business),
        event_time(answers),
    );
    if let Some(tenant) = &answers.tenant {
        text.push_str(&format!("\ntenant: {}\n", scalar(tenant)));
    }
    let missing = inferred.map(texts_of).unwrap_or_default();
    if !missing.is_empty() {
        text.push_str(&format!("\ncsv:\n  missing: [{}]\n", missing.join(", ")));
    }
    text.push_str(&personal(answers, inferred));
    text.push_str("\nsinks:\n");
    for sink in &answers.sinks {
        let kind = match sink.kind {
            NewSinkKind::Table => "table",
            NewSinkKind::Lake => "lake",
            NewSinkKind::Http => "http",
        };
        text.push_str(&format!("  - name: {}\n    kind: {kind}\n", scalar(&answers.name_of(sink))));
        if sink.kind == NewSinkKind::Lake && !dates.is_empty() {
            text.push_str(&format!("    dates: {}\n", list(dates)));
        }
        if sink.kind == NewSinkKind::Http
            && let Some(url) = &answers.url
        {
            text.push_str(&format!("    url: {}\n", scalar(url)));
        }
    }
    text
}

/// The pointer to the time, with the format and the zone where there is one.
fn event_time(answers: &Answers) -> String {
    let at = scalar(&answers.event_time);
    let Some(format) = &answers.time_format else { return at };
    let zone = answers.time_zone.as_ref();
    let zone = zone.map(|zone| format!(", zone: {}", scalar(zone))).unwrap_or_default();
    format!("{{at: {at}, format: {}{zone}}}", scalar(format))
}

/// What is personal. What only may be is a comment.
fn personal(answers: &Answers, inferred: Option<&Inferred>) -> String {
    if !answers.personal.is_empty() {
        let pointers = list(&answers.personal);
        return format!("\n# Masked wherever people see payloads.\npersonal_data: {pointers}\n");
    }
    let guesses = inferred.map(|inferred| &inferred.personal[..]).unwrap_or_default();
    if guesses.is_empty() {
        return String::new();
    }
    let pointers: Vec<String> = guesses.iter().map(|guess| guess.pointer.clone()).collect();
    format!(
        "\n# This may be personal. What is, is to be named, and is then masked wherever people see payloads.\n\
         # personal_data: {}\n",
        list(&pointers)
    )
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| scalar(text)).collect();
    format!("[{}]", texts.join(", "))
}
