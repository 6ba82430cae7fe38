//! All contracts that a function was shipped with.

use std::collections::BTreeMap;

use event::{Code, Failure};

use crate::{Contract, ContractError};

/// Contracts by dataset.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    contracts: BTreeMap<String, Contract>,
}

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("{folder}/contract.yaml: {source}")]
    Contract {
        folder: String,
        #[source]
        source: ContractError,
    },
    #[error("{folder}/contract.yaml: its dataset is `{dataset}`; folder and dataset have one name")]
    Name { folder: String, dataset: String },
}

impl Catalog {
    /// Adds the contract of one folder: its `contract.yaml` and its other files, by name.
    ///
    /// # Errors
    /// When the contract is not valid, or not its folder's.
    pub fn add(
        &mut self,
        folder: &str,
        yaml: &str,
        files: &BTreeMap<String, String>,
    ) -> Result<(), CatalogError> {
        let contract = Contract::parse(yaml, files)
            .map_err(|source| CatalogError::Contract { folder: folder.to_owned(), source })?;
        if contract.dataset != folder {
            let dataset = contract.dataset;
            return Err(CatalogError::Name { folder: folder.to_owned(), dataset });
        }
        self.contracts.insert(folder.to_owned(), contract);
        Ok(())
    }

    /// # Errors
    /// [`Code::UnknownDataset`], permanent, naming the datasets that are known.
    pub fn get(&self, dataset: &str) -> Result<&Contract, Failure> {
        self.contracts.get(dataset).ok_or_else(|| {
            let asked: String = dataset.chars().take(64).collect();
            let known: Vec<&str> = self.contracts.keys().map(String::as_str).take(20).collect();
            let reason = format!("no contract for `{asked}`; known: {}", known.join(", "));
            Failure::permanent(Code::UnknownDataset, reason)
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Contract> {
        self.contracts.values()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contracts.is_empty()
    }
}
