//! `dlq plan`: what would be sent, before it is.

use event::Timestamp;
use serde_json::Value;

use super::counts::counts;
use super::forecast::format_forecast;
use super::letters::code_and_why;
use crate::output::escape::{escape, indent_json};
use crate::output::members::{members, number, text};
use crate::output::page::Page;
use crate::output::text::{format_bytes, pluralize, truncate};
use crate::output::times::Times;

/// The most lines of a body that are shown before and after a patch.
const MOST_LINES: usize = 8;

/// The letters that match the selection and are too old to be sent.
fn left_out(page: &Page, answer: &Value) -> Vec<String> {
    let forgotten = number(&answer["forgotten"]);
    if forgotten == 0 {
        return Vec::new();
    }
    let why = "taken in longer ago than sinks remember their keys, and could take effect twice; \
               --even-if-forgotten takes them all the same";
    page.line("left out", &format!("{}, {why}", pluralize(forgotten, "letter")))
}

/// The content of the plan, and the command that starts it.
pub(in crate::dlq) fn format_plan(
    page: &Page,
    answer: &Value,
    change: Option<&str>,
    now: Timestamp,
) -> String {
    let id = text(&answer["plan"]);
    let count = number(&answer["letters"]);
    if count == 0 {
        let mut lines = vec!["no letter matches, so there is nothing to send".to_owned()];
        lines.extend(left_out(page, answer));
        lines.extend(page.line("next", "`sluicegate dlq list` shows where letters are"));
        return lines.join("\n");
    }
    let size = format_bytes(number(&answer["bytes"]));
    let mut lines =
        vec![format!("plan {id}: {}, {size}; nothing was sent", pluralize(count, "letter"))];
    lines.push(String::new());
    lines.extend(page.line("stages", &counts(&answer["stages"])));
    let datasets = counts(&answer["datasets"]);
    let datasets = if datasets.is_empty() { "not known".to_owned() } else { datasets };
    lines.extend(page.line("datasets", &datasets));
    let to = match answer["to"].is_string() {
        true => format!("{}, all of them", text(&answer["to"])),
        false => "each back to where it failed".to_owned(),
    };
    lines.extend(page.line("go to", &to));
    if let Some(change) = change {
        lines.extend(page.line("changed", change));
    }
    lines.extend(left_out(page, answer));
    let times = Times::of(&serde_json::json!({ "at": now }));
    let mut label = "examples";
    for letter in members(&answer["examples"]) {
        let failed = times.relative(&letter["last_failed_at"]).unwrap_or_default();
        let example = format!(
            "{} of {}, {failed}: {}",
            text(&letter["id"]),
            text(&letter["stage"]),
            code_and_why(letter)
        );
        lines.extend(page.line(label, &example));
        label = "";
    }
    for change in members(&answer["changes"]) {
        lines.extend(changed(page, change));
    }
    lines.extend(format_forecast(page, answer));
    lines.extend(page.line("next", "this begins it, within a day:"));
    // The command has a line of its own, so that people can copy the whole line.
    lines.push(format!("    sluicegate dlq redrive {id} --reason …"));
    lines.join("\n")
}

/// The lines of a letter's body that a patch changes.
fn changed(page: &Page, change: &Value) -> Vec<String> {
    let (before, after) = (body_lines(&change["before"]), body_lines(&change["after"]));
    let lines = before.iter().zip(&after);
    let same_first = lines.take_while(|(before, after)| before == after).count();
    let (before, after) = (&before[same_first..], &after[same_first..]);
    let lines = before.iter().rev().zip(after.iter().rev());
    let same_last = lines.take_while(|(before, after)| before == after).count();
    let (before, after) = (&before[..before.len() - same_last], &after[..after.len() - same_last]);
    let (id, to) = (text(&change["letter"]), text(&change["to"]));
    if before.is_empty() && after.is_empty() {
        return page.line("body", &format!("of {id}, to {to}: as it is"));
    }
    let mut lines = page.line("body", &format!("of {id}, to {to}:"));
    for (sign, part) in [('-', before), ('+', after)] {
        for line in part.iter().take(MOST_LINES) {
            lines.push(truncate(&format!("    {sign} {line}"), page.width));
        }
        if part.len() > MOST_LINES {
            lines.push(format!(
                "    {sign} and {} more",
                pluralize(part.len() - MOST_LINES, "line")
            ));
        }
    }
    lines
}

/// A body with one line for each member, sorted by name, because a patch changes the order of
/// members. A body that is not JSON is one line.
fn body_lines(body: &Value) -> Vec<String> {
    let body = body.as_str().unwrap_or_default();
    let sorted = serde_json::from_str::<Value>(body).map(|value| value.to_string());
    sorted.ok().and_then(|json| indent_json(&json)).unwrap_or_else(|| vec![escape(body)])
}
