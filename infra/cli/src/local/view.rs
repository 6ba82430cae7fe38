//! The logs of functions as `local up` shows them: as text, each function in its own colour,
//! without what most lines repeat.

use std::io::{IsTerminal as _, stderr};

use clap::ValueEnum as _;
use emulation::lambda::{LogLine, LogSink, Origin};
use emulation::template::Function;
use runtime::env::Lookup;
use serde_json::{Map, Value};

use super::args::{LogArgs, LogLevel};
use crate::failure::Failure;
use crate::logs::{format_fields, is_of_metrics, parse_fields, short_name};
use crate::output::Output;
use crate::output::colour::is_coloured;

/// The colours of functions, in the template's order. Red and yellow are for levels.
const COLOURS: [&str; 6] = ["36", "32", "35", "34", "96", "95"];
const RED: &str = "31";
const YELLOW: &str = "33";
const FAINT: &str = "2";

pub(super) struct View {
    functions: Vec<String>,
    /// The functions that are shown. Empty means all.
    only: Vec<String>,
    log_level: LogLevel,
    is_verbose: bool,
    is_coloured: bool,
    output: Output,
}

impl View {
    /// A view with these options. Refuses to show only a function that does not exist.
    pub(super) fn new(
        shown: &LogArgs,
        functions: &[Function],
        lookup: &dyn Lookup,
    ) -> Result<Self, Failure> {
        let functions: Vec<String> = functions.iter().map(|each| each.name.clone()).collect();
        let mut only = Vec::new();
        for asked in &shown.function {
            let named = functions.iter().find(|name| {
                name.eq_ignore_ascii_case(asked) || short_name(name).eq_ignore_ascii_case(asked)
            });
            let name = named.ok_or_else(|| {
                let known: Vec<&str> = functions.iter().map(|name| short_name(name)).collect();
                Failure::new(format!("there is no function {asked}"))
                    .next(format!("give one of {}", known.join(", ")))
            })?;
            only.push(name.clone());
        }
        let is_coloured = is_coloured(shown.color, stderr().is_terminal(), lookup);
        let output = Output::of_process();
        Ok(Self {
            functions,
            only,
            log_level: shown.log_level,
            is_verbose: shown.verbose,
            is_coloured,
            output,
        })
    }

    /// The text of a line. `None` if it is not shown.
    fn text(&self, line: &LogLine<'_>) -> Option<String> {
        if !self.only.is_empty() && !self.only.iter().any(|name| name == line.function) {
            return None;
        }
        if is_below(line, self.log_level) || (is_of_metrics(line) && !self.is_verbose) {
            return None;
        }
        let at = self.functions.iter().position(|name| name == line.function).unwrap_or(0);
        let name = self.paint(short_name(line.function), COLOURS[at % COLOURS.len()]);
        let said = match (line.origin, parse_fields(line)) {
            (_, Some(fields)) => {
                let words =
                    format_fields(&fields, |name, value| self.is_verbose || says(name, value));
                let (level, rest) = words.split_once(' ').unwrap_or(("", &words));
                match level {
                    "ERROR" => format!("{} {rest}", self.paint(level, RED)),
                    "WARN" => format!("{} {rest}", self.paint(level, YELLOW)),
                    _ => format!("{} {rest}", self.paint(level, FAINT)),
                }
            }
            (Origin::Function, None) => line.text.to_owned(),
            (Origin::Platform, None) if self.is_verbose => self.paint(line.text, FAINT),
            (Origin::Platform, None) => match line.text.split(' ').next() {
                Some("START" | "END") => return None,
                Some("REPORT") => self.paint(&report(line.text), FAINT),
                _ => self.paint(line.text, RED),
            },
        };
        Some(format!("{name} {said}"))
    }

