//! Why contracts cannot be used.

use std::sync::Arc;

use crate::{ContractError, DependenciesError};

/// Why the contracts of a deployment cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CatalogError {
    /// One contract is not valid by itself.
    #[error("{folder}/contract.yaml: {source}")]
    Contract {
        /// The name of the dataset's folder.
        folder: String,
        /// What is wrong with the contract or its schemas.
        #[source]
        source: Arc<ContractError>,
    },
    /// The files of a dataset cannot be read.
    #[error("{folder}: {problem}")]
    Unreadable {
        /// The name of the dataset's folder.
        folder: String,
        /// The cause, for people.
        problem: String,
    },
    /// A contract is in a folder that does not have the name of its dataset.
    #[error("{folder}/contract.yaml: its dataset is `{dataset}`; folder and dataset have one name")]
    Name {
        /// The name of the folder.
        folder: String,
        /// The dataset that the contract names.
        dataset: String,
    },
    /// A sink deletes rows that no other sink upserts.
    #[error(
        "{folder}/contract.yaml: its sink `{sink}` deletes rows of `{rows_of}`, which upserts none by a sink of that name"
    )]
    Rows {
        /// The name of the dataset's folder.
        folder: String,
        /// The sink that deletes.
        sink: String,
        /// The dataset that the sink names in `rows_of`.
        rows_of: String,
    },
    /// The file `dependencies.yaml` is not valid.
    #[error(transparent)]
    Dependencies(#[from] DependenciesError),
    /// An enricher or a sink names a dependency that is not declared, and that does not have its own name.
    #[error(
        "{folder}/contract.yaml: `{user}` names the dependency `{dependency}`, which dependencies.yaml does not declare; it declares {declared}"
    )]
    Undeclared {
        /// The name of the dataset's folder.
        folder: String,
        /// The name of the enricher or sink.
        user: String,
        /// The dependency that it names.
        dependency: String,
        /// The first 20 dependencies that are declared, separated by commas, or `none`.
        declared: String,
    },
}
