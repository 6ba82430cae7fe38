//! The arguments of `sluicegate dlq`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use event::FailureFingerprint;
use letters::LONGEST_MUTE;
use serde_json::Value;

pub(crate) use super::selection::SelectionArgs;
use super::selection::group;
use crate::operators::OperatorsTarget;
use crate::options::Color;
use crate::options::parse_duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnswerFormat {
    /// Text for people
    Text,
    /// One JSON object
    Json,
    /// Only the ids of the groups, letters, runs or plan, one on each line, for scripts
    Ids,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dlq {
    /// List the letters of each stage, their age, and what its queues hold
    List(AnswerArgs),
    /// Group letters by cause, with their number, their age and an example
    Groups(GroupsArgs),
    /// Show some letters, with the start of each message
    Peek(Peek),
    /// Show one letter: why it failed, what happened to it since, and its message
    Show(ShowLetter),
    /// Export letters with their messages, one on each line (NDJSON, whatever --format says)
    Export(Export),
    /// Find out what happened to each event of a file: in its sinks, a dead letter, or not found
    #[command(after_help = "\
Exit status: 0 if every event was found, 1 if some were not, 2 if the command failed")]
    Reconcile(Reconcile),
    /// Plan a redrive: fix which letters it has and show what it will do; nothing is sent
    #[command(
        after_help = "Exit status: 0 if there is a plan, 1 if no letter matches, 2 if the command failed"
    )]
    Plan(PlanArgs),
    /// Redrive the letters of a plan, a few first, and follow the run
    #[command(after_help = "\
