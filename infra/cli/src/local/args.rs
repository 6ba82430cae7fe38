//! The arguments of `sluicegate local`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::account::Pipeline;
use crate::options::{Color, Faults, Format};

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
    List(EmulationEndpoint),
    /// Put a plan's rules in force
    Add {
        /// A fault plan (YAML); - reads it from standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        at: EmulationEndpoint,
    },
    /// Take a rule out of force, or all of them
    Clear {
        /// A rule's number, as `list` shows it [default: all]
        #[arg(value_name = "NUMBER")]
        number: Option<u64>,
        #[command(flatten)]
        at: EmulationEndpoint,
    },
}

/// Which emulation is meant.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EmulationEndpoint {
    /// Where it listens [default: AWS_ENDPOINT_URL, else http://127.0.0.1:4566]
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
    /// The events: .ndjson or .csv, gzipped or not [default: the flights in events/]
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// The dataset that they belong to: a folder of infra/contracts
    #[arg(long, value_name = "NAME", default_value = "flights")]
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
