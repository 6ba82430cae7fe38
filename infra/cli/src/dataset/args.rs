//! The arguments of `sluicegate dataset`.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Dataset {
    /// Compare all contracts with template.yaml; the exit status is 1 if one of them lacks something there
    Check,
    /// Add the tables of a dataset's sinks to template.yaml, with their names for the functions and their rights
    AddTables(AddTables),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AddTables {
    /// The dataset: a folder of infra/contracts
    #[arg(value_name = "DATASET")]
    pub(crate) dataset: String,
    /// Only show what would be written
    #[arg(long)]
    pub(crate) dry_run: bool,
}
