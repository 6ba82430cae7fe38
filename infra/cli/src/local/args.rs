//! The arguments of `sluicegate local`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::account::Pipeline;
use crate::options::{Color, Faults, Format};

#[derive(Debug, Subcommand)]
pub(crate) enum Local {
    /// Start the emulation, print its addresses, and run until Ctrl-C
    Up(Up),
    /// Send the events of a file to a running pipeline
    Send(Send),
    /// Show queues, dead letters, functions and event source mappings
    Status(Status),
    /// Show and change the faults that a running emulation injects
    #[command(subcommand)]
    Faults(FaultsVerb),
    /// Run the pipeline under many fault plans and prove that no event was lost
    Soak(Soak),
}

#[derive(Debug, Subcommand)]
pub(crate) enum FaultsVerb {
    /// List the fault rules in force, and how often each was applied
    List(EmulationEndpoint),
    /// Add the rules of a fault plan
    Add {
        /// The fault plan (YAML); - reads it from standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        at: EmulationEndpoint,
    },
    /// Remove one rule, or all of them
    Clear {
        /// The rule's number, as `list` shows it [default: all rules]
        #[arg(value_name = "NUMBER")]
        number: Option<u64>,
        #[command(flatten)]
        at: EmulationEndpoint,
    },
}

/// The address of an emulation.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EmulationEndpoint {
    /// The emulation's URL [default: AWS_ENDPOINT_URL, else http://127.0.0.1:4566]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
}

impl EmulationEndpoint {
    pub(crate) fn pipeline(&self) -> Pipeline {
        Pipeline { endpoint: self.endpoint.clone(), ..Pipeline::default() }
    }
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Soak {
    /// The number of runs, each with a seed of its own
    #[arg(long, value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) seeds: u64,
    /// The seed of the first run; each further run adds one
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) first: u64,
    /// The number of events of each run, from the start of the input
    #[arg(long, value_name = "N", default_value_t = 2_000,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) events: u64,
    /// The file of events: .ndjson or .csv, gzipped or not [default: the sample's flights, for their dataset]
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// The dataset of the events: a folder of infra/contracts
    #[arg(long, value_name = "NAME", default_value = sample::DATASET)]
    pub(crate) dataset: String,
    /// A fault plan (YAML) to use in place of the generated ones; each run draws from it with its seed
    #[arg(long = "faults", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The number of runs at a time; a run mostly waits
    #[arg(long, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u64).range(1..=64))]
    pub(crate) at_once: u64,
    /// Build the functions optimised, as they are deployed (this takes minutes)
    #[arg(long)]
    pub(crate) release: bool,
    /// The time limit of a run, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600,
          value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Up {
    /// The port of the emulation; 0 picks a free one
    #[arg(long, default_value_t = 4566)]
    pub(crate) port: u16,
    /// Keep queues, objects and tables in this folder, and continue with what it holds; it is created if missing
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
    /// Build the functions optimised, as they are deployed (this takes minutes)
    #[arg(long)]
    pub(crate) release: bool,
    #[command(flatten)]
    pub(crate) faults: Faults,
    #[command(flatten)]
    pub(crate) shown: LogArgs,
}

/// The levels of log lines, from the least severe to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// What is shown of what functions log.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LogArgs {
    /// Show only what this function logs; can be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) function: Vec<String>,
    /// Show only what functions log at this level or above, and lines that have no level
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = LogLevel::Trace)]
    pub(crate) log_level: LogLevel,
    /// Show each line whole, the START, END and REPORT of each invocation, and the settings without effect
    #[arg(long)]
    pub(crate) verbose: bool,
    /// When to use colours; auto means on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Send {
    /// The dataset of the events: a folder of infra/contracts
    pub(crate) dataset: String,
    /// The file of events: .ndjson or .csv, gzipped or not
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) pipeline: Pipeline,
    /// How to send: as objects to the landing bucket, or as messages to the inbox
    #[arg(long = "as", value_enum, value_name = "HOW", default_value_t = SendAs::Objects)]
    pub(crate) r#as: SendAs,
    /// The name of the landing bucket [default: from the stack's outputs, or from template.yaml]
    #[arg(long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,
    /// The name or URL of the inbox [default: from the stack's outputs, or from template.yaml]
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
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Repeat every two seconds until Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
}
