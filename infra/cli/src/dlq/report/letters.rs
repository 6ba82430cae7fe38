//! `dlq peek`: a look at some letters.

use serde_json::Value;

use crate::output::escape::escape;
use crate::output::members::{members, number, text};
use crate::output::page::Page;
use crate::output::table::{Column, Table};
use crate::output::text::{group_digits, pluralize, truncate};
use crate::output::times::{Times, age_or_dash};

/// One line for each letter. Below it are why it failed, and the beginning of its body.
pub(in crate::dlq) fn format_peek(page: &Page, answer: &Value) -> String {
    let found = members(&answer["letters"]);
    if found.is_empty() {
        let mut lines = vec!["no letter matches".to_owned()];
        let next = "`sluicegate dlq list` shows where letters are; --state asks for those in another state";
        lines.extend(page.line("next", next));
        return lines.join("\n");
    }
    let times = Times::of(answer);
    let mut table = Table::new(vec![
        Column::words("letter", 20),
        Column::words("stage", 12),
        Column::words("code", 24),
        Column::number("failed"),
        Column::number("redriven"),
    ]);
    for letter in found {
        table.add(vec![
            text(&letter["id"]).into(),
            text(&letter["stage"]).into(),
            text(&letter["code"]).into(),
            age_or_dash(&times, &letter["last_failed_at"]).into(),
            group_digits(redrives(letter)).into(),
        ]);
    }
    let (head, rows) = table.lines(page);
    let mut lines = vec![head];
    for (row, letter) in rows.into_iter().zip(found) {
        lines.push(row);
        lines.push(truncate(&format!("    {}", why(letter)), page.width));
        let body = begin(&letter["message"]["body"], page.width);
        lines.push(truncate(&format!("    {body}"), page.width));
    }
    lines.push(String::new());
    let count = pluralize(found.len() as u64, "letter");
    lines.push(match answer["next"].is_string() {
        true => format!("the first {count}; `sluicegate dlq export` writes all of them"),
        false => format!("{count}, and no more"),
    });
    let next = format!("`sluicegate dlq show {}` shows one in full", text(&found[0]["id"]));
    lines.extend(page.line("next", &next));
    lines.join("\n")
}

/// `at /distance: expected integer, found a string`.
fn why(letter: &Value) -> String {
    let (place, reason) = (text(&letter["at"]), text(&letter["reason"]));
    if place.is_empty() { reason } else { format!("at {place}: {reason}") }
}

/// `contract.violation at /distance: expected integer, found a string`.
pub(super) fn code_and_why(letter: &Value) -> String {
    let separator = if letter["at"].is_string() { " " } else { ": " };
    format!("{}{separator}{}", text(&letter["code"]), why(letter))
}

/// How often a letter was redriven.
pub(super) fn redrives(letter: &Value) -> u64 {
    number(&letter["redrives"]).max(members(&letter["runs"]).len() as u64)
}

/// The beginning of a body, as long as a line may need.
fn begin(body: &Value, width: usize) -> String {
    let begin: String = body.as_str().unwrap_or_default().chars().take(width + 1).collect();
    if begin.is_empty() { "(an empty body)".to_owned() } else { escape(&begin) }
}
