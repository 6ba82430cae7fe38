//! The contracts that were shipped with the function, a folder for each dataset, and the variables of its
//! environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use contracts::{Catalog, CatalogError, Variables, VariablesError};

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read {}: {source}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(
        "cannot read {}: {source}; expected a file of variables, which the template's parameter Environment chooses from variables/ beside the contracts",
        path.display()
    )]
    NoVariables {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Variables(#[from] VariablesError),
    #[error("no contract in {}; expected <dataset>/contract.yaml below it", path.display())]
    Empty { path: PathBuf },
}

/// Reads `<dir>/<dataset>/contract.yaml` and the JSON files beside each, and `<dir>/dependencies.yaml`, if it
/// is there.
///
/// # Errors
/// When a folder cannot be read, a contract is not valid or at odds with another, or there is none.
pub fn load_contracts(dir: &Path) -> Result<Catalog, LoadError> {
    let mut catalog = Catalog::default();
    for folder in entries(dir)? {
        let path = folder.join("contract.yaml");
        if !path.is_file() {
            continue;
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut files = BTreeMap::new();
        for file in entries(&folder)? {
            if file.extension().is_some_and(|extension| extension == "json") {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.insert(name, read(&file)?);
            }
        }
        catalog.add(&name, &read(&path)?, &files)?;
    }
    if catalog.is_empty() {
        return Err(LoadError::Empty { path: dir.to_owned() });
    }
    let dependencies = dir.join("dependencies.yaml");
    if dependencies.is_file() {
        catalog.declare_dependencies(&read(&dependencies)?)?;
    }
    catalog.check()?;
    Ok(catalog)
}

/// Reads the file that holds the values of the contracts' variables in one environment.
///
/// # Errors
/// When it cannot be read, or is not one.
pub fn load_variables(path: &Path) -> Result<Variables, LoadError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| LoadError::NoVariables { path: path.to_owned(), source })?;
    Ok(Variables::parse(&path.display().to_string(), &text)?)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let io = |source| LoadError::Io { path: dir.to_owned(), source };
    let mut paths = std::fs::read_dir(dir)
        .map_err(io)?
        .map(|entry| Ok(entry.map_err(io)?.path()))
        .collect::<Result<Vec<_>, LoadError>>()?;
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, LoadError> {
    std::fs::read_to_string(path).map_err(|source| LoadError::Io { path: path.to_owned(), source })
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
}
