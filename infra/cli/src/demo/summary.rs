//! The results of the demo as text, within the width of the terminal.

use std::collections::BTreeMap;

use verify::Json;
use verify::judge::{LetterGroup, SinkVerdict};
use verify::letters::UNEXPLAINED;

use super::args::Demo;
use super::report::{Report, StageReport};
use crate::output::text::{group_digits, pluralize, truncate, wrap};

/// The whole summary, without a line break at its end.
pub(super) fn summarize(report: &Report, args: &Demo, width: usize) -> String {
    let mut lines = vec![headline(report), balance(report), String::new()];
    lines.extend(problems(report, args, width));
    lines.extend(sinks(&report.verdict.sinks));
    lines.push(String::new());
    lines.extend(stages(&report.stages));
    lines.push(String::new());
    lines.extend(figures(report));
    let mut text: Vec<String> = lines.iter().flat_map(|line| wrap(line, width)).collect();
    if !report.samples.is_empty() {
        text.extend([String::new(), "some of the rows".to_owned()]);
        text.extend(
            report.samples.iter().map(|row| one_line(&format!("  {}", sample(row)), width)),
        );
    }
    if report.is_kept() {
        let mut closing = vec![
            "",
            "The table, the queues and the buckets were in this process's memory, and are gone.",
            "Next:",
        ];
        if args.dataset == sample::DATASET && args.input.is_none() {
            closing.push("  cargo run -- demo --events 27004    all flights of January 2013");
        }
        closing.push("  cargo run -- local up               the same services, until Ctrl-C");
        text.extend(closing.iter().flat_map(|line| wrap(line, width)));
    }
    text.join("\n")
}

fn headline(report: &Report) -> String {
    let (name, verdict) = (&report.dataset, &report.verdict);
    let wrong = [
        (verdict.lost, "lost"),
        (verdict.duplicated, "duplicated"),
        (verdict.wrong, "wrong"),
        (verdict.not_sent, "that nobody sent"),
        (verdict.contradictions, "reported in two ways"),
        (verdict.failed, "dead through no fault of their own"),
    ];
    let wrong: Vec<String> = wrong
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", group_digits(count)))
        .collect();
    match (report.is_kept(), report.is_settled) {
        (true, _) if verdict.dead_lettered > 0 => format!(
            "{name}: nothing lost, nothing written twice; {} dead through {} own fault",
            group_digits(verdict.dead_lettered),
            if verdict.dead_lettered == 1 { "its" } else { "their" }
        ),
        (true, _) => format!("{name}: nothing lost, nothing written twice"),
        (false, false) => format!("{name}: NOT FINISHED in time"),
        (false, true) => format!("{name}: PROMISE BROKEN: {}", wrong.join(", ")),
    }
}

fn balance(report: &Report) -> String {
    let verdict = &report.verdict;
    let mut parts = vec![
        pluralize(verdict.events, "event"),
        format!("{} accepted", group_digits(verdict.accepted)),
        format!("{} written", group_digits(verdict.written)),
    ];
    let rest = [
        (verdict.repeated, "repeated"),
        (verdict.rejected, "rejected"),
        (verdict.dead_lettered, "in dead-letter queues"),
        (report.redriven, "redriven"),
    ];
    for (count, what) in rest.into_iter().filter(|(count, _)| *count > 0) {
        parts.push(format!("{} {what}", group_digits(count)));
    }
    parts.push(format!("{} lost", group_digits(verdict.lost)));
    parts.push(format!("{} duplicated", group_digits(verdict.duplicated)));
    parts.join(", ")
}

