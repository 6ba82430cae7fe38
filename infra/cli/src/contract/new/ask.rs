//! Asks people on a terminal.

use std::io::{BufRead as _, Write as _, stderr, stdin};

use crate::failure::Failure;

/// Whoever answers questions.
pub(super) trait Ask {
    /// The answer without white space around it. `None` if the default is taken.
    ///
    /// # Errors
    /// If nobody answers any more.
    fn ask(&mut self, question: &Question<'_>) -> Result<Option<String>, Failure>;
}

/// A question for one line of text.
pub(super) struct Question<'a> {
    /// What is asked for, such as `The team that answers for the events`.
    pub(super) what: &'a str,
    /// What an empty answer means. `None` if an answer is needed.
    pub(super) default: Option<&'a str>,
    /// What was wrong with the last answer.
    pub(super) problem: Option<String>,
}

/// The terminal of this process. Questions go to standard error, so that standard output has only results.
pub(super) struct Terminal;

impl Ask for Terminal {
    fn ask(&mut self, question: &Question<'_>) -> Result<Option<String>, Failure> {
        let mut screen = stderr().lock();
        if let Some(problem) = &question.problem {
            let _ = writeln!(screen, "  {problem}");
        }
        let default = question.default.map(|default| format!(" [{default}]")).unwrap_or_default();
        let _ = write!(screen, "{}{default}: ", question.what);
        let _ = screen.flush();
        let mut line = String::new();
        let read = stdin().lock().read_line(&mut line);
        let count =
            read.map_err(|error| Failure::new("the terminal cannot be read").because(error))?;
        if count == 0 {
            return Err(Failure::new("the questions were not answered, and nothing is written")
                .next("run it again, or give the answers as arguments (--help lists them)"));
        }
        let answer = line.trim();
        Ok((!answer.is_empty()).then(|| answer.to_owned()))
    }
}

/// Asks until an answer can be used.
pub(super) fn ask_until<T>(
    ask: &mut dyn Ask,
    what: &str,
    default: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    let mut problem = None;
    loop {
        let answer = ask.ask(&Question { what, default, problem: problem.take() })?;
        match answer.as_deref().or(default) {
            Some(answer) => match read(answer) {
                Ok(value) => return Ok(value),
                Err(why) => problem = Some(why),
            },
            None => problem = Some("An answer is needed.".to_owned()),
        }
    }
}
