//! What can be done to breakers, and how it is spelled.

use std::time::Duration;

use clap::Subcommand;

use crate::operators::OperatorsTarget;
use crate::options::parse_duration;
use crate::options::{Color, Format};

#[derive(Debug, Subcommand)]
pub(crate) enum Breaker {
    /// All breakers: what is in force, since when, and when the next probe is due
    List(List),
    /// One breaker: why it is open, what waits for it, and until when
    Show(Show),
    /// Keep all calls away: events wait, or take the way that the contract names
    ForceOpen(Lasting),
    /// Let all calls through, whatever becomes of them
    ForceClose(Lasting),
    /// Let all calls through, and count none
    Disable(Lasting),
    /// Close it, and forget what was counted; it may open again by itself
    Reset(Once),
    /// End what an operator forces, before its time
    Release(Once),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) shown: Shown,
    #[command(flatten)]
    pub(crate) at: OperatorsTarget,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Show {
    /// The breaker: the dependency's name, as contracts write it
    #[arg(value_name = "NAME")]
    pub(crate) breaker: String,
    #[command(flatten)]
    pub(crate) shown: Shown,
    #[command(flatten)]
    pub(crate) at: OperatorsTarget,
}

/// How an answer is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Shown {
    /// How it is told on standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Colours for states; auto is on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// An act that lasts: for an hour, unless it is said otherwise, so that none is forgotten.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Lasting {
    #[command(flatten)]
    pub(crate) once: Once,
    /// How long it lasts, up to 7d, such as 90m or 2h [default: 1h]
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration,
          conflicts_with_all = ["until", "indefinitely"])]
    pub(crate) time: Option<Duration>,
    /// When it ends, such as 2026-11-29T06:00:00Z
    #[arg(long, value_name = "RFC3339", conflicts_with = "indefinitely")]
    pub(crate) until: Option<String>,
    /// Until it is released
    #[arg(long)]
    pub(crate) indefinitely: bool,
}

/// An act, and why.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Once {
    /// The breaker: the dependency's name, as contracts write it
    #[arg(value_name = "NAME")]
    pub(crate) breaker: String,
    /// Why: for the audit log, and for whoever looks next
    #[arg(long, value_name = "REASON")]
    pub(crate) why: String,
    /// That the name is meant, although no contract has it and no call has failed: a sink of one's own
    #[arg(long)]
    pub(crate) new: bool,
    #[command(flatten)]
    pub(crate) shown: Shown,
    #[command(flatten)]
    pub(crate) at: OperatorsTarget,
}
