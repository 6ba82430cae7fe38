//! The arguments of `sluicegate infra`.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Infra {
    /// Write the alarms and dashboards below infra/monitoring, from the contracts, their objectives and
    /// template.yaml
    Generate(Generate),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Generate {
    /// Write nothing, and end with status 1 if a file is not what would be written
    #[arg(long)]
    pub(crate) check: bool,
}
