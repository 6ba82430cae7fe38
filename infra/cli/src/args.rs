//! What can be asked for, and how it is spelled.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use emulation::faults::Plan;

use crate::account::Pipeline;
use crate::audit::args::Audit;
use crate::breaker::args::Breaker;
use crate::dataset::args::Dataset;
use crate::dlq::args::Dlq;
use crate::failure::Failure;
use crate::lake::args::Lake;

/// Sluicegate on this machine: the deployed functions, on emulated AWS services, without Docker.
#[derive(Debug, Parser)]
#[command(name = "sluicegate", version)]
pub(crate) struct Args {
    /// The folder of template.yaml [default: the nearest one above the current folder]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) root: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send events through the whole pipeline and prove that each was written once (the default)
    Demo(Demo),
    /// The emulation by itself
    #[command(subcommand)]
    Local(Local),
    /// Contracts and template.yaml: whether they fit, and what a new dataset needs there
    #[command(subcommand)]
    Dataset(Dataset),
    /// The lake, here or on AWS
    #[command(subcommand)]
    Lake(Lake),
    /// Circuit breakers, seen and moved by hand, here or on AWS
    #[command(subcommand)]
    Breaker(Breaker),
    /// Dead letters: seen, grouped by their causes, and sent back to where they failed, here or on AWS
    #[command(subcommand)]
    Dlq(Box<Dlq>),
    /// Who did what by hand, when, why, and what came of it
    Audit(Audit),
    /// A script that completes this program's words in a shell
    Completions(Completions),
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Completions {
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

impl Default for Command {
    fn default() -> Self {
        Self::Demo(Demo::default())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Local {
    /// Start the emulation, say where everything is, and run until Ctrl-C
    Up(Up),
    /// Send a file's events into a pipeline that runs
    Send(Send),
    /// Show queues, dead letters, functions and mappings
    Status(Status),
    /// See and change what goes wrong on purpose in an emulation that runs
    #[command(subcommand)]
    Faults(FaultsVerb),
    /// Run the pipeline under many adversaries, and prove that each lost nothing
    Soak(Soak),
}

#[derive(Debug, Subcommand)]
pub(crate) enum FaultsVerb {
    /// The rules in force, and how often each has struck
    List(Where),
    /// Put a plan's rules in force
    Add {
        /// A fault plan (YAML); - reads it from standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        at: Where,
    },
    /// Take a rule out of force, or all of them
    Clear {
        /// A rule's number, as `list` shows it [default: all]
        #[arg(value_name = "NUMBER")]
        number: Option<u64>,
        #[command(flatten)]
        at: Where,
    },
}

/// Which emulation is meant.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Where {
    /// Where it listens [default: AWS_ENDPOINT_URL, else http://127.0.0.1:4566]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
}

impl Where {
    pub(crate) fn pipeline(&self) -> Pipeline {
        Pipeline { endpoint: self.endpoint.clone(), ..Pipeline::default() }
    }
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Soak {
    /// How many adversaries
    #[arg(long, value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) seeds: u64,
    /// The first one's seed; each next one's is one more
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) first: u64,
    /// How many events each has to get through: the first of the input
    #[arg(long, value_name = "N", default_value_t = 2_000,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) events: u64,
    /// The events: .ndjson or .csv, gzipped or not [default: the sample's flights, for their dataset]
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// The dataset that they belong to: a folder of infra/contracts
    #[arg(long, value_name = "NAME", default_value = sample::DATASET)]
    pub(crate) dataset: String,
    /// A fault plan (YAML) in place of the adversary's own; its rules are drawn with each seed
    #[arg(long = "faults", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// How many run at a time: most of each is waiting
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u64).range(1..=64))]
    pub(crate) at_once: u64,
    /// Build the functions optimised, as they are deployed (takes minutes)
    #[arg(long)]
    pub(crate) release: bool,
    /// For how long one may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Demo {
    /// How many events: the first of the input
    #[arg(long, value_name = "N", default_value_t = Self::default().events,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) events: u64,
    /// The events: .ndjson or .csv, gzipped or not [default: the sample's flights, for their dataset]
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// The dataset that they belong to: a folder of infra/contracts
    #[arg(long, value_name = "NAME", default_value_t = Self::default().dataset)]
    pub(crate) dataset: String,
    /// How the result is told on standard output
    #[arg(long, value_enum, default_value_t = Self::default().format)]
    pub(crate) format: Format,
    /// The port of the emulation; 0 is any that is free
    #[arg(long, default_value_t = Self::default().port)]
    pub(crate) port: u16,
    /// Build the functions optimised, as they are deployed (takes minutes)
    #[arg(long)]
    pub(crate) release: bool,
    /// Let the weather service go away in the middle, and watch what becomes of the events; takes a minute
    #[arg(long, conflicts_with_all = ["adversary", "file", "format"])]
    pub(crate) outage: bool,
    /// For how long to wait, in seconds, until nothing is left to do
    #[arg(long, value_name = "SECONDS", default_value_t = Self::default().timeout,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
    #[command(flatten)]
    pub(crate) faults: Faults,
}

