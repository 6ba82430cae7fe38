//! Everything that is printed: results to standard output, all else to standard error.
//!
//! A terminal gets one status line that is redrawn; anything else gets a line every few seconds, and
//! neither colours nor control characters. A closed output is no reason to fail.

pub(crate) mod colour;
pub(crate) mod escape;
pub(crate) mod members;
pub(crate) mod page;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod times;

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use self::text::cut;

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
