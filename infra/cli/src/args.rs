//! The command line: one subcommand for each subject.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::audit::args::Audit;
use crate::breaker::args::Breaker;
use crate::contract::args::Contracts;
use crate::demo::args::Demo;
use crate::dlq::args::Dlq;
use crate::lake::args::Lake;
use crate::local::args::Local;
use crate::monitoring::args::Infra;

/// Run and operate Sluicegate pipelines, on this machine without Docker, or on AWS
#[derive(Debug, Parser)]
#[command(name = "sluicegate", version)]
pub(crate) struct Args {
    /// The folder that has template.yaml [default: the nearest one above the current folder]
    #[arg(long, global = true, display_order = 900, value_name = "FOLDER")]
    pub(crate) root: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send events through the whole pipeline and prove that each was written once (the default)
    Demo(Demo),
    /// Run the local emulation, send events to it, and look at it
    #[command(subcommand)]
    Local(Local),
    /// Write contracts, check and export them, compare and promote their versions, and add what they
    /// need to template.yaml
    #[command(subcommand)]
    Contracts(Contracts),
    /// Maintain the lake, in the local emulation or on AWS
    #[command(subcommand)]
    Lake(Lake),
    /// Show circuit breakers and change their state
    #[command(subcommand)]
    Breaker(Breaker),
    /// Inspect dead letters, group them by cause, and redrive them
    #[command(subcommand)]
    Dlq(Box<Dlq>),
    /// Show what operators did, when, why, and with which outcome
    Audit(Audit),
    /// Write the alarms and dashboards of a pipeline
    #[command(subcommand)]
    Infra(Infra),
    /// Print a completion script for a shell
    Completions(Completions),
}

#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell that the script is for
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

impl Default for Command {
    fn default() -> Self {
        Self::Demo(Demo::default())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::options::Format;

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
