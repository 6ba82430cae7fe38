//! What all commands read of the project: its contracts, and the names of the functions' variables.

use std::path::Path;

use contracts::{CONTRACT_FILE, Catalog, ContractError};
use runtime::LoadError;

use crate::failure::Failure;
use crate::folder::{CONTRACTS, folders};

/// The variable with the tables of sinks.
pub(crate) const TABLES: &str = "TABLES";
pub(crate) const SINK_QUEUES: &str = "SINK_QUEUES";

/// Reads all contracts of a repository.
pub(crate) fn contracts_of(root: &Path) -> Result<Catalog, Failure> {
    let folder = root.join(CONTRACTS);
    runtime::load_contracts(&folder).map_err(|error| {
        let wrong = folders(root).ok().and_then(|folders| {
            folders.into_iter().find_map(|folder| Some((folder.contract().err()?, folder)))
        });
        let next = match error {
            LoadError::Empty { .. } => "add a dataset, as docs/adding-a-dataset.md shows",
            _ => "mend the contract: each function reads all of them, and starts with none that is wrong",
        };
        let failure = Failure::new("the contracts cannot be used").next(next);
        match wrong {
            // Functions leave the line out.
            Some((error, folder)) => failure.because(Located { folder: folder.texts.dataset, error }),
            None => failure.because(error),
        }
    })
}

/// A contract that cannot be used, with the line of its mistake.
#[derive(Debug, thiserror::Error)]
#[error("{folder}/{CONTRACT_FILE}: {error}")]
struct Located {
    folder: String,
    error: Box<ContractError>,
}