Exit status: 0 if every letter was sent and none has come back, 1 if the run was paused or cancelled or letters were \
left out or came back, 2 if the command failed, 130 after Ctrl-C (the run continues)")]
    Redrive(Redrive),
    /// Show how far a run is, and why it waits
    Status(StatusArgs),
    /// List all runs, the newest first
    History(AnswerArgs),
    /// Pause a run: it sends nothing more until it is resumed
    Pause(RunChange),
    /// Resume a paused run, whatever came back so far
    Resume(RunChange),
    /// Cancel a run: letters that it has not sent stay in the store
    Cancel(RunChange),
    /// Pause every run at once, and stop the triage rules of the contracts
    Stop(Stop),
    /// Start the triage rules of the contracts again, after a stop
    StartTriage(StartTriage),
    /// Acknowledge a group: somebody takes care of it
    Acknowledge(Acknowledge),
    /// Mute a group: no rule notifies anybody of it for a while
    Mute(Mute),
    /// End a mute before its time; the group is then acknowledged
    Unmute(Unmute),
    /// Discard letters: they stay in the store until its retention ends
    Discard(LetterChange),
    /// Restore discarded letters
    Restore(LetterChange),
    /// Release quarantined letters, so that they can be redriven once more
    Release(LetterChange),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AnswerArgs {
    /// The output format
    #[arg(long, value_enum, default_value_t = AnswerFormat::Text)]
    pub(crate) format: AnswerFormat,
    /// When to use colours; auto means on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
    #[command(flatten)]
    pub(crate) at: OperatorsTarget,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GroupsArgs {
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Peek {
    /// The number of letters to show
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) limit: u64,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ShowLetter {
    /// The id of the letter, as `dlq peek` shows it
    #[arg(value_name = "LETTER")]
    pub(crate) letter: String,
    #[command(flatten)]
    pub(crate) reveal: Reveal,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

/// Whether personal data is shown.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Reveal {
    /// Show personal data unmasked; the audit log records who saw it and why
    #[arg(long, requires = "reason")]
    pub(crate) reveal: bool,
    /// The reason for showing personal data, for the audit log
    #[arg(long, visible_alias = "why", value_name = "REASON", requires = "reveal", value_parser = reason)]
    pub(crate) reason: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Export {
    /// Write to this file, which appears once it is complete [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reveal: Reveal,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlanArgs {
    /// The stage to send the letters to [default: the stage at which each failed]
    #[arg(long, value_name = "STAGE")]
    pub(crate) to: Option<String>,
    /// A JSON Patch (RFC 6902) to apply to each payload, or @FILE with one
    #[arg(long, value_name = "JSON|@FILE", value_parser = patch)]
    pub(crate) patch: Option<Value>,
    /// Bring payloads of older versions of the schema to the active one, by the contract's migrations
    #[arg(long, conflicts_with = "patch")]
    pub(crate) newest_version: bool,
    /// Include letters whose events are older than the sinks remember: these may take effect twice
    #[arg(long)]
    pub(crate) even_if_forgotten: bool,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Redrive {
    /// The id of the plan, as `dlq plan` printed it
    #[arg(value_name = "PLAN")]
    pub(crate) plan: String,
    /// The reason, for the audit log and for other operators
    #[arg(long, visible_alias = "why", value_name = "REASON", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Start the run without following it
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

/// How fast a run goes; the function decides what is not given.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PaceArgs {
    /// Send this many letters first, and the rest only if none of them comes back [default: 10]
    #[arg(long, value_name = "N", conflicts_with_all = ["no_canary", "unlimited"],
          value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) canary: Option<u64>,
    /// Send no letters first
    #[arg(long, conflicts_with = "unlimited")]
    pub(crate) no_canary: bool,
    /// The letters per second of each step; the last rate stays [default: 1,5,20,100]
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', conflicts_with = "unlimited",
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) rates: Vec<u64>,
    /// The duration of each step [default: 15s]
    #[arg(long, value_name = "TIME", conflicts_with = "unlimited", value_parser = step)]
    pub(crate) step: Option<Duration>,
    /// The maximum of letters per second after the last step [default: the rate of the last step]
    #[arg(long, value_name = "N", conflicts_with = "unlimited",
          value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) most: Option<u64>,
    /// Send all letters at once: none first, and at no limited rate
    #[arg(long)]
    pub(crate) unlimited: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// The id of the run, as `dlq redrive` and `dlq history` show it
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Keep showing the run until it is over, or until Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunChange {
    /// The id of the run, as `dlq history` shows it
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The reason, for the audit log and for other operators
    #[arg(long, visible_alias = "why", value_name = "REASON", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Stop {
    /// Confirm that every run is meant; `dlq pause` pauses one
    #[arg(long, required = true)]
    pub(crate) all: bool,
    /// The reason, for the audit log and for other operators
    #[arg(long, visible_alias = "why", value_name = "REASON", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StartTriage {
    /// The reason, for the audit log and for other operators
    #[arg(long, visible_alias = "why", value_name = "REASON", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Acknowledge {
    /// The id of the group, as `dlq groups` shows it
    #[arg(value_name = "GROUP", value_parser = group)]
    pub(crate) group: FailureFingerprint,
    /// The reason, for the audit log and for other operators
    #[arg(long, visible_alias = "why", value_name = "REASON", value_parser = reason)]
    pub(crate) reason: String,
    /// How long the acknowledgement lasts, such as 2h or 3d [default: until the group's note changes]
    #[arg(long = "for", value_name = "TIME", value_parser = lasting)]
    pub(crate) lasts: Option<Duration>,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Mute {
    /// The id of the group, as `dlq groups` shows it
    #[arg(value_name = "GROUP", value_parser = group)]
    pub(crate) group: FailureFingerprint,
    /// The reason, for the audit log and for other operators
    #[arg(long, visible_alias = "why", value_name = "REASON", value_parser = reason)]
    pub(crate) reason: String,
    /// How long the mute lasts, such as 2h or 3d; 30d at most
    #[arg(long = "for", value_name = "TIME", value_parser = muting)]
    pub(crate) lasts: Duration,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Unmute {
    /// The id of the group, as `dlq groups` shows it
    #[arg(value_name = "GROUP", value_parser = group)]
    pub(crate) group: FailureFingerprint,
    /// The reason, for the audit log and for other operators
    #[arg(long, visible_alias = "why", value_name = "REASON", value_parser = reason)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LetterChange {
    /// The reason, for the audit log and for other operators
    #[arg(long, visible_alias = "why", value_name = "REASON", value_parser = reason)]
    pub(crate) reason: String,
    /// Make the change; without this, the letters are only counted
    #[arg(long)]
    pub(crate) apply: bool,
    /// Confirm that every letter in the state is meant; --apply needs this if no option selects letters
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) answer: AnswerArgs,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

/// Checks a reason with the function's own rule.
fn reason(text: &str) -> Result<String, String> {
    runtime::check_reason(text).map(str::to_owned)
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
            Err(format!(
                "expected {days}d at most: a mute has to end, so that no group is forgotten"
            ))
        }
        false => Ok(lasts),
    })
}

impl PlanArgs {
    /// What happens to the payloads, for people; `None` if nothing does.
    pub(crate) fn change(&self) -> Option<&'static str> {
        if self.newest_version {
            return Some("each payload of an older version, by the contract's migrations");
        }
        self.patch.as_ref().map(|_| "each payload, by the patch")
    }
}

fn is_patch_operation(value: &Value) -> bool {
    value["op"].is_string() && value["path"].is_string()
}

/// A JSON Patch, given as text or in a file.
fn patch(text: &str) -> Result<Value, String> {
    let json = match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("{path} cannot be read: {error}"))?,
        None => text.to_owned(),
    };
    let example = r#"such as [{"op": "replace", "path": "/distance", "value": 229}]"#;
    let patch: Value = serde_json::from_str(&json)
        .map_err(|error| format!("it is no JSON: {error}; expected a JSON Patch {example}"))?;
    match patch.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(is_patch_operation))
    {
        true => Ok(patch),
        false => Err(format!("expected a JSON Patch (RFC 6902), {example}")),
    }
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Reconcile {
    /// The files of events, as they were sent: .ndjson, .jsonl, .json or .csv, gzipped or not
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// The dataset of the events
    #[arg(long, value_name = "NAME")]
    pub(super) dataset: String,
    /// The folder of contracts, which say how to read CSV [default: infra/contracts of the repository]
    #[arg(long, value_name = "FOLDER")]
    pub(super) contracts: Option<PathBuf>,
    #[command(flatten)]
    pub(super) answer: AnswerArgs,
}
