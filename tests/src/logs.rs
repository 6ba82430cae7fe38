//! What the functions wrote.

use std::sync::{Arc, Mutex, PoisonError};

use emulation::lambda::{LogLine, LogSink};
use serde_json::Value;

/// Every line so far; clones share them.
#[derive(Clone, Default)]
pub struct Logs {
    lines: Arc<Mutex<Vec<String>>>,
}

impl LogSink for Logs {
    fn line(&self, line: &LogLine<'_>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line.text.to_owned());
    }
}

impl Logs {
    /// The lines that contain a text.
    #[must_use]
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.contains(text)).cloned().collect()
    }

    /// What a stage's `batch done` lines add up to, by one of their fields (`events.out`).
    #[must_use]
    pub fn sum(&self, stage: &str, field: &str) -> u64 {
        let logged = self.lines_with("batch done");
        let lines = logged.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["stage"] == stage).filter_map(|line| line[field].as_u64()).sum()
    }

    /// The last lines that are neither START nor END nor REPORT.
    pub(crate) fn last(&self, count: usize) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let platform = ["START ", "END ", "REPORT "];
        let telling = lines.iter().filter(|line| !platform.iter().any(|p| line.starts_with(p)));
        let mut last: Vec<String> = telling.rev().take(count).cloned().collect();
        last.reverse();
        last
    }
}
