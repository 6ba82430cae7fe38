//! Reports on breakers for people: 80 columns wide, or wider on a wide terminal.

mod show;

use std::io::{IsTerminal as _, stdout};
use std::time::Duration;

use runtime::env::Process;
use serde_json::Value;

use crate::options::Color;
use crate::output::colour::{GREEN, RED, YELLOW, is_coloured};
use crate::output::text::{group_digits, label_lines, pluralize, truncate};
use crate::output::times::{Times, format_duration};

pub(super) struct Report {
    pub(super) width: usize,
    is_coloured: bool,
}

impl Report {
    pub(super) fn new(width: usize, choice: Color) -> Self {
        Self { width, is_coloured: is_coloured(choice, stdout().is_terminal(), &Process) }
    }

    /// A state in the colour of its severity.
    pub(super) fn state(&self, state: &str, text: &str) -> String {
        let colour = match state {
            "open" | "forced-open" => RED,
            "closed" => GREEN,
            _ => YELLOW,
        };
        match self.is_coloured {
            true => format!("\x1b[{colour}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    /// One line for each breaker, and what is parked.
    pub(super) fn list(&self, answer: &Value) -> String {
        let breakers = answer["breakers"].as_array().map(Vec::as_slice).unwrap_or_default();
        if breakers.is_empty() {
            return "there is no breaker: no contract names a dependency, and no call has failed"
                .to_owned();
        }
        let times = Times::of(answer);
        let rows: Vec<Row> = breakers.iter().map(|breaker| Row::of(breaker, &times)).collect();
        let name = column_width("breaker", rows.iter().map(|row| &row.name)).min(20);
        let since = column_width("since", rows.iter().map(|row| &row.since));
        let probe = column_width("next probe", rows.iter().map(|row| &row.next_probe));
        let room = self.width.saturating_sub(name + since + probe + 13 + 8).max(8);
        let mut lines = vec![format!(
            "{:<name$}  {:<13}  {:<since$}  {:<probe$}  why",
            "breaker", "state", "since", "next probe"
        )];
        for row in &rows {
            let state = self.state(&row.state, &format!("{:<13}", row.state));
            let line = format!(
                "{:<name$}  {state}  {:<since$}  {:<probe$}  {}",
                truncate(&row.name, name),
                row.since,
                row.next_probe,
                truncate(&row.why, room)
            );
            lines.push(line.trim_end().to_owned());
        }
        lines.push(String::new());
        lines.push(format!("parked: {}", parked(&answer["parked"])));
        for paused in paused(&times, answer) {
            lines.push(format!("polling: {paused}"));
        }
        lines.join("\n")
    }

    /// Everything about one breaker.
    pub(super) fn show(&self, answer: &Value) -> String {
        show::text(self, answer)
    }

    /// What a change has done.
    pub(super) fn done(&self, answer: &Value) -> String {
        let times = Times::of(answer);
        let breaker = &answer["breaker"];
        let (name, state) = (string(&breaker["name"]), string(&breaker["state"]));
        let was = &answer["before"];
        let until = times.at(&answer["until"]).map(|until| format!(" until {until}"));
        let until = match (until, breaker["forced"].is_object()) {
            (Some(until), _) => until,
            (None, true) => " until it is released".to_owned(),
            (None, false) => String::new(),
        };
        let mut lines = vec![format!("{name} is now {}{until}", self.state(state, state))];
        lines.extend(self.line("before", &before(was)));
        lines.extend(self.line("by", string(&answer["by"])));
        lines.extend(self.line("why", string(&answer["why"])));
        let within = Duration::from_millis(answer["reaches_fleet_within_ms"].as_u64().unwrap_or(0));
        let reaches =
            format!("every environment that makes a call, within {}", format_duration(within));
        lines.extend(self.line("reaches", &reaches));
        let audit = &answer["audit"];
        lines.extend(self.line("audit log", string(&audit["intent"])));
        match audit["outcome"].as_str() {
            Some(outcome) => lines.extend(self.line("", outcome)),
            None => lines.extend(self.line("", "the outcome could not be written down")),
        }
        if breaker["forced"].is_object() {
            let next = format!("`sluicegate breaker release {name} --why …` ends it");
            lines.extend(self.line("next", &next));
        }
        lines.join("\n")
    }

    pub(super) fn line(&self, label: &str, text: &str) -> Vec<String> {
        label_lines(label, text, self.width)
    }
}

/// The width of the widest cell of a column, or of its heading.
fn column_width<'a>(head: &str, cells: impl Iterator<Item = &'a String>) -> usize {
    cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(head.len())
}

/// A breaker's line in the list.
struct Row {
    name: String,
    state: String,
    since: String,
    next_probe: String,
    why: String,
}

impl Row {
    fn of(breaker: &Value, times: &Times) -> Self {
        Self {
            name: string(&breaker["name"]).to_owned(),
            state: string(&breaker["state"]).to_owned(),
            since: times.relative(&breaker["since"]).unwrap_or_else(|| "-".to_owned()),
            next_probe: times.relative(&breaker["next_probe_at"]).unwrap_or_else(|| "-".to_owned()),
            why: why(breaker),
        }
    }
}

pub(super) fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The reason of a state, in a few words.
fn why(breaker: &Value) -> String {
    if breaker["forced"].is_object() {
        return string(&breaker["forced"]["why"]).to_owned();
    }
    match cause(&breaker["cause"]) {
        Some(cause) => cause.to_owned(),
        None if breaker["ramp_ends_at"].is_string() => "calls ramp up".to_owned(),
        None => String::new(),
    }
}

/// The words for a cause.
pub(super) fn cause(cause: &Value) -> Option<&'static str> {
    Some(match cause.as_str()? {
        "failure-rate" => "too many calls failed",
        "slow-call-rate" => "too many calls were slow",
        "absent-rate" => "too many answers had nothing",
        "undecided" => "probes did not decide in time",
        "operator" => "an operator forced it open",
        _ => "for a reason that this version does not know",
    })
}

fn before(breaker: &Value) -> String {
    let state = string(&breaker["state"]);
    let forced = &breaker["forced"];
    match forced.is_object() {
        true => format!("{state}, by {}: {}", string(&forced["by"]), string(&forced["why"])),
        false => state.to_owned(),
    }
}

/// `about 312 events (enrich 300, deliver 12)`.
pub(super) fn parked(parked: &Value) -> String {
    let queues = parked["queues"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut each = Vec::new();
    for queue in queues {
        let about = queue["about"].as_u64().map_or("not known".to_owned(), group_digits);
        each.push(format!("{} {about}", string(&queue["stage"])));
    }
    match parked["about"].as_u64() {
        Some(0) => "no event, as far as SQS counts".to_owned(),
        Some(about) => format!("about {} ({})", pluralize(about, "event"), each.join(", ")),
        None => format!("not known ({})", each.join(", ")),
    }
}

/// `enrich paused since 02:48:10 UTC (12 min ago), to go on at …`, for each queue that is not polled.
pub(super) fn paused(times: &Times, answer: &Value) -> Vec<String> {
    let mut paused = Vec::new();
    for stage in answer["polling"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let name = string(&stage["stage"]);
        if let Some(until) = times.at(&stage["left_alone_until"]) {
            paused.push(format!("{name} not paused until {until}: somebody enabled its mapping"));
            continue;
        }
        let since = times.at(&stage["paused_at"]).unwrap_or_default();
        let is_over = times.is_over(&stage["resumes_at"]) || stage["state"] == "enabling";
        let end = match times.at(&stage["resumes_at"]) {
            Some(resumes_at) if !is_over => format!("to go on at {resumes_at}"),
            _ => "about to go on".to_owned(),
        };
        paused.push(format!("{name} paused since {since}, {end}"));
    }
    paused
}

#[cfg(test)]
mod tests;
