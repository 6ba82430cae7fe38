//! `dlq list`: where letters are, and how old.

use serde_json::Value;

use crate::output::colour::RED;
use crate::output::escape::escape;
use crate::output::members::{number, number_or_unknown, text};
use crate::output::page::Page;
use crate::output::table::{Cell, Column, Table};
use crate::output::text::{group_digits, pluralize};
use crate::output::times::{Times, age_or_dash};

/// The states that are listed below their stage if the line is too narrow for their columns.
const OTHERS: [&str; 3] = ["quarantined", "discarded", "redriven"];

/// One line for each stage, and what to do next.
pub(in crate::dlq) fn format_stages(page: &Page, answer: &Value) -> String {
    let Some(stages) = answer["stages"].as_object().filter(|stages| !stages.is_empty()) else {
        return "this stack has no dead-letter queue, and its store is empty".to_owned();
    };
    let times = Times::of(answer);
    let wide = table(&times, stages.iter(), true);
    let mut lines = Vec::new();
    if wide.whole_width() <= page.width {
        let (head, rows) = wide.lines(page);
        lines.push(head);
        lines.extend(rows);
    } else {
        let (head, rows) = table(&times, stages.iter(), false).lines(page);
        lines.push(head);
        for (row, stage) in rows.into_iter().zip(stages.values()) {
            lines.push(row);
            let others: Vec<String> = OTHERS
                .iter()
                .map(|state| (letters_in(stage, state), state))
                .filter(|(count, _)| *count > 0)
                .map(|(count, state)| format!("{} {state}", group_digits(count)))
                .collect();
            if !others.is_empty() {
                lines.push(format!("    and {}", others.join(", ")));
            }
        }
    }
    lines.push(String::new());
    let dead: u64 = stages.values().map(|stage| letters_in(stage, "dead")).sum();
    let quarantined: u64 = stages.values().map(|stage| letters_in(stage, "quarantined")).sum();
    let are = if dead == 1 { "is" } else { "are" };
    lines.push(format!("{} {are} dead", pluralize(dead, "letter")));
    lines.extend(page.line("not collected", &not_collected(stages.values())));
    lines.extend(halted(page, &times, &answer["triage"]["halted"]));
    if dead > 0 {
        lines.extend(page.line("next", "`sluicegate dlq groups` shows what failed, and why"));
    } else if quarantined > 0 {
        let next = "`sluicegate dlq groups --state quarantined` shows what came back too often";
        lines.extend(page.line("next", next));
    }
    lines.join("\n")
}

/// The number of a stage's letters in a state.
fn letters_in(stage: &Value, state: &str) -> u64 {
    number(&stage["letters"][state])
}

fn table<'a>(
    times: &Times,
    stages: impl Iterator<Item = (&'a String, &'a Value)>,
    is_wide: bool,
) -> Table {
    let mut columns = vec![
        Column::words("stage", 14),
        Column::number("dead"),
        Column::number("oldest"),
        Column::number("newest"),
        Column::number("groups"),
    ];
    if is_wide {
        columns.extend(OTHERS.map(Column::number));
    }
    columns.extend([Column::number("not collected"), Column::number("waiting")]);
    let mut table = Table::new(columns);
    for (name, stage) in stages {
        let dead = letters_in(stage, "dead");
        let colour = (dead > 0).then_some(RED);
        let mut row: Vec<Cell> = vec![
            escape(name).into(),
            Cell::coloured(group_digits(dead), colour),
            age_or_dash(times, &stage["oldest"]).into(),
            age_or_dash(times, &stage["newest"]).into(),
            group_digits(number(&stage["groups"])).into(),
        ];
        if is_wide {
            row.extend(OTHERS.map(|state| Cell::from(group_digits(letters_in(stage, state)))));
        }
        row.extend([
            number_or_unknown(&stage["queued"]).into(),
            number_or_unknown(&stage["waiting"]).into(),
        ]);
        table.add(row);
    }
    table
}

/// Who stopped the triage rules of contracts, why, and how to start them again. Empty if they are
/// not stopped.
fn halted(page: &Page, times: &Times, halt: &Value) -> Vec<String> {
    if !halt.is_object() {
        return Vec::new();
    }
    let since = times.at(&halt["since"]).map(|since| format!(" since {since}"));
    let since = since.unwrap_or_default();
    let (by, why) = (text(&halt["by"]), text(&halt["why"]));
    let mut lines = page.line("rules", &format!("halted{since} by {by}: {why}"));
    lines.extend(page.line("", "`sluicegate dlq start-triage --reason …` lets them act again"));
    lines
}

/// The messages of dead-letter queues that are not in the store yet.
fn not_collected<'a>(stages: impl Iterator<Item = &'a Value>) -> String {
    let (mut queued, mut is_known) = (0, true);
    for stage in stages {
        queued += number(&stage["queued"]);
        is_known &= stage["queued"].is_u64();
    }
    match (queued, is_known) {
        (0, true) => "none, as far as SQS counts".to_owned(),
        (queued, true) => format!("about {} in dead-letter queues", group_digits(queued)),
        (queued, false) => {
            format!(
                "about {} in dead-letter queues, and not known of those with a ?",
                group_digits(queued)
            )
        }
    }
}
