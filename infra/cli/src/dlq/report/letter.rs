//! `dlq show`: all that is known of one letter.

use serde_json::Value;

use super::letters::redrives;
use crate::dlq::state::paint_state;
use crate::output::escape::{escape, indent_json};
use crate::output::members::{members, number, text};
use crate::output::page::Page;
use crate::output::text::{format_bytes, times_in_words};
use crate::output::times::Times;

/// Why it failed, then its history, then its message.
pub(in crate::dlq) fn format_letter(page: &Page, answer: &Value) -> String {
    let times = Times::of(answer);
    let letter = &answer["letter"];
    let state = text(&letter["state"]);
    let stage = text(&letter["stage"]);
    let mut lines =
        vec![format!("letter {} of {stage} is {}", text(&letter["id"]), paint_state(page, &state))];
    lines.push(String::new());
    lines.extend(
        page.line_if_any("code", &format!("{} ({})", text(&letter["code"]), text(&letter["kind"]))),
    );
    lines.extend(page.line_if_any("why", &text(&letter["reason"])));
    if letter["is_moved_by_sqs"] == true {
        let why = "SQS itself moved it: its function crashed, or ran out of time";
        lines.extend(page.line("", why));
    }
    lines.extend(page.line_if_any("at", &text(&letter["at"])));
    lines.extend(page.line_if_any("group", &text(&letter["group"])));
    lines.extend(page.line_if_any("dataset", &dataset(letter)));
    lines.extend(page.line_if_any("tenant", &text(&letter["tenant"])));
    for (label, member) in [
        ("taken in", "taken_in_at"),
        ("failed first", "first_failed_at"),
        ("failed last", "last_failed_at"),
        ("collected", "collected_at"),
    ] {
        lines.extend(page.line_if_any(label, &times.at(&letter[member]).unwrap_or_default()));
    }
    lines.extend(page.line_if_any("tried", &tried(letter)));
    lines.extend(page.line_if_any("redriven", &redriven(letter)));
    lines.extend(page.line_if_any("message id", &text(&letter["message_id"])));
    lines.extend(page.line_if_any("trace", &text(&letter["traceparent"])));
    lines.extend(page.line_if_any("stored in", &place(&letter["place"])));
    if letter["original"].is_object() {
        lines.extend(page.line_if_any("stored first", &place(&letter["original"])));
    }
    lines.extend(page.line_if_any("next", &advice(&text(&letter["id"]), &state)));
    lines.extend(message(page, &times, &letter["message"]));
    lines.join("\n")
}

fn dataset(letter: &Value) -> String {
    let name = text(&letter["dataset"]);
    match letter["contract_version"].as_u64() {
        Some(version) if !name.is_empty() => format!("{name}, version {version} of its contract"),
        _ => name,
    }
}

fn tried(letter: &Value) -> String {
    let tries = times_in_words(number(&letter["attempts"]));
    let parked = match number(&letter["parks"]) {
        0 => String::new(),
        parks => format!(", and was parked {}", times_in_words(parks)),
    };
    format!("{tries} in its last life{parked}")
}

fn redriven(letter: &Value) -> String {
    let runs: Vec<String> = members(&letter["runs"]).iter().map(text).collect();
    match (redrives(letter), runs.is_empty()) {
        (0, _) => "never".to_owned(),
        (count, true) => format!("{}, by other means than a run", times_in_words(count)),
        (count, false) => format!("{}; runs: {}", times_in_words(count), runs.join(", ")),
    }
}

fn place(place: &Value) -> String {
    if !place.is_object() {
        return String::new();
    }
    let (offset, length) = (number(&place["offset"]), number(&place["length"]));
    format!("{}, {length} bytes from {offset} on", text(&place["object"]))
}

fn advice(id: &str, state: &str) -> String {
    match state {
        "dead" => {
            format!("`sluicegate dlq plan --letter {id}` sends it back, once its cause is mended")
        }
        "quarantined" => format!(
            "`sluicegate dlq release --letter {id} --reason …` lets it be redriven once more"
        ),
        "discarded" => format!("`sluicegate dlq restore --letter {id} --reason …` undoes that"),
        _ => String::new(),
    }
}

fn message(page: &Page, times: &Times, message: &Value) -> Vec<String> {
    if !message.is_object() {
        return vec![String::new(), "its message is not there".to_owned()];
    }
    let mut lines = vec![String::new()];
    let body = message["body"].as_str().unwrap_or_default();
    lines.push(format!("message, {}", format_bytes(body.len() as u64)));
    lines.extend(page.line_if_any("queued as", &text(&message["message_id"])));
    lines.extend(page.line_if_any("sent", &times.at(&message["sent_at"]).unwrap_or_default()));
    lines.extend(page.line_if_any("received", &times_in_words(number(&message["receive_count"]))));
    lines.extend(page.line_if_any("moved from", &text(&message["moved_from"])));
    lines.extend(page.line_if_any("message group", &text(&message["group"])));
    for (name, attribute) in message["attributes"].as_object().into_iter().flatten() {
        let value = text(&attribute["value"]);
        lines.extend(page.line_if_any("attribute", &format!("{}: {value}", escape(name))));
    }
    lines.push(String::new());
    match indent_json(body) {
        Some(body) => lines.extend(body),
        None if body.is_empty() => lines.push("(an empty body)".to_owned()),
        None => lines.extend(body.lines().map(escape)),
    }
    lines
}
