//! Everything that is printed: results to standard output, all else to standard error.
//!
//! A terminal gets one status line that is redrawn; anything else gets a line every few seconds, and
//! neither colours nor control characters. A closed output is no reason to fail.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Between status lines that are not redrawn.
const PAUSE: Duration = Duration::from_secs(5);
/// Where nobody says how wide it is.
const WIDTH: usize = 80;
const WIDEST: usize = 120;
/// Of a table, whose columns are found by their heads.
const WIDEST_TABLE: usize = 160;

pub(crate) struct Output {
    is_terminal: bool,
    width: usize,
    table_width: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether the terminal's last line is a status.
    has_status: bool,
    last_status: Option<Instant>,
}

impl Output {
    /// That of this process.
    pub(crate) fn of_process() -> Self {
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let width = width.unwrap_or(WIDTH).max(40);
        Self {
            is_terminal: stderr().is_terminal(),
            width: width.min(WIDEST),
            table_width: width.min(WIDEST_TABLE),
            state: Mutex::default(),
        }
    }

    /// In columns.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// In columns, where a table makes use of more than lines of words do.
    pub(crate) fn table_width(&self) -> usize {
        self.table_width
    }

    /// As much of a line as fits.
    pub(crate) fn cut(&self, line: &str) -> String {
        cut(line, self.width)
    }

    /// Prints a result.
    pub(crate) fn result(&self, text: &str) {
        self.clear_status();
        let _ = writeln!(stdout().lock(), "{text}");
    }

    /// Prints a line of a result that may be long.
    ///
    /// # Errors
    /// When nobody reads any more: nothing is left to do.
    pub(crate) fn result_line(&self, text: &str) -> std::io::Result<()> {
        self.clear_status();
        writeln!(stdout().lock(), "{text}")
    }

    /// Prints a result in place of the last one, on a terminal; below it elsewhere.
    pub(crate) fn screen(&self, text: &str) {
        let clear = if stdout().is_terminal() { "\x1b[H\x1b[2J" } else { "" };
        let _ = writeln!(stdout().lock(), "{clear}{text}");
    }

    /// Prints a line for whoever watches.
    pub(crate) fn note(&self, text: &str) {
        self.clear_status();
        let _ = writeln!(stderr().lock(), "{text}");
    }

    /// Shows what is going on; the next one takes its place.
    pub(crate) fn status(&self, text: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_terminal {
            let text: String = text.chars().take(self.width.saturating_sub(1)).collect();
            let mut stderr = stderr().lock();
            let _ = write!(stderr, "\r{text}\x1b[K");
            let _ = stderr.flush();
            state.has_status = true;
        } else if state.last_status.is_none_or(|last| last.elapsed() >= PAUSE) {
            let _ = writeln!(stderr().lock(), "{text}");
            state.last_status = Some(Instant::now());
        }
    }

    fn clear_status(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.has_status) {
            let _ = write!(stderr().lock(), "\r\x1b[K");
        }
    }
}

/// At most `width` characters of a line; `…` where it went on.
pub(crate) fn cut(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(width.saturating_sub(1)).collect();
            format!("{kept}…")
        }
    }
}

/// `  label         what is said of it`, wrapped at words; what is longer than a line, anywhere.
pub(crate) fn labelled(label: &str, said: &str, width: usize) -> Vec<String> {
    const INDENT: usize = 17;
    let room = width.saturating_sub(INDENT).max(20);
    let mut lines = vec![String::new()];
    for word in said.split(' ') {
        let mut word = word.to_owned();
        loop {
            let line = lines.last().map_or(0, |line| line.chars().count());
            let gap = usize::from(line > 0);
            if line + gap + word.chars().count() <= room {
                break;
            }
            if line > 0 {
                lines.push(String::new());
                continue;
            }
            let rest = word.chars().skip(room).collect();
            lines.push(String::new());
            let at = lines.len() - 2;
            lines[at] = word.chars().take(room).collect();
            word = rest;
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
    }
    let mut label = label;
    let indented = lines.into_iter().map(|line| {
        let line = format!("  {label:<15}{line}");
        label = "";
        line.trim_end().to_owned()
    });
    indented.collect()
}

/// `1 event`, `2,000 events`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    let many = if count == 1 { "" } else { "s" };
    format!("{} {what}{many}", grouped(u64::try_from(count).unwrap_or(u64::MAX)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands_and_one_is_not_many() {
        let grouped = [0, 999, 1_000, 27_004, 1_000_000].map(grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "27,004", "1,000,000"]);
        let counted = [0, 1, 2_000].map(|count| counted(count, "seed"));
        assert_eq!(counted, ["0 seeds", "1 seed", "2,000 seeds"]);
    }
}
