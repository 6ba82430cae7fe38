//! The report on one breaker: its state, the reason, what waits and until when, and what operators
//! can do.

use std::time::Duration;

use serde_json::Value;

use super::{Report, cause, parked, paused, string};
use crate::output::members::number;
use crate::output::text::group_digits;
use crate::output::times::{Times, format_duration};

pub(super) fn text(report: &Report, answer: &Value) -> String {
    let times = Times::of(answer);
    let breaker = &answer["breaker"];
    let (name, state) = (string(&breaker["name"]), string(&breaker["state"]));
    let mut lines = vec![match times.at(&breaker["since"]) {
        Some(since) => format!("{name} is {} since {since}", report.state(state, state)),
        None => format!("{name} is {}: no call has failed so far", report.state(state, state)),
    }];
    lines.push(String::new());
    lines.extend(forced(report, &times, breaker));
    lines.extend(automatic(report, &times, breaker));
    for counts in breaker["counts"].as_array().map(Vec::as_slice).unwrap_or_default() {
        lines.extend(report.line("calls", &calls(counts)));
    }
    lines.extend(waiting(report, &times, answer));
    let mut label = "polling";
    for paused in paused(&times, answer) {
        lines.extend(report.line(label, &paused));
        label = "";
    }
    lines.extend(report.line("next", &advice(name, breaker)));
    lines.join("\n")
}

/// The lines about an operator's change.
fn forced(report: &Report, times: &Times, breaker: &Value) -> Vec<String> {
    let forced = &breaker["forced"];
    if !forced.is_object() {
        return Vec::new();
    }
    let mut lines = report.line("by", string(&forced["by"]));
    lines.extend(report.line("why", string(&forced["why"])));
    let until = times.at(&forced["until"]);
    let until = until.unwrap_or_else(|| "it is released".to_owned());
    lines.extend(report.line("until", &until));
    let beneath = string(&breaker["automatic_state"]);
    if beneath != "closed" && breaker["state"] != "forced-open" {
        lines.extend(report.line("by itself", &format!("it would be {beneath}")));
    }
    lines
}

/// The lines about the breaker's own state.
fn automatic(report: &Report, times: &Times, breaker: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let because = cause(&breaker["cause"]).filter(|_| !breaker["forced"].is_object());
    if let Some(cause) = because {
        let opens = breaker["opens"].as_u64().unwrap_or(0);
        let again = if opens > 1 { format!(", {opens} times in a row") } else { String::new() };
        lines.extend(report.line("why", &format!("{cause}{again}")));
    }
    if let Some(since) = times.at(&breaker["unavailable_since"]) {
        lines.extend(report.line("unavailable", &format!("since {since}")));
    }
    if let Some(probe) = times.at(&breaker["next_probe_at"]) {
        let is_due =
            times.relative(&breaker["next_probe_at"]).is_some_and(|it| !it.starts_with("in "));
        let when = if is_due { "with the next call: its wait is over".to_owned() } else { probe };
        lines.extend(report.line("next probe", &when));
    }
    let half_open = &breaker["half_open"];
    if half_open.is_object() {
        let leases = half_open["leases"].as_array().map(Vec::as_slice).unwrap_or_default();
        let leased: u64 = leases.iter().filter_map(|lease| lease["permits"].as_u64()).sum();
        let probes = format!(
            "{} permitted: {} done, {} of them failed, {leased} under way",
            number(&half_open["permitted"]),
            number(&half_open["settled"]),
            number(&half_open["failures"])
        );
        lines.extend(report.line("probes", &probes));
        for lease in leases {
            let ends = times.at(&lease["ends_at"]).unwrap_or_default();
            let permits = lease["permits"].as_u64().unwrap_or(0);
            let environment = string(&lease["environment"]);
            lines.extend(
                report.line("", &format!("{permits} leased by {environment} until {ends}")),
            );
        }
    }
    if let Some(ends) = times.at(&breaker["ramp_ends_at"]) {
        lines.extend(report.line("ramps up", &format!("all calls are let through from {ends} on")));
    }
    lines
}

/// The events that wait. A queue does not say for which breaker they wait.
fn waiting(report: &Report, times: &Times, answer: &Value) -> Vec<String> {
    let about = parked(&answer["parked"]);
    if answer["parked"]["about"].as_u64() == Some(0) {
        return report.line("parked", &about);
    }
    let mut lines = report.line("parked", &format!("{about}, whichever breaker they wait for"));
    if let Some(oldest) = times.at(&answer["breaker"]["unavailable_since"]) {
        lines.extend(report.line("oldest", &format!("waits since about {oldest}")));
    }
    if let Some(first) = times.at(&answer["first_dead_letter_at"]) {
        let wait =
            format_duration(Duration::from_secs(answer["longest_wait_s"].as_u64().unwrap_or(0)));
        let first = format!("the first at about {first}, after {wait} of waiting");
        lines.extend(report.line("dead letters", &first));
    }
    lines
}

/// The commands that an operator can use.
fn advice(name: &str, breaker: &Value) -> String {
    match string(&breaker["state"]) {
        "open" | "half-open" => format!(
            "it tries by itself. `reset {name}` closes it now; `force-open {name}` keeps calls away"
        ),
        "forced-open" | "forced-closed" | "disabled" => {
            format!("`sluicegate breaker release {name} --why …` ends it")
        }
        "metrics-only" => "its settings let it only count: it holds nothing back".to_owned(),
        _ => format!("`sluicegate breaker force-open {name} --why …` keeps calls away"),
    }
}

fn calls(counts: &Value) -> String {
    let window = format_duration(Duration::from_secs(counts["window_s"].as_u64().unwrap_or(0)));
    format!(
        "{} in {window}: {} failed, {} slow, {} with nothing for the event",
        group_digits(number(&counts["calls"])),
        group_digits(number(&counts["failures"])),
        group_digits(number(&counts["slow"])),
        group_digits(number(&counts["absent"]))
    )
}
