//! The folders of datasets, as they are on disk or in a git revision.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use contracts::{CONTRACT_FILE, Contract, ContractError};
use runtime::{ContractFolder, LoadError, contract_folders, read_contract_folder};

use crate::failure::Failure;

/// The folder of all contracts, from the repository's root.
pub(crate) const CONTRACTS: &str = "infra/contracts";

/// The folder with sample events, within a dataset's folder.
pub(crate) const SAMPLES: &str = "samples";

/// A dataset's folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// Its contract and the JSON files beside it.
    pub(crate) texts: ContractFolder,
    /// Files of sample events.
    pub(crate) samples: Vec<PathBuf>,
}

impl Folder {
    /// Its contract.
    ///
    /// # Errors
    /// What is wrong with it, with its line.
    pub(crate) fn contract(&self) -> Result<Contract, Box<ContractError>> {
        let ContractFolder { yaml, files, .. } = &self.texts;
        Contract::parse(yaml, files).map_err(|error| Box::new(error.located(yaml, files)))
    }

    /// Its contract, for a command that cannot do without.
    ///
    /// # Errors
    /// What is wrong with it, with its line.
    pub(crate) fn usable_contract(&self) -> Result<Contract, Failure> {
        self.contract().map_err(|error| {
            let what = format!("the contract of `{}` cannot be used", self.texts.dataset);
            Failure::new(what).because(*error)
        })
    }

    /// The path of one of its files, from the repository's root.
    pub(crate) fn path_of(&self, file: &str) -> String {
        format!("{CONTRACTS}/{}/{file}", self.texts.dataset)
    }
}

/// Reads the folders of all datasets.
pub(crate) fn folders(root: &Path) -> Result<Vec<Folder>, Failure> {
    let mut found = Vec::new();
    for path in contract_folders(&root.join(CONTRACTS)).map_err(cannot_load)? {
        let texts = read_contract_folder(&path).map_err(cannot_load)?;
        found.push(Folder { texts, samples: samples_in(&path.join(SAMPLES))? });
    }
    if found.is_empty() {
        return Err(Failure::new(format!("there is no contract in {CONTRACTS}"))
            .next("add a dataset, as docs/adding-a-dataset.md shows"));
    }
    Ok(found)
}

/// Reads the folder of one dataset.
pub(crate) fn folder_of(root: &Path, dataset: &str) -> Result<Folder, Failure> {
    let all = folders(root)?;
    let names: Vec<String> = all.iter().map(|folder| folder.texts.dataset.clone()).collect();
    all.into_iter().find(|folder| folder.texts.dataset == dataset).ok_or_else(|| {
        Failure::new(format!("there is no dataset `{dataset}`; there are {}", names.join(", ")))
            .next(format!("add {CONTRACTS}/{dataset}/{CONTRACT_FILE}, or name another"))
    })
}

/// The files in a folder, in alphabetical order; none, if there is no such folder.
fn samples_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut samples = Vec::new();
    if folder.is_dir() {
        for entry in fs::read_dir(folder).map_err(|error| cannot_read(folder, error))? {
            samples.push(entry.map_err(|error| cannot_read(folder, error))?.path());
        }
    }
    samples.sort();
    Ok(samples)
}

fn cannot_load(error: LoadError) -> Failure {
    Failure::new("the contracts cannot be read").because(error)
}

/// Reads the folders of all datasets in a git revision, without their samples.
pub(crate) fn folders_at(root: &Path, revision: &str) -> Result<Vec<ContractFolder>, Failure> {
    // `--end-of-options` keeps git from reading a revision such as `--output=x` as an option.
    let listed = git(
        root,
        &["ls-tree", "-r", "--name-only", "--end-of-options", revision, "--", CONTRACTS],
    )?;
    let mut folders: BTreeMap<String, ContractFolder> = BTreeMap::new();
    for path in listed.lines() {
        let within = path.strip_prefix(CONTRACTS).and_then(|rest| rest.strip_prefix('/'));
        let Some((dataset, file)) = within.and_then(|rest| rest.split_once('/')) else { continue };
        if file.contains('/') || !(file == CONTRACT_FILE || file.ends_with(".json")) {
            continue;
        }
        let text = git(root, &["show", "--end-of-options", &format!("{revision}:{path}")])?;
        let folder = folders.entry(dataset.to_owned()).or_insert_with(|| ContractFolder {
            dataset: dataset.to_owned(),
            yaml: String::new(),
            files: BTreeMap::new(),
        });
        if file == CONTRACT_FILE {
            folder.yaml = text;
        } else {
            folder.files.insert(file.to_owned(), text);
        }
    }
    Ok(folders.into_values().filter(|folder| !folder.yaml.is_empty()).collect())
}

fn git(root: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output();
    let output = output.map_err(|error| Failure::new("git does not start").because(error))?;
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Failure::new(format!("git {}: {problem}", arguments.join(" ")))
            .next("fetch the revision first; a shallow clone may not have it"));
    }
    String::from_utf8(output.stdout)
        .map_err(|error| Failure::new("git printed what is not UTF-8").because(error))
}

fn cannot_read(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be read", path.display())).because(error)
}
