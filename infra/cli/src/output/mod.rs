//! Everything that is printed: results to standard output, everything else to standard error.
//!
//! On a terminal, a line at the bottom shows the progress of long work, and longer lines are
//! wrapped at words. Other outputs get neither, and no control characters. A closed output is not a
//! failure.

pub(crate) mod colour;
pub(crate) mod escape;
pub(crate) mod members;
pub(crate) mod page;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod times;

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::text::{truncate, wrap};

/// The width if the output is not a terminal.
const WIDTH: usize = 80;
/// The widest line of words.
const WIDEST: usize = 120;
/// The widest table. It can be wider than lines of words, because headings guide the eye.
const WIDEST_TABLE: usize = 160;
/// How often the time in a status line is updated.
const STATUS_TICK: Duration = Duration::from_millis(500);

pub(crate) struct Output {
    /// The width of the terminal of standard error. `None` if it is not a terminal.
    columns: Option<usize>,
    width: usize,
    table_width: usize,
    /// The line at the bottom, which is hidden if standard error is not a terminal.
    progress: ProgressBar,
}

impl Output {
    /// The output of this process.
    pub(crate) fn of_process() -> Self {
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let width = width.unwrap_or(WIDTH).max(40);
        let progress = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        progress.finish_and_clear();
        Self {
            columns: stderr().is_terminal().then_some(width),
            width: width.min(WIDEST),
            table_width: width.min(WIDEST_TABLE),
            progress,
        }
    }

    /// The width of lines of words, in columns.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The width of tables, in columns, which may be wider than lines of words.
    pub(crate) fn table_width(&self) -> usize {
        self.table_width
    }

    /// The part of a line that fits.
    pub(crate) fn truncate(&self, line: &str) -> String {
        truncate(line, self.width)
    }

    /// Prints a result to standard output.
    pub(crate) fn result(&self, text: &str) {
        self.progress.finish_and_clear();
        let _ = writeln!(stdout().lock(), "{text}");
    }

    /// Prints a line of a result that may be long.
    ///
    /// # Errors
    /// If nobody reads the output any more. There is nothing left to do then.
    pub(crate) fn result_line(&self, text: &str) -> std::io::Result<()> {
        self.progress.suspend(|| writeln!(stdout().lock(), "{text}"))
    }

    /// Prints a result in place of the last one on a terminal, and below it otherwise.
    pub(crate) fn screen(&self, text: &str) {
        let clear = if stdout().is_terminal() { "\x1b[H\x1b[2J" } else { "" };
        let _ = writeln!(stdout().lock(), "{clear}{text}");
    }

    /// Prints lines to standard error, wrapped at words on a terminal.
    pub(crate) fn note(&self, text: &str) {
        self.progress.finish_and_clear();
        let mut stderr = stderr().lock();
        for line in text.split('\n') {
            match self.columns {
                Some(columns) => {
                    for part in wrap(line, columns) {
                        let _ = writeln!(stderr, "{part}");
                    }
                }
                None => {
                    let _ = writeln!(stderr, "{line}");
                }
            }
        }
    }

    /// Shows on a terminal what is going on, and for how long. The next status replaces it.
    pub(crate) fn status(&self, text: &str) {
        self.show("{spinner} {elapsed:>4}  {wide_msg}", text);
    }

    /// Shows on a terminal how much of long work is done, as a bar with a text.
    pub(crate) fn progress(&self, done: u64, all: u64, text: &str) {
        self.progress.set_length(all);
        self.progress.set_position(done);
        self.show("[{bar:24}] {wide_msg}", text);
    }

    fn show(&self, template: &str, text: &str) {
        if self.columns.is_none() {
            return;
        }
        if self.progress.is_finished() {
            self.progress.reset();
            self.progress.enable_steady_tick(STATUS_TICK);
        }
        let style = ProgressStyle::with_template(template);
        self.progress.set_style(
            style.unwrap_or_else(|_| ProgressStyle::default_spinner()).progress_chars("#--"),
        );
        self.progress.set_message(text.trim().to_owned());
    }
}
