//! What can be asked of datasets, as far as the template is concerned.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Dataset {
    /// Hold all contracts to template.yaml: 0 if each has there what it needs, 1 if not
    Check,
    /// Write into template.yaml what a dataset's table sinks need: tables, their names for the functions, and rights
    AddTables(AddTables),
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AddTables {
    /// A folder of infra/contracts
    #[arg(value_name = "DATASET")]
    pub(crate) dataset: String,
    /// Only say what would be written
    #[arg(long)]
    pub(crate) dry_run: bool,
}
