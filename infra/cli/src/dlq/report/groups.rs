//! `dlq groups`: what failed, how often, and since when.

use serde_json::Value;

use crate::output::colour::FAINT;
use crate::output::members::{members, number, text};
use crate::output::page::Page;
use crate::output::table::{Cell, Column, Table};
use crate::output::text::{group_digits, operator_name, pluralize, truncate};
use crate::output::times::{Times, age_or_dash};

/// One line for each group, the largest first and muted ones last. Below it are the reason of its
/// last letter and its note.
pub(in crate::dlq) fn format_groups(page: &Page, answer: &Value) -> String {
    let mut groups = members(&answer["groups"]).to_vec();
    groups.sort_by_key(|group| group["is_muted"] == true);
    let groups = groups.as_slice();
    let state = text(&answer["state"]);
    if groups.is_empty() {
        let mut lines = vec![format!("no {state} letter matches")];
        let next = "`sluicegate dlq list` shows where letters are";
        lines.extend(page.line("next", next));
        return lines.join("\n");
    }
    let times = Times::of(answer);
    let wide = table(&times, groups, true);
    let is_wide = wide.whole_width() <= page.width;
    let table = if is_wide { wide } else { table(&times, groups, false) };
    let (head, rows) = table.lines(page);
    let mut lines = vec![head];
    for (row, group) in rows.into_iter().zip(groups) {
        let mut about_group = vec![row];
        if !is_wide {
            let about = [text(&group["group"]), dataset(group), place(group)];
            let about: Vec<String> = about.into_iter().filter(|it| !it.is_empty()).collect();
            about_group.push(format!("    {}", about.join("  ")));
        }
        about_group.push(format!("    {}", text(&group["reason"])));
        about_group.extend(note(&times, group));
        let colour = (group["is_muted"] == true).then_some(FAINT);
        let shown = about_group.iter().map(|line| page.paint(&truncate(line, page.width), colour));
        lines.extend(shown);
    }
    lines.push(String::new());
    let count = pluralize(groups.len(), "group");
    lines.push(format!("{} in {count}, {state}", pluralize(number(&answer["letters"]), "letter")));
    let first = text(&groups[0]["group"]);
    let next = match state.as_str() {
        "quarantined" => format!(
            "`sluicegate dlq release --group {first} --reason …` lets them be redriven once more"
        ),
        "discarded" => format!("`sluicegate dlq restore --group {first} --reason …` undoes it"),
        "redriven" => {
            "they have not come back; `sluicegate dlq history` shows their runs".to_owned()
        }
        _ => format!(
            "`sluicegate dlq peek --group {first}` shows letters; once the cause is mended, \
             `sluicegate dlq plan --group {first}`"
        ),
    };
    lines.extend(page.line("next", &next));
    lines.join("\n")
}

fn table(times: &Times, groups: &[Value], is_wide: bool) -> Table {
    let mut columns = vec![
        Column::number("letters"),
        Column::number("came back"),
        Column::words("stage", 12),
        Column::words("code", 24),
        Column::number("first"),
        Column::number("last"),
    ];
    if is_wide {
        columns.push(Column::words("group", 24));
        columns.push(Column::words("dataset", 24));
        columns.push(Column::words("place", 40));
    }
    let mut table = Table::new(columns);
    for group in groups {
        let mut row: Vec<Cell> = vec![
            group_digits(number(&group["letters"])).into(),
            group_digits(number(&group["came_back"])).into(),
            text(&group["stage"]).into(),
            text(&group["code"]).into(),
            age_or_dash(times, &group["first_failed_at"]).into(),
            age_or_dash(times, &group["last_failed_at"]).into(),
        ];
        if is_wide {
            row.push(text(&group["group"]).into());
            row.push(dataset(group).into());
            row.push(text(&group["at"]).into());
        }
        table.add(row);
    }
    table
}

/// Who acknowledged or muted a group, until when and why, and how much it has grown since.
fn note(times: &Times, group: &Value) -> Vec<String> {
    let note = &group["note"];
    if !note.is_object() {
        return Vec::new();
    }
    let was = if times.is_over(&note["until"]) { "was " } else { "" };
    let until = times.at(&note["until"]).map(|until| format!(" until {until}"));
    let (state, by) = (text(&note["state"]), operator_name(&text(&note["by"])));
    let why = text(&note["why"]);
    let since = match group["grown_by"].as_u64() {
        // The growth of a part of a group is not known.
        None => String::new(),
        Some(0) => "no more letters since; ".to_owned(),
        Some(1) => "1 more letter since; ".to_owned(),
        Some(more) => format!("{} more letters since; ", group_digits(more)),
    };
    vec![
        format!("    {was}{state} by {by}{}", until.unwrap_or_default()),
        format!("    {since}why: {why}"),
    ]
}

/// `flights, versions 1 and 2`.
fn dataset(group: &Value) -> String {
    let name = text(&group["dataset"]);
    let versions: Vec<String> =
        members(&group["contract_versions"]).iter().map(Value::to_string).collect();
    match (name.is_empty(), &versions[..]) {
        (true, _) | (false, []) => name,
        (false, [version]) => format!("{name} v{version}"),
        (false, versions) => format!("{name} v{}", versions.join(", v")),
    }
}

fn place(group: &Value) -> String {
    let place = text(&group["at"]);
    if place.is_empty() { place } else { format!("at {place}") }
}
