//! The arguments of `sluicegate breaker`.

use std::time::Duration;

use clap::Subcommand;

use crate::operators::OperatorsTarget;
use crate::options::parse_duration;
use crate::options::{Color, Format};

#[derive(Debug, Subcommand)]
pub(crate) enum Breaker {
    /// List all breakers with their state, since when, and when the next probe is due
    List(List),
    /// Show one breaker: why it is open, what waits for it, and until when
    Show(Show),
    /// Reject all calls: events wait, or go on without the answer if their contract says so
    ForceOpen(TimedChange),
    /// Allow all calls, whatever their outcome
    ForceClose(TimedChange),
    /// Allow all calls, and count none of them
    Disable(TimedChange),
    /// Close the breaker and clear its counts; it may open again by itself
    Reset(Change),
    /// End a forced state before its time
    Release(Change),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) shown: AnswerArgs,
    #[command(flatten)]
    pub(crate) at: OperatorsTarget,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Show {
    /// The breaker: the name of the dependency in the contracts
    #[arg(value_name = "NAME")]
    pub(crate) breaker: String,
    #[command(flatten)]
    pub(crate) shown: AnswerArgs,
    #[command(flatten)]
    pub(crate) at: OperatorsTarget,
}

/// How an answer is printed.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AnswerArgs {
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// When to use colours; auto means on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// A change that lasts for an hour unless another time is given, so that none is forgotten.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct TimedChange {
    #[command(flatten)]
    pub(crate) once: Change,
    /// How long the change lasts, such as 90m or 2h; up to 7d [default: 1h]
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration,
          conflicts_with_all = ["until", "indefinitely"])]
    pub(crate) time: Option<Duration>,
    /// When the change ends, such as 2026-11-29T06:00:00Z
    #[arg(long, value_name = "RFC3339", conflicts_with = "indefinitely")]
    pub(crate) until: Option<String>,
    /// Keep the change until it is released
    #[arg(long)]
    pub(crate) indefinitely: bool,
}

/// A change, and why it is made.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Change {
    /// The breaker: the name of the dependency in the contracts
    #[arg(value_name = "NAME")]
    pub(crate) breaker: String,
    /// The reason, for the audit log and for other operators
    #[arg(long, value_name = "REASON")]
    pub(crate) why: String,
    /// Accept a name that no contract has and no call has failed for, such as that of a sink of your own
    #[arg(long)]
    pub(crate) new: bool,
    #[command(flatten)]
    pub(crate) shown: AnswerArgs,
    #[command(flatten)]
    pub(crate) at: OperatorsTarget,
}
