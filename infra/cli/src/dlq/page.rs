//! What a report is written on: so wide, with colours or without.

use std::io::{IsTerminal as _, stdout};

use event::Timestamp;
use runtime::env::Process;
use serde_json::Value;

use crate::args::Color;
use crate::breaker::report::{GREEN, RED, YELLOW};
use crate::breaker::times::Times;
use crate::local::view::is_coloured;
use crate::output::{Output, grouped, labelled};

pub(crate) const FAINT: &str = "2";

/// A report's width and colours.
pub(crate) struct Page {
    /// In columns, of a table.
    pub(crate) width: usize,
    /// In columns, of words.
    pub(crate) words: usize,
    pub(crate) is_coloured: bool,
}

impl Page {
    pub(crate) fn new(output: &Output, asked: Color) -> Self {
        let is_coloured = is_coloured(asked, stdout().is_terminal(), &Process);
        Self { width: output.table_width(), words: output.width(), is_coloured }
    }

    #[cfg(test)]
    pub(crate) fn plain(width: usize) -> Self {
        Self { width, words: width.min(120), is_coloured: false }
    }

    pub(crate) fn paint(&self, text: &str, colour: Option<&str>) -> String {
        match colour.filter(|_| self.is_coloured && !text.is_empty()) {
            Some(colour) => format!("\x1b[{colour}m{text}\x1b[0m"),
            None => text.to_owned(),
        }
    }

    /// A state, in the colour of how bad it is.
    pub(crate) fn state(&self, state: &str) -> String {
        self.paint(state, state_colour(state))
    }

    /// `  label         what is said of it`, wrapped at words.
    pub(crate) fn line(&self, label: &str, said: &str) -> Vec<String> {
        labelled(label, said, self.words)
    }
}

/// Of a letter's state or a run's.
pub(crate) fn state_colour(state: &str) -> Option<&'static str> {
    Some(match state {
        "dead" | "quarantined" | "paused" => RED,
        "redriven" | "done" => GREEN,
        "discarded" => FAINT,
        _ => YELLOW,
    })
}

/// A member's number; 0 if it is none.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// A member's number as it is shown; `?` if nobody knows it.
pub(crate) fn known(value: &Value) -> String {
    value.as_u64().map_or_else(|| "?".to_owned(), grouped)
}

pub(crate) fn members(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// How long ago it is, or `-`.
pub(crate) fn age(times: &Times, value: &Value) -> String {
    times.age(value).unwrap_or_else(|| "-".to_owned())
}

/// `1 letter`, `2,000 letters`.
pub(crate) fn letters(count: u64) -> String {
    let many = if count == 1 { "" } else { "s" };
    format!("{} letter{many}", grouped(count))
}

/// `once`, `12 times`.
pub(crate) fn often(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{} times", grouped(count)) }
}

/// The times of an answer that does not say when it is.
pub(crate) fn times_of(answer: &Value, now: Timestamp) -> Times {
    match answer["at"].is_string() {
        true => Times::of(answer),
        false => Times::of(&serde_json::json!({ "at": now })),
    }
}

/// `1.2 MB`, of 1,000 bytes each, as S3 and its bills count.
pub(crate) fn bytes(count: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB")];
    match units.into_iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => {
            let tenths = count / (size / 10);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{count} B"),
    }
}

/// The end of an ARN: a user's name, or that of a role's session.
pub(crate) fn who(arn: &str) -> String {
    let end = match arn.starts_with("arn:") {
        true => arn.rsplit(['/', ':']).next().unwrap_or(arn),
        false => arn,
    };
    end.to_owned()
}
