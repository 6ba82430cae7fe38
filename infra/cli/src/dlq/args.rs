//! What can be done with dead letters, and how it is spelled.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use event::FailureFingerprint;
use letters::LONGEST_MUTE;
use serde_json::Value;

use super::reconcile::Reconcile;
pub(crate) use super::selection::Chosen;
use super::selection::group;
use crate::operators::OperatorsTarget;
use crate::options::Color;
use crate::options::parse_duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnswerFormat {
    /// For a person
    Text,
    /// One JSON object
    Json,
    /// The ids of its groups, letters, runs or plan alone, one a line: for a script
    Ids,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dlq {
    /// Each stage's letters, how old they are, and what its queues hold
    List(Plain),
    /// Letters by what failed: how many of each cause, since when, with an example
    Groups(Grouped),
    /// Some letters, with the begin of each one's message
    Peek(Peek),
    /// One letter: why it failed, what became of it since, and its message
    Show(ShowLetter),
    /// Letters with their messages, one a line (NDJSON, whatever --format says)
    Export(Export),
    /// What became of each event of a file that was sent: in its sinks, a letter, or not found
    #[command(after_help = "\
Exit status: 0, it is known where every event is; 1, some were not found; 2, it could not be done")]
    Reconcile(Reconcile),
    /// Write down which letters are meant, and look at what is in it; nothing is sent
    #[command(
        after_help = "Exit status: 0, there is a plan; 1, no letter is meant by that; 2, it could not be made"
    )]
    Plan(Planned),
    /// Send a plan's letters back, a few first, and follow the run
    #[command(after_help = "\
