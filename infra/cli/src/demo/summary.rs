//! The result as a person reads it, within the width of the terminal.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::report::{Report, StageReport};

/// The whole summary, without a line break at its end.
pub(super) fn text(report: &Report, width: usize) -> String {
    let mut lines = vec![verdict(report), balance(report), String::new()];
    lines.extend(stages(&report.stages));
    lines.push(String::new());
    lines.extend(figures(report));
    if !report.samples.is_empty() {
        lines.push(String::new());
        lines.push("some of the records".to_owned());
        lines.extend(report.samples.iter().map(|record| format!("  {}", sample(record))));
    }
    lines.push(String::new());
    lines.extend(
        [
            "The table, the queues and the buckets were in this process's memory, and are gone.",
            "Next:",
            "  cargo run -- demo --events 27004    all flights of January 2013",
            "  cargo run -- local up               the same services, until Ctrl-C",
        ]
        .map(str::to_owned),
    );
    let fitted: Vec<String> = lines.iter().flat_map(|line| fit(line, width)).collect();
    fitted.join("\n")
}

fn verdict(report: &Report) -> String {
    let name = &report.dataset;
    match (report.is_kept(), report.is_settled) {
        (true, _) => format!("{name}: nothing lost, nothing written twice"),
        (false, false) => format!("{name}: NOT FINISHED in time"),
        (false, true) => format!("{name}: PROMISE BROKEN"),
    }
}

fn balance(report: &Report) -> String {
    let balance = &report.balance;
    let mut parts = vec![
        format!("{} events", grouped(balance.events)),
        format!("{} accepted", grouped(balance.accepted)),
        format!("{} written", grouped(balance.written)),
    ];
    let rest = [
        (balance.repeated, "repeated"),
        (balance.rejected, "rejected"),
        (balance.dead_lettered, "in dead-letter queues"),
        (balance.strange, "written that no event asked for"),
    ];
    parts.extend(
        rest.iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", grouped(*count))),
    );
    parts.push(format!("{} lost", grouped(balance.lost)));
    parts.push(format!("{} duplicated", grouped(balance.duplicated)));
    parts.join(", ")
}

fn stages(stages: &[StageReport]) -> Vec<String> {
    let row = |cells: [&str; 5]| {
        format!("{:<8}{:>9}{:>9}{:>9}  {}", cells[0], cells[1], cells[2], cells[3], cells[4])
            .trim_end()
            .to_owned()
    };
    let mut lines = vec![row(["stage", "in", "out", "retried", "dead letters"])];
    for stage in stages {
        let counts = &stage.counts;
        let reasons = pairs(&stage.reasons, ", ");
        let dead = match stage.dead_lettered() {
            0 => "0".to_owned(),
            count => format!("{} ({reasons})", grouped(count)),
        };
        lines.push(row([
            &stage.name,
            &grouped(counts.events_in),
            &grouped(counts.events_out),
            &grouped(counts.retried),
            &dead,
        ]));
    }
    lines
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
    let batches = grouped(report.batches);
    lines
        .push(format!("         batches that event source mappings polled and deleted: {batches}"));
    lines.push(format!("elapsed  {:.1} s", report.elapsed.as_secs_f64()));
    lines
}

/// A record in words: a flight as one knows flights, anything else by what every record has.
fn sample(record: &Map<String, Value>) -> String {
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let payload = record.get("payload").unwrap_or(&Value::Null);
    let member = |name: &str| payload.get(name).filter(|value| !value.is_null()).map(shown);
    let dataset = text("dataset");
    if let (Some(carrier), Some(flight), Some(origin), Some(dest)) =
        (member("carrier"), member("flight"), member("origin"), member("dest"))
    {
        let time: String = text("event_time").chars().take(16).collect();
        let weather = weather(payload.get("weather").unwrap_or(&Value::Null));
        let time = time.replace('T', " ");
        return format!("{dataset} {carrier}{flight} {origin}→{dest} {time} UTC, {weather}");
    }
    format!("{dataset} {} {} {payload}", text("subject"), text("event_time"))
}

/// As the sample's source has it: degrees Fahrenheit, miles an hour.
fn weather(weather: &Value) -> String {
    let number = |name: &str| weather.get(name).and_then(Value::as_f64);
    match (number("temp"), number("wind_speed")) {
        (Some(temp), Some(wind)) => format!("{temp:.0} °F, wind {wind:.0} mph"),
        (Some(temp), None) => format!("{temp:.0} °F"),
        (None, Some(wind)) => format!("wind {wind:.0} mph"),
        (None, None) => "weather not known".to_owned(),
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn pairs(counts: &BTreeMap<String, u64>, separator: &str) -> String {
    let pairs: Vec<String> =
        counts.iter().map(|(name, count)| format!("{name} {}", grouped(*count))).collect();
    pairs.join(separator)
}

/// `1,240`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds as `850 ms` or `1.25 s`.
fn seconds(ms: u64) -> String {
    if ms < 1_000 {
        return format!("{ms} ms");
    }
    format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10)
}

/// A line as lines of at most `width` characters, broken at spaces and indented like the first by two
/// more; a word that is longer than a line is cut.
fn fit(line: &str, width: usize) -> Vec<String> {
    if line.chars().count() <= width {
        return vec![line.to_owned()];
    }
    let indent = line.chars().take_while(|c| *c == ' ').count() + 2;
    let mut lines = Vec::new();
    let mut rest = line.to_owned();
    while rest.chars().count() > width {
        let cut = rest.char_indices().nth(width).map_or(rest.len(), |(at, _)| at);
        let own = rest.chars().take_while(|c| *c == ' ').count();
        let head = &rest[..cut];
        let space = if rest[cut..].starts_with(' ') { Some(cut) } else { head.rfind(' ') };
        let at = space.filter(|at| *at > own).unwrap_or(cut);
        lines.push(rest[..at].trim_end().to_owned());
        rest = format!("{}{}", " ".repeat(indent), rest[at..].trim_start());
    }
    lines.push(rest);
    lines
}

#[cfg(test)]
mod tests;
