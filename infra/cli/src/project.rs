//! What every command reads of the project: its contracts, and the names of the functions' variables.

use std::path::Path;

use contracts::Catalog;
use runtime::LoadError;

use crate::failure::Failure;

/// The variables by which functions know where sinks are.
pub(crate) const TABLES: &str = "TABLES";
pub(crate) const SINK_QUEUES: &str = "SINK_QUEUES";

/// Reads all contracts of a repository.
pub(crate) fn contracts_of(root: &Path) -> Result<Catalog, Failure> {
    let folder = root.join("infra").join("contracts");
    runtime::load_contracts(&folder).map_err(|error| {
        let next = match error {
            LoadError::Empty { .. } => "add a dataset, as docs/adding-a-dataset.md shows",
            _ => "mend the contract: each function reads all of them, and starts with none that is wrong",
        };
        Failure::new("the contracts cannot be used").because(error).next(next)
    })
}
