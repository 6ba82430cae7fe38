//! The arguments of `sluicegate audit`.

use crate::dlq::args::AnswerArgs;
use crate::dlq::selection::{TimeOrAge, when};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Audit {
    /// The day to show, in UTC, such as 2026-11-29 [default: today]
    #[arg(long, value_name = "DATE", value_parser = day, conflicts_with = "since")]
    pub(crate) day: Option<String>,
    /// Show entries since this age, such as 2h, or since this time; 31 days at most
    #[arg(long, value_name = "AGE|TIME", value_parser = when)]
    pub(crate) since: Option<TimeOrAge>,
    /// Show only this action, such as redrive, discard or force-open
    #[arg(long, value_name = "VERB")]
    pub(crate) act: Option<String>,
    /// Show only actions on this: a part of a breaker's name, of the id of a run or a letter, or of a selection
    #[arg(long, value_name = "TEXT")]
    pub(crate) subject: Option<String>,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

fn day(text: &str) -> Result<String, String> {
    let is_day =
        text.len() == 10 && format!("{text}T00:00:00Z").parse::<event::Timestamp>().is_ok();
    match is_day {
        true => Ok(text.to_owned()),
        false => Err("expected a day such as 2026-11-29".to_owned()),
    }
}