/// Dead letters and what is wrong, with examples and how to look further. Empty if all is well.
fn problems(report: &Report, args: &Demo, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (function, reason) in &report.not_started {
        lines.push(format!("{function} did not start: {}", shortened(reason)));
    }
    for group in &report.verdict.letters {
        lines.extend(dead_letters(group, width));
    }
    for sink in &report.verdict.sinks {
        for example in &sink.examples {
            lines.push(one_line(&format!("{}: {example}", sink.name), width));
        }
    }
    lines.extend(report.verdict.examples.iter().map(|example| one_line(example, width)));
    if !report.is_kept() {
        lines.extend(how_to_look(report, args, report.verdict.failures().next()));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// `200 dead letters of sink, dependency.refused: no such table`, and an example.
fn dead_letters(group: &LetterGroup, width: usize) -> [String; 2] {
    let why = match (group.code.as_str(), group.reason.as_str()) {
        (UNEXPLAINED, _) => {
            "without a reason: its function crashed, did not start or ran out of time".to_owned()
        }
        (code, reason) => format!("{code}: {}", shortened(reason)),
    };
    let at = group.at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
    [
        format!("{} of {}, {why}", pluralize(group.count, "dead letter"), group.stage),
        one_line(&format!("  such as event {}{at}, in {}", group.id, group.queue), width),
    ]
}

/// The commands that repeat the demo and keep its state.
fn how_to_look(report: &Report, args: &Demo, failure: Option<&LetterGroup>) -> Vec<String> {
    let (dataset, file) = (&report.dataset, file_of(args));
    let mut lines = vec![
        "to look at it:".to_owned(),
        "  cargo run -- local up --state /tmp/sluicegate      and in another terminal:".to_owned(),
        format!("  cargo run -- local send {dataset} {file}"),
        "  cargo run -- local status                          queues and dead letters".to_owned(),
    ];
    if let Some(failure) = failure {
        lines.push(format!(
            "  aws sqs receive-message --message-attribute-names All --queue-url \
             http://127.0.0.1:4566/000000000000/{}",
            failure.queue
        ));
    }
    lines
}

fn file_of(args: &Demo) -> String {
    match &args.input {
        Some(path) => path.display().to_string(),
        None => sample::EVENTS_FILE.to_owned(),
    }
}

fn sinks(sinks: &[SinkVerdict]) -> Vec<String> {
    let widest = sinks.iter().map(|sink| sink.name.len()).max().unwrap_or_default();
    let width = (widest + 2).max(10);
    let heads = ["sink", "into", "events", "items", "lost", "wrong"];
    let mut lines = vec![sink_row(width, heads)];
    for sink in sinks {
        if !sink.is_seen {
            let (name, about) = (&sink.name, &sink.about);
            lines.push(format!("{name:<width$}{about:<19} not looked into from here"));
            continue;
        }
        let cells = [
            &sink.name,
            &sink.about,
            &group_digits(sink.present),
            &group_digits(sink.items),
            &group_digits(sink.lost),
            &group_digits(sink.duplicated + sink.wrong + sink.not_sent),
        ];
        lines.push(sink_row(width, cells.map(String::as_str)));
    }
    lines
}

fn sink_row(width: usize, [name, into, events, items, lost, wrong]: [&str; 6]) -> String {
    format!("{name:<width$}{into:<19}{events:>9}{items:>9}{lost:>9}{wrong:>9}")
}

fn stages(stages: &[StageReport]) -> Vec<String> {
    let mut lines = vec![stage_row(["stage", "in", "out", "retried", "dead letters"])];
    for stage in stages {
        let counts = &stage.counts;
        let reasons = pairs(&stage.reasons, ", ");
        let dead = match stage.dead_lettered() {
            0 => "0".to_owned(),
            count => format!("{} ({reasons})", group_digits(count)),
        };
        lines.push(stage_row([
            &stage.name,
            &group_digits(counts.events_in),
            &group_digits(counts.events_out),
            &group_digits(counts.retried),
            &dead,
        ]));
    }
    for stage in stages {
        let degraded = stage.counts.degraded;
        if degraded > 0 {
            let (name, events) = (&stage.name, group_digits(degraded));
            lines.push(format!("{name}: {events} went on without an enricher's answer (degraded)"));
        }
    }
    lines
}

fn stage_row([name, into, out, retried, dead]: [&str; 5]) -> String {
    format!("{name:<8}{into:>9}{out:>9}{retried:>9}  {dead}").trim_end().to_owned()
}

fn figures(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(latency) = report.latency {
        lines.push(format!(
            "latency  ingest to table: p50 {}, p99 {}, max {}",
            seconds(latency.p50_ms),
            seconds(latency.p99_ms),
            seconds(latency.max_ms)
        ));
    }
    lines.push(format!("calls    {:.2} an event, by the functions", report.calls_per_event()));
    for (stage, calls) in &report.calls {
        lines.push(format!("         {stage}: {}", pairs(calls, ", ")));
    }
    let batches = group_digits(report.batches);
    lines
        .push(format!("         batches that event source mappings polled and deleted: {batches}"));
    lines.push(format!("elapsed  {:.1} s", report.elapsed.as_secs_f64()));
    lines
}

/// A row in words. A flight is described as flights usually are, and any other row by the columns
/// that all rows have.
fn sample(row: &Json) -> String {
    let payload = row.member("payload").unwrap_or(row);
    let (dataset, event_time) = (text(row, "dataset"), text(row, "event_time"));
    if let [Some(carrier), Some(flight), Some(origin), Some(dest)] =
        ["carrier", "flight", "origin", "dest"].map(|name| known(payload, name))
    {
        let time: String = event_time.chars().take(16).collect();
        let weather = weather(payload.member("weather").unwrap_or(&Json::Null));
        let time = time.replace('T', " ");
        return format!("{dataset} {carrier}{flight} {origin}→{dest} {time} UTC, {weather}");
    }
    format!("{dataset} {} {event_time} {payload}", text(row, "subject"))
}

/// The text of a member. Empty if there is none.
fn text<'a>(row: &'a Json, name: &str) -> &'a str {
    row.member(name).and_then(Json::as_text).unwrap_or_default()
}

/// The text of a member that is not null.
fn known(payload: &Json, name: &str) -> Option<String> {
    payload.member(name).filter(|value| !value.is_null()).map(shown)
}

/// The weather in the units of the sample: degrees Fahrenheit and miles per hour.
fn weather(weather: &Json) -> String {
    match (number(weather, "temp"), number(weather, "wind_speed")) {
        (Some(temp), Some(wind)) => format!("{temp:.0} °F, wind {wind:.0} mph"),
        (Some(temp), None) => format!("{temp:.0} °F"),
        (None, Some(wind)) => format!("wind {wind:.0} mph"),
        (None, None) => "weather not known".to_owned(),
    }
}

fn number(weather: &Json, name: &str) -> Option<f64> {
    match weather.member(name) {
        Some(Json::Number(digits)) => digits.parse().ok(),
        _ => None,
    }
}

fn shown(value: &Json) -> String {
    value.as_text().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text that may contain a part of a payload, on one line and cut to fit.
fn one_line(text: &str, width: usize) -> String {
    truncate(&text.replace(char::is_control, " "), width)
}

/// The most characters of a reason that may contain a part of a payload.
const LONGEST: usize = 200;

fn shortened(text: &str) -> String {
    truncate(&text.replace(char::is_control, " "), LONGEST)
}

fn pairs(counts: &BTreeMap<String, u64>, separator: &str) -> String {
    let pairs: Vec<String> =
        counts.iter().map(|(name, count)| format!("{name} {}", group_digits(*count))).collect();
    pairs.join(separator)
}

/// Milliseconds as `850 ms` or `1.25 s`.
fn seconds(ms: u64) -> String {
    if ms < 1_000 {
        return format!("{ms} ms");
    }
    format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10)
}

#[cfg(test)]
mod tests;
