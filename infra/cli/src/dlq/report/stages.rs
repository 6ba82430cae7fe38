//! `dlq list`: where letters are, and how old.

use serde_json::Value;

use crate::output::colour::RED;
use crate::output::escape::shown;
use crate::output::members::{known, number, text};
use crate::output::page::Page;
use crate::output::table::{Cell, Column, Table};
use crate::output::text::{counted, grouped};
use crate::output::times::{Times, age};

/// The states that are told below their stage where the line has no room for their columns.
const OTHERS: [&str; 3] = ["quarantined", "discarded", "redriven"];

/// A line for each stage, and what to do next.
pub(in crate::dlq) fn stages(page: &Page, answer: &Value) -> String {
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
            let others = OTHERS.iter().filter(|state| number(&stage["letters"][**state]) > 0);
            let others: Vec<String> = others
                .map(|state| format!("{} {state}", grouped(number(&stage["letters"][*state]))))
                .collect();
            if !others.is_empty() {
                lines.push(format!("    and {}", others.join(", ")));
            }
        }
    }
    lines.push(String::new());
    let in_state = |state: &str| -> u64 {
        stages.values().map(|stage| number(&stage["letters"][state])).sum()
    };
    let (dead, quarantined) = (in_state("dead"), in_state("quarantined"));
    let are = if dead == 1 { "is" } else { "are" };
    lines.push(format!("{} {are} dead", counted(dead, "letter")));
    lines.extend(page.line("not collected", &not_collected(stages.values())));
    lines.extend(halted(page, &times, &answer["triage"]["halted"]));
    if dead > 0 {
        lines.extend(page.line("next", "`sluicegate dlq groups` tells what failed, and why"));
    } else if quarantined > 0 {
        let next = "`sluicegate dlq groups --state quarantined` tells what came back too often";
        lines.extend(page.line("next", next));
    }
    lines.join("\n")
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
        let of = |state: &str| number(&stage["letters"][state]);
        let colour = (of("dead") > 0).then_some(RED);
        let mut row: Vec<Cell> = vec![
            shown(name).into(),
            Cell::coloured(grouped(of("dead")), colour),
            age(times, &stage["oldest"]).into(),
            age(times, &stage["newest"]).into(),
            grouped(number(&stage["groups"])).into(),
        ];
        if is_wide {
            row.extend(OTHERS.map(|state| Cell::from(grouped(of(state)))));
        }
        row.extend([known(&stage["queued"]).into(), known(&stage["waiting"]).into()]);
        table.add(row);
    }
    table
}

/// Who has halted the rules of contracts, why, and what lets them act again; nothing, while they act.
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

/// What dead-letter queues hold, and the store does not have yet.
fn not_collected<'a>(stages: impl Iterator<Item = &'a Value>) -> String {
    let (mut queued, mut is_known) = (0, true);
    for stage in stages {
        queued += number(&stage["queued"]);
        is_known &= stage["queued"].is_u64();
    }
    match (queued, is_known) {
        (0, true) => "none, as far as SQS counts".to_owned(),
        (queued, true) => format!("about {} in dead-letter queues", grouped(queued)),
        (queued, false) => {
            format!(
                "about {} in dead-letter queues, and not known of those with a ?",
                grouped(queued)
            )
        }
    }
}
