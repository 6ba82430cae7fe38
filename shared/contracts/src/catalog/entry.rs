//! The contract of one dataset in a catalog, which is read at once or when it is first needed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::CatalogError;
use crate::Contract;

/// The port to the files of contracts.
pub trait ContractFiles: fmt::Debug + Send + Sync {
    /// The texts in the folder of a dataset.
    ///
    /// # Errors
    /// Why they cannot be read, for people.
    fn read(&self, folder: &str) -> Result<ContractTexts, String>;
}

/// The texts in the folder of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContractTexts {
    /// The text of its contract.
    pub yaml: String,
    /// The texts of the JSON files beside the contract, by name.
    pub files: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(super) enum Entry {
    /// It was given, and is checked together with all others.
    Given(Box<Contract>),
    Later(Box<Later>),
}

/// A contract that is read and checked when it is first needed.
#[derive(Debug)]
pub(super) struct Later {
    files: Arc<dyn ContractFiles>,
    contract: OnceLock<Result<Contract, CatalogError>>,
    /// Whether it fits the other contracts.
    fits: OnceLock<Result<(), CatalogError>>,
}

impl Entry {
    pub(super) fn later(files: Arc<dyn ContractFiles>) -> Self {
        let (contract, fits) = (OnceLock::new(), OnceLock::new());
        Self::Later(Box::new(Later { files, contract, fits }))
    }

    /// The contract by itself, which is read now if it was not needed before.
    pub(super) fn contract(&self, folder: &str) -> Result<&Contract, &CatalogError> {
        match self {
            Self::Given(contract) => Ok(contract),
            Self::Later(later) => later.contract(folder),
        }
    }

    /// The contract if it was needed before and is valid.
    pub(super) fn contract_so_far(&self) -> Option<&Contract> {
        match self {
            Self::Given(contract) => Some(contract),
            Self::Later(later) => later.contract.get()?.as_ref().ok(),
        }
    }

    /// The contract, which is checked once if it was read later.
    pub(super) fn checked(
        &self,
        folder: &str,
        check: impl FnOnce(&Contract) -> Result<(), CatalogError>,
    ) -> Result<&Contract, &CatalogError> {
        let contract = self.contract(folder)?;
        if let Self::Later(later) = self {
            later.fits.get_or_init(|| check(contract)).as_ref()?;
        }
        Ok(contract)
    }
}

impl Later {
    fn contract(&self, folder: &str) -> Result<&Contract, &CatalogError> {
        self.contract.get_or_init(|| self.read(folder)).as_ref()
    }

    fn read(&self, folder: &str) -> Result<Contract, CatalogError> {
        let texts = self
            .files
            .read(folder)
            .map_err(|problem| CatalogError::Unreadable { folder: folder.to_owned(), problem })?;
        parse(folder, &texts.yaml, &texts.files)
    }
}

/// Reads the contract of a folder, which must have the name of its dataset.
pub(super) fn parse(
    folder: &str,
    yaml: &str,
    files: &BTreeMap<String, String>,
) -> Result<Contract, CatalogError> {
    let contract = Contract::parse(yaml, files).map_err(|source| CatalogError::Contract {
        folder: folder.to_owned(),
        source: Arc::new(source),
    })?;
    if contract.dataset != folder {
        let dataset = contract.dataset;
        return Err(CatalogError::Name { folder: folder.to_owned(), dataset });
    }
    Ok(contract)
}