/// What goes wrong on purpose.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Faults {
    /// Let everything go wrong that AWS allows to, as this seed decides: the same seed, the same faults
    #[arg(long, value_name = "SEED")]
    pub(crate) adversary: Option<u64>,
    /// A fault plan (YAML): what goes wrong, where, how often, until when
    #[arg(long = "faults", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

impl Faults {
    /// Whether anything is to go wrong.
    pub(crate) fn is_any(&self) -> bool {
        self.adversary.is_some() || self.file.is_some()
    }

    /// The storm of the seed, and what the file adds to it.
    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        let mut plan = self.adversary.map(Plan::storm).unwrap_or_default();
        if let Some(path) = &self.file {
            let given = read_plan(path)?;
            if self.adversary.is_none() {
                plan.seed = given.seed;
            }
            plan.rules.extend(given.rules);
        }
        Ok(plan)
    }
}

/// Reads a fault plan.
pub(crate) fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("{} cannot be read", path.display())).because(error)
    })?;
    Plan::parse(&text).map_err(|error| {
        Failure::new(format!("{} cannot be used", path.display()))
            .because(error)
            .next("events/faults.yaml is a plan that shows what can be said")
    })
}

impl Default for Demo {
    fn default() -> Self {
        Self {
            events: 2_000,
            input: None,
            dataset: sample::DATASET.to_owned(),
            format: Format::Text,
            port: 0,
            release: false,
            outage: false,
            timeout: 600,
            faults: Faults::default(),
        }
    }
}

impl Demo {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person
    Text,
    /// One JSON object
    Json,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Up {
    /// The port of the emulation; 0 is any that is free
    #[arg(long, default_value_t = 4566)]
    pub(crate) port: u16,
    /// Keep queues, objects and tables in this folder, and go on with what it holds; made if missing
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
    /// Build the functions optimised, as they are deployed (takes minutes)
    #[arg(long)]
    pub(crate) release: bool,
    #[command(flatten)]
    pub(crate) faults: Faults,
    #[command(flatten)]
    pub(crate) shown: Shown,
}

/// What is shown of what functions log.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Shown {
    /// Only what this function logs; may be given again
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Vec<String>,
    /// Each line whole, and the START, END and REPORT of each invocation
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Colours for functions and levels; auto is on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Send {
    /// The dataset that they belong to: a folder of infra/contracts
    pub(crate) dataset: String,
    /// The events: .ndjson or .csv, gzipped or not
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// Objects in the landing bucket, or messages to the inbox
    #[arg(long = "as", value_enum, value_name = "HOW", default_value_t = SendAs::Objects)]
    pub(crate) r#as: SendAs,
    /// The landing bucket [default: the stack's, or the template's on this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    /// The inbox, by its name or URL [default: the stack's, or the template's on this machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SendAs {
    Objects,
    Messages,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// How it is told on standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Again and again, until Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn demo(words: &[&str]) -> Demo {
        let args = Args::try_parse_from(words).unwrap();
        match args.command.unwrap_or_default() {
            Command::Demo(demo) => demo,
            other => panic!("{other:?} is no demo"),
        }
    }

    #[test]
    fn no_command_is_the_demo_as_it_is_by_default() {
        Args::command().debug_assert();
        let (none, named) = (demo(&["sluicegate"]), demo(&["sluicegate", "demo"]));
        assert_eq!(format!("{none:?}"), format!("{named:?}"));
        assert_eq!((none.events, none.dataset.as_str(), none.port), (2_000, "flights", 0));
        assert_eq!(none.format, Format::Text);
    }

    #[track_caller]
    fn check_refused(words: &[&str], about: &str) {
        let error = Args::try_parse_from(words).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{words:?}");
        assert!(error.to_string().contains(about), "{error}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        check_refused(&["sluicegate", "demo", "--events", "0"], "--events");
        check_refused(&["sluicegate", "demo", "--events", "many"], "many");
        check_refused(&["sluicegate", "demo", "--format", "xml"], "text, json");
        check_refused(&["sluicegate", "demp"], "demo");
        check_refused(&["sluicegate", "local", "up", "--port", "70000"], "70000");
    }

    #[test]
    fn the_root_may_be_given_before_or_after_the_command() {
        for words in
            [["sluicegate", "--root", "/x", "demo"], ["sluicegate", "demo", "--root", "/x"]]
        {
            let args = Args::try_parse_from(words).unwrap();
            assert_eq!(args.root, Some(PathBuf::from("/x")), "{words:?}");
        }
    }
}
