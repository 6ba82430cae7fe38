//! Runs: how far each is, how fast, and why it waits.

use serde_json::Value;

use super::audit::audit;
use crate::dlq::state::paint_state;
use crate::dlq::state::state_colour;
use crate::output::members::{members, number, text};
use crate::output::page::Page;
use crate::output::table::{Cell, Column, Table};
use crate::output::text::{group_digits, pluralize};
use crate::output::times::{Times, age_or_dash};

/// `dlq status`.
pub(in crate::dlq) fn format_status(page: &Page, answer: &Value) -> String {
    lines(page, &answer["run"], &Times::of(answer)).join("\n")
}

/// `dlq redrive --detach`.
pub(in crate::dlq) fn format_started_run(page: &Page, answer: &Value) -> String {
    let id = text(&answer["run"]);
    let first = match number(&answer["pace"]["canary"]) {
        0 => String::new(),
        canary => {
            format!(", {} of them first", group_digits(canary.min(number(&answer["letters"]))))
        }
    };
    let count = pluralize(number(&answer["letters"]), "letter");
    let mut lines = vec![format!("run {id} has begun: {count}{first}")];
    lines.extend(audit(page, answer));
    lines.extend(page.line("next", &format!("`sluicegate dlq status {id} --watch` follows it")));
    lines.join("\n")
}

/// All lines about a run.
pub(super) fn lines(page: &Page, run: &Value, times: &Times) -> Vec<String> {
    let (id, state) = (text(&run["run"]), text(&run["state"]));
    let (position, size) = (number(&run["position"]), number(&run["letters"]));
    let mut lines = vec![format!(
        "run {id} is {}: {} of {}{}",
        paint_state(page, &state),
        group_digits(position),
        pluralize(size, "letter"),
        percent(position, size).map_or_else(String::new, |percent| format!(" ({percent} %)"))
    )];
    lines.push(String::new());
    let is_over = matches!(state.as_str(), "done" | "cancelled");
    if !is_over {
        lines.extend(page.line_if_any("phase", &phase(run)));
    }
    lines.extend(page.line_if_any("sent", &group_digits(number(&run["sent"]))));
    let skipped = number(&run["skipped"]);
    if skipped > 0 {
        let why = "others had changed them since they were planned, or their queue refused them";
        lines.extend(page.line_if_any("left out", &format!("{}: {why}", group_digits(skipped))));
    }
    lines.extend(page.line_if_any("came back", &group_digits(number(&run["came_back"]))));
    lines.extend(page.line_if_any("note", &text(&run["note"])));
    lines.extend(page.line_if_any("began", &times.at(&run["started_at"]).unwrap_or_default()));
    lines.extend(page.line_if_any("ended", &times.at(&run["ended_at"]).unwrap_or_default()));
    lines.extend(page.line_if_any("by", &text(&run["by"])));
    lines.extend(page.line_if_any("why", &text(&run["why"])));
    lines.extend(page.line_if_any("plan", &text(&run["plan"])));
    lines.extend(page.line_if_any("next", &advice(&id, &state, number(&run["came_back"]))));
    lines
}

/// What an operator can do about the run.
pub(in crate::dlq) fn advice(id: &str, state: &str, came_back: u64) -> String {
    match state {
        "running" => format!("`sluicegate dlq pause {id} --reason …` lets it send nothing more"),
        "paused" if came_back > 0 => format!(
            "`sluicegate dlq groups --run {id}` shows what came back; then `sluicegate dlq resume {id} --reason …`, or \
             `cancel`"
        ),
        "paused" => {
            format!("`sluicegate dlq resume {id} --reason …` lets it go on, `cancel` ends it")
        }
        _ if came_back > 0 => format!("`sluicegate dlq groups --run {id}` shows what came back"),
        _ => String::new(),
    }
}

/// `ramp: 20 a second, step 3 of 4`.
pub(in crate::dlq) fn phase(run: &Value) -> String {
    let (progress, pace) = (&run["progress"], &run["pace"]);
    let canary = group_digits(number(&pace["canary"]).min(number(&run["letters"])));
    if progress == "canary" {
        return format!("canary: the first {canary} are sent");
    }
    if progress["judging"].is_object() {
        return format!("watched: what becomes of the first {canary}");
    }
    if !progress["ramp"].is_object() {
        return String::new();
    }
    let rates = members(&pace["rates"]);
    let step = number(&progress["ramp"]["step"]);
    let rate = rate_of_step(run, step);
    let rate = match rate {
        0 => "as fast as can be".to_owned(),
        rate => format!("{} a second", group_digits(rate)),
    };
    match usize::try_from(step) {
        Ok(step) if step < rates.len() => {
            format!("ramp: {rate}, step {} of {}", step + 1, rates.len())
        }
        _ => format!("full speed: {rate}"),
    }
}

/// Letters per second; 0 means no limit.
pub(in crate::dlq) fn rate_of_step(run: &Value, step: u64) -> u64 {
    let pace = &run["pace"];
    let most = number(&pace["most_per_second"]);
    let rate = usize::try_from(step).ok().and_then(|step| members(&pace["rates"]).get(step));
    match (rate.map(number), most) {
        (Some(rate), 0) => rate,
        (Some(rate), most) => rate.min(most),
        (None, most) => most,
    }
}

/// Whole percent, rounded down, so that 100 means all. `None` if `of` is 0.
pub(in crate::dlq) fn percent(part: u64, of: u64) -> Option<u64> {
    part.saturating_mul(100).checked_div(of)
}

/// `dlq history`.
pub(in crate::dlq) fn format_history(page: &Page, answer: &Value) -> String {
    let runs = members(&answer["runs"]);
    if runs.is_empty() {
        return "there was no run so far; `sluicegate dlq plan` is where one begins".to_owned();
    }
    let times = Times::of(answer);
    let mut table = Table::new(vec![
        Column::number("began"),
        Column::words("run", 24),
        Column::words("state", 10),
        Column::number("letters"),
        Column::number("sent"),
        Column::number("back"),
        Column::words("why", usize::MAX),
    ]);
    for run in runs {
        let state = text(&run["state"]);
        let colour = state_colour(&state);
        table.add(vec![
            age_or_dash(&times, &run["started_at"]).into(),
            text(&run["run"]).into(),
            Cell::coloured(state, colour),
            group_digits(number(&run["letters"])).into(),
            group_digits(number(&run["sent"])).into(),
            group_digits(number(&run["came_back"])).into(),
            text(&run["why"]).into(),
        ]);
    }
    let (head, rows) = table.lines(page);
    let mut lines = vec![head];
    lines.extend(rows);
    lines.push(String::new());
    let next = format!("`sluicegate dlq status {}` shows one in full", text(&runs[0]["run"]));
    lines.extend(page.line("next", &next));
    lines.join("\n")
}
