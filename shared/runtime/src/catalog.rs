//! Loads the contracts that were shipped with the function, and the variables of its environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use contracts::{
    CONTRACT_FILE, Catalog, CatalogError, ContractFiles, ContractTexts, Variables, VariablesError,
};

/// Why contracts or variables cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or a folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A contract is not valid, or does not fit another one.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(
        "cannot read {}: {source}; expected a file of variables, which the template's parameter Environment chooses from variables/ beside the contracts",
        path.display()
    )]
    /// The file of variables cannot be read.
    NoVariables {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file of variables is not valid.
    #[error(transparent)]
    Variables(#[from] VariablesError),
    /// The folder has no contract.
    #[error("no contract in {}; expected <dataset>/contract.yaml below it", path.display())]
    Empty {
        /// The folder that holds no contract.
        path: PathBuf,
    },
}

/// The texts of one dataset's folder.
#[derive(Clone, Debug)]
pub struct ContractFolder {
    /// The name of the folder, which is that of the dataset.
    pub dataset: String,
    /// The text of its contract.
    pub yaml: String,
    /// The texts of the JSON files beside the contract, by name.
    pub files: BTreeMap<String, String>,
}

/// The paths of the folders in `dir` that have a contract, in alphabetical order.
///
/// # Errors
/// If `dir` cannot be read.
pub fn contract_folders(dir: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let mut folders = entries(dir)?;
    folders.retain(|folder| folder.join(CONTRACT_FILE).is_file());
    Ok(folders)
}

/// Reads one of these folders.
///
/// # Errors
/// If one of its files cannot be read.
pub fn read_contract_folder(folder: &Path) -> Result<ContractFolder, LoadError> {
    let mut files = BTreeMap::new();
    for file in entries(folder)? {
        if file.extension().is_some_and(|extension| extension == "json") {
            files.insert(name_of(&file), read(&file)?);
        }
    }
    let yaml = read(&folder.join(CONTRACT_FILE))?;
    Ok(ContractFolder { dataset: name_of(folder), yaml, files })
}

/// Reads `<dir>/<dataset>/contract.yaml`, the JSON files beside each, and `<dir>/dependencies.yaml` if it exists.
///
/// # Errors
/// If a folder cannot be read, a contract is not valid or does not fit another one, or there is no contract.
pub fn load_contracts(dir: &Path) -> Result<Catalog, LoadError> {
    let mut catalog = Catalog::default();
    for path in contract_folders(dir)? {
        let folder = read_contract_folder(&path)?;
        catalog.add(&folder.dataset, &folder.yaml, &folder.files)?;
    }
    complete(&mut catalog, dir)?;
    catalog.check()?;
    Ok(catalog)
}

/// The contracts that [`load_contracts`] reads, but each is read and checked when its dataset is first needed. A
/// function starts with them: its start does not depend on how many there are, and a contract that cannot be used stops
/// its own dataset only ([`event::Code::ContractBroken`]). Each folder counts as a dataset, except `variables`.
///
/// # Errors
/// If the folder or `dependencies.yaml` cannot be read, or there is no contract.
pub fn open_contracts(dir: &Path) -> Result<Catalog, LoadError> {
    let mut catalog = Catalog::default();
    let files: Arc<dyn ContractFiles> = Arc::new(ContractsDir(dir.to_owned()));
    for entry in std::fs::read_dir(dir).map_err(|source| io_error(dir, source))? {
        let entry = entry.map_err(|source| io_error(dir, source))?;
        // What each folder has is not looked at, because that would take longer the more there are.
        let is_file = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => entry.path().is_file(),
            kind => kind.is_ok_and(|kind| kind.is_file()),
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_file && name != VARIABLES_FOLDER {
            catalog.add_later(&name, Arc::clone(&files));
        }
    }
    complete(&mut catalog, dir)?;
    Ok(catalog)
}

/// The folder beside those of the datasets that has the values of variables.
const VARIABLES_FOLDER: &str = "variables";

/// Adds the declared dependencies to a catalog that has all contracts of `dir`.
fn complete(catalog: &mut Catalog, dir: &Path) -> Result<(), LoadError> {
    if catalog.is_empty() {
        return Err(LoadError::Empty { path: dir.to_owned() });
    }
    let dependencies = dir.join("dependencies.yaml");
    if dependencies.is_file() {
        catalog.declare_dependencies(&read(&dependencies)?)?;
    }
    Ok(())
}

/// The folder that has the datasets' folders.
#[derive(Debug)]
struct ContractsDir(PathBuf);

impl ContractFiles for ContractsDir {
    fn read(&self, folder: &str) -> Result<ContractTexts, String> {
        let read = read_contract_folder(&self.0.join(folder));
        let ContractFolder { yaml, files, .. } = read.map_err(|error| error.to_string())?;
        Ok(ContractTexts { yaml, files })
    }
}

/// Reads the file with the values of the contracts' variables in one environment.
///
/// # Errors
/// If it cannot be read or is not valid.
pub fn load_variables(path: &Path) -> Result<Variables, LoadError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| LoadError::NoVariables { path: path.to_owned(), source })?;
    Ok(Variables::parse(&path.display().to_string(), &text)?)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|source| io_error(dir, source))? {
        paths.push(entry.map_err(|source| io_error(dir, source))?.path());
    }
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path) -> Result<String, LoadError> {
    std::fs::read_to_string(path).map_err(|source| io_error(path, source))
}

fn io_error(path: &Path, source: std::io::Error) -> LoadError {
    LoadError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_variables_that_is_missing_is_named_with_what_is_expected() {
        let error = load_variables(Path::new("/nowhere/variables/moon.yaml")).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("cannot read /nowhere/variables/moon.yaml: "), "{error}");
        assert!(error.contains("the template's parameter Environment chooses"), "{error}");
    }

    /// Such as in a folder that is put together of links. A dataset that cannot be read may have personal data, so that
    /// letters would be masked.
    #[cfg(unix)]
    #[test]
    fn a_file_that_is_linked_is_no_dataset() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/contracts");
        let dir = std::env::temp_dir().join(format!("sluicegate-links-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        for name in ["flights", "weather", "dependencies.yaml"] {
            std::os::unix::fs::symlink(own.join(name), dir.join(name)).unwrap();
        }
        let found: Vec<bool> =
            open_contracts(&dir).unwrap().results().map(|it| it.is_ok()).collect();
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(found, [true, true]);
    }
}