Exit status: 0, every letter was sent and none has come back; 1, the run was paused or cancelled, or letters were \
left out or came back; 2, it could not be done; 130, Ctrl-C: the run goes on, and is no longer followed")]
    Redrive(Redrive),
    /// How far a run is, and why it waits
    Status(OfRun),
    /// All runs, the newest first
    History(Plain),
    /// Let a run send nothing more, until it is resumed
    Pause(ActOnRun),
    /// Let a paused run go on, whatever came back so far
    Resume(ActOnRun),
    /// End a run: what it has not sent stays in the store, and what is on its way is given back
    Cancel(ActOnRun),
    /// Pause every run at once, and halt the rules of contracts
    Stop(Stop),
    /// Let the rules of contracts act again, after a stop
    StartTriage(StartTriage),
    /// Say of a group that somebody knows of it
    Acknowledge(Acknowledge),
    /// Let no rule tell of a group for a while
    Mute(Mute),
    /// End a mute before its time; the group is acknowledged then
    Unmute(Unmute),
    /// Put letters aside: they stay in the store until its retention ends
    Discard(ActOnLetters),
    /// Undo a discard
    Restore(ActOnLetters),
    /// Let quarantined letters be redriven once more
    Release(ActOnLetters),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Plain {
    /// How it is told on standard output
    #[arg(long, value_enum, default_value_t = AnswerFormat::Text)]
    pub(crate) format: AnswerFormat,
    /// Colours for states; auto is on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
    #[command(flatten)]
    pub(crate) at: OperatorsTarget,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Grouped {
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Peek {
    /// How many letters
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ShowLetter {
    /// The letter's id, as `dlq peek` shows it
    #[arg(value_name = "LETTER")]
    pub(crate) letter: String,
    #[command(flatten)]
    pub(crate) reveal: Reveal,
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// Whether personal data are shown.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Reveal {
    /// With personal data as it is: who saw it, and why, is written down
    #[arg(long, requires = "reason")]
    pub(crate) reveal: bool,
    /// Why personal data have to be seen
    #[arg(long, visible_alias = "why", value_name = "WHY", requires = "reveal", value_parser = reason)]
    pub(crate) reason: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Export {
    /// Into this file, which is there once all of it is [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reveal: Reveal,
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Planned {
    /// The stage that they go to [default: each back to where it failed]
    #[arg(long, value_name = "STAGE")]
    pub(crate) to: Option<String>,
    /// What is changed in each payload: a JSON Patch (RFC 6902), or @FILE with one
    #[arg(long, value_name = "JSON|@FILE", value_parser = patch)]
    pub(crate) patch: Option<Value>,
    /// Take letters, too, whose events are older than what sinks remember: they may take effect twice
    #[arg(long)]
    pub(crate) even_if_forgotten: bool,
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Redrive {
    /// The plan, as `dlq plan` has made it
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,
    /// Why: for the audit log, and for whoever looks next
    #[arg(long, visible_alias = "why", value_name = "WHY", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) pace: Paced,
    /// Begin the run, and do not follow it
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) plain: Plain,
}

/// How fast a run goes; what is not given is as the function has it.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Paced {
    /// So many letters go first, and the rest only if none of them comes back [default: 10]
    #[arg(long, value_name = "N", conflicts_with_all = ["no_canary", "unlimited"],
          value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) canary: Option<u64>,
    /// No letters go first
    #[arg(long, conflicts_with = "unlimited")]
    pub(crate) no_canary: bool,
    /// Letters a second, step after step [default: 1,5,20,100]; the last one lasts
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', conflicts_with = "unlimited",
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) rates: Vec<u64>,
    /// How long each step lasts [default: 15s]
    #[arg(long, value_name = "TIME", conflicts_with = "unlimited", value_parser = step)]
    pub(crate) step: Option<Duration>,
    /// Letters a second at most, after the last step [default: the last step's]
    #[arg(long, value_name = "N", conflicts_with = "unlimited",
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) most: Option<u64>,
    /// All at once: no letters go first, and nothing holds the rest back
    #[arg(long)]
    pub(crate) unlimited: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OfRun {
    /// The run, as `dlq redrive` and `dlq history` show it
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Keep showing it until it is over, or until Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) plain: Plain,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ActOnRun {
    /// The run, as `dlq history` shows it
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Why: for the audit log, and for whoever looks next
    #[arg(long, visible_alias = "why", value_name = "WHY", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) plain: Plain,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Stop {
    /// That every run is meant; `dlq pause` is for one
    #[arg(long, required = true)]
    pub(crate) all: bool,
    /// Why: for the audit log, and for whoever looks next
    #[arg(long, visible_alias = "why", value_name = "WHY", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) plain: Plain,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StartTriage {
    /// Why: for the audit log, and for whoever looks next
    #[arg(long, visible_alias = "why", value_name = "WHY", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) plain: Plain,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Acknowledge {
    /// The group, as `dlq groups` shows it
    #[arg(value_name = "GROUP", value_parser = group)]
    pub(crate) group: FailureFingerprint,
    /// Why: for the audit log, and for whoever looks next
    #[arg(long, visible_alias = "why", value_name = "WHY", value_parser = reason)]
    pub(crate) reason: String,
    /// For so long, such as 2h or 3d [default: until something else is said of it]
    #[arg(long = "for", value_name = "TIME", value_parser = lasting)]
    pub(crate) lasts: Option<Duration>,
    #[command(flatten)]
    pub(crate) plain: Plain,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Mute {
    /// The group, as `dlq groups` shows it
    #[arg(value_name = "GROUP", value_parser = group)]
    pub(crate) group: FailureFingerprint,
    /// Why: for the audit log, and for whoever looks next
    #[arg(long, visible_alias = "why", value_name = "WHY", value_parser = reason)]
    pub(crate) reason: String,
    /// For so long, such as 2h or 3d; 30d at most
    #[arg(long = "for", value_name = "TIME", value_parser = muting)]
    pub(crate) lasts: Duration,
    #[command(flatten)]
    pub(crate) plain: Plain,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Unmute {
    /// The group, as `dlq groups` shows it
    #[arg(value_name = "GROUP", value_parser = group)]
    pub(crate) group: FailureFingerprint,
    /// Why: for the audit log, and for whoever looks next
    #[arg(long, visible_alias = "why", value_name = "WHY", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) plain: Plain,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ActOnLetters {
    /// Why: for the audit log, and for whoever looks next
    #[arg(long, visible_alias = "why", value_name = "WHY", value_parser = reason)]
    pub(crate) reason: String,
    /// Do it; without this the letters are only counted
    #[arg(long)]
    pub(crate) apply: bool,
    /// Every letter in the state is meant; --apply asks for this where nothing chooses
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) plain: Plain,
    #[command(flatten)]
    pub(crate) chosen: Chosen,
}

/// As the function takes it.
fn reason(text: &str) -> Result<String, String> {
    runtime::check_why(text).map(str::to_owned)
}

fn step(text: &str) -> Result<Duration, String> {
    parse_duration(text).and_then(|step| match step.is_zero() {
        true => Err("expected a second at least, such as 15s".to_owned()),
        false => Ok(step),
    })
}

fn lasting(text: &str) -> Result<Duration, String> {
    parse_duration(text).and_then(|lasts| match lasts.is_zero() {
        true => Err("expected a second at least, such as 2h".to_owned()),
        false => Ok(lasts),
    })
}

fn muting(text: &str) -> Result<Duration, String> {
    lasting(text).and_then(|lasts| match lasts > LONGEST_MUTE {
        true => {
            let days = LONGEST_MUTE.as_secs() / (24 * 60 * 60);
            Err(format!("expected {days}d at most: what is muted and forgotten is told again"))
        }
        false => Ok(lasts),
    })
}

/// A JSON Patch, as it is or in a file.
fn patch(text: &str) -> Result<Value, String> {
    let json = match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("{path} cannot be read: {error}"))?,
        None => text.to_owned(),
    };
    let example = r#"such as [{"op": "replace", "path": "/distance", "value": 229}]"#;
    let patch: Value = serde_json::from_str(&json)
        .map_err(|error| format!("it is no JSON: {error}; expected a JSON Patch {example}"))?;
    let is_operation = |it: &Value| it["op"].is_string() && it["path"].is_string();
    match patch.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(is_operation)) {
        true => Ok(patch),
        false => Err(format!("expected a JSON Patch (RFC 6902), {example}")),
    }
}