    fn paint(&self, text: &str, colour: &str) -> String {
        match self.is_coloured && !text.is_empty() {
            true => format!("\x1b[{colour}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

impl LogSink for View {
    fn line(&self, line: &LogLine<'_>) {
        if let Some(text) = self.text(line) {
            self.output.note(&text);
        }
    }
}

/// Whether a line is less severe than the level. A function's line that is not JSON never is,
/// because functions write such lines when they break. Lambda's lines about each invocation have
/// the level `info`.
fn is_below(line: &LogLine<'_>, least: LogLevel) -> bool {
    let level = match line.origin {
        Origin::Function => parse_fields(line).and_then(|fields| level_of(&fields)),
        Origin::Platform => match line.text.split(' ').next() {
            Some("START" | "END" | "REPORT") => Some(LogLevel::Info),
            _ => None,
        },
    };
    level.is_some_and(|level| level < least)
}

fn level_of(fields: &Map<String, Value>) -> Option<LogLevel> {
    LogLevel::from_str(fields.get("level")?.as_str()?, true).ok()
}

/// Whether a field is worth showing: neither the stage, which the function's name says, nor a 0.
fn says(name: &str, value: &Value) -> bool {
    name != "stage" && value.as_u64() != Some(0)
}

/// `12 ms, 9 MB of 256`, from a REPORT line; with the start-up time and the error, if there are
/// any.
fn report(line: &str) -> String {
    let used = field(line, "Max Memory Used").unwrap_or_default();
    let size = field(line, "Memory Size").unwrap_or_default().trim_end_matches(" MB");
    let duration = milliseconds(line, "Duration").unwrap_or_default();
    let mut text = format!("{duration}, {used} of {size}");
    if let Some(start) = milliseconds(line, "Init Duration") {
        text.push_str(&format!(", after {start} of start"));
    }
    for problem in ["Status", "Error Type"].into_iter().filter_map(|name| field(line, name)) {
        text.push_str(&format!(", {problem}"));
    }
    text
}

/// The value of a field of a REPORT line.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let found = line.split('\t').find_map(|field| field.strip_prefix(name));
    found.and_then(|value| value.strip_prefix(": ")).map(str::trim)
}

/// A field in milliseconds, without a fraction if it is at least one.
fn milliseconds(line: &str, name: &str) -> Option<String> {
    let value = field(line, name)?.strip_suffix(" ms")?.parse::<f64>().ok()?;
    Some(if value < 1.0 { format!("{value} ms") } else { format!("{value:.0} ms") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "REPORT RequestId: 1\tDuration: 12.34 ms\tBilled Duration: 13 ms\t\
         Memory Size: 256 MB\tMax Memory Used: 9 MB";
    const BATCH: &str =
        r#"{"level":"INFO","message":"batch done","events.in":2,"events.out":0,"stage":"sink"}"#;

    fn view(is_verbose: bool, is_coloured: bool, only: &[&str]) -> View {
        View {
            functions: ["s-Ingest", "s-Sink"].map(str::to_owned).into(),
            only: only.iter().map(|&name| name.to_owned()).collect(),
            log_level: LogLevel::Trace,
            is_verbose,
            is_coloured,
            output: Output::of_process(),
        }
    }

    #[track_caller]
    fn check(view: &View, origin: Origin, text: &str, expected: Option<&str>) {
        let line = LogLine { function: "s-Sink", stream: "", request_id: None, origin, text };
        assert_eq!(view.text(&line).as_deref(), expected);
    }

    #[test]
    fn a_line_is_short_and_what_only_repeats_is_left_out() {
        let view = view(false, false, &[]);
        check(&view, Origin::Platform, "START RequestId: 1 Version: $LATEST", None);
        check(&view, Origin::Platform, "END RequestId: 1", None);
        check(&view, Origin::Platform, REPORT, Some("Sink 12 ms, 9 MB of 256"));
        let cold = format!("{REPORT}\tInit Duration: 28.00 ms\tStatus: timeout");
        let shown = "Sink 12 ms, 9 MB of 256, after 28 ms of start, timeout";
        check(&view, Origin::Platform, &cold, Some(shown));
        check(&view, Origin::Platform, "Task timed out", Some("Sink Task timed out"));
        check(&view, Origin::Function, BATCH, Some("Sink INFO batch done events.in=2"));
        check(&view, Origin::Function, "START of mine", Some("Sink START of mine"));
    }

    #[test]
    fn verbose_is_everything_and_a_filter_leaves_the_others_out() {
        let verbose = view(true, false, &["s-Sink"]);
        check(&verbose, Origin::Platform, "END RequestId: 1", Some("Sink END RequestId: 1"));
        let shown = "Sink INFO batch done events.in=2 events.out=0 stage=sink";
        check(&verbose, Origin::Function, BATCH, Some(shown));
        check(&view(true, false, &["s-Ingest"]), Origin::Function, BATCH, None);
    }

    #[test]
    fn a_level_leaves_out_what_is_less_severe_and_nothing_without_a_level() {
        let warn = View { log_level: LogLevel::Warn, ..view(true, false, &[]) };
        check(&warn, Origin::Function, BATCH, None);
        check(&warn, Origin::Platform, REPORT, None);
        let slow = r#"{"level":"WARN","message":"slow"}"#;
        check(&warn, Origin::Function, slow, Some("Sink WARN slow"));
        check(&warn, Origin::Function, "panicked", Some("Sink panicked"));
        check(&warn, Origin::Platform, "Task timed out", Some("Sink Task timed out"));
        let error = View { log_level: LogLevel::Error, ..view(true, false, &[]) };
        check(&error, Origin::Function, slow, None);
    }

    #[test]
    fn a_function_has_its_colour_and_a_level_its_own() {
        let error = r#"{"level":"ERROR","message":"broke"}"#;
        let shown = "\x1b[32mSink\x1b[0m \x1b[31mERROR\x1b[0m broke";
        check(&view(false, true, &[]), Origin::Function, error, Some(shown));
    }
}
