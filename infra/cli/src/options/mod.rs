//! Arguments that several commands take.

mod duration;
mod faults;

use clap::ValueEnum;

pub(crate) use self::duration::parse_duration;
pub(crate) use self::faults::{Faults, read_plan};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people
    Text,
    /// One JSON object
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// Parses the words after `sluicegate COMMAND` into one of the command's verbs.
#[cfg(test)]
pub(crate) fn parse_verb<T: clap::Subcommand>(words: &[&str]) -> Result<T, clap::Error> {
    let command = T::augment_subcommands(clap::Command::new("sluicegate"));
    let matches = command.try_get_matches_from(std::iter::once(&"sluicegate").chain(words))?;
    T::from_arg_matches(&matches)
}
