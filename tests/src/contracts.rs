//! The tests' contracts, and those with something different in them, in a folder of their own: what is below
//! `tests/contracts` stays as it is. They are the sample's, and need not be below `infra/contracts` any more.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::root;

/// A part of a file, and what takes its place wherever it is.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    pub old: &'static str,
    pub new: &'static str,
}

/// A folder of the tests' contracts, with these edits of its files.
///
/// # Panics
/// When a file does not have what is to be replaced.
#[must_use]
pub fn contracts_with(edits: &[(&'static str, Edit)]) -> PathBuf {
    let folder = new_folder();
    make_contracts(&folder, &[], edits);
    folder
}

/// Writes the tests' contracts and those of more datasets into a folder, with the variables that each dataset
/// brings along, and then edits them.
pub(crate) fn make_contracts(folder: &Path, datasets: &[&str], edits: &[(&'static str, Edit)]) {
    let own = root().join("tests/contracts");
    std::fs::create_dir_all(folder.join("variables")).unwrap();
    for each in std::fs::read_dir(&own).unwrap() {
        let each = each.unwrap();
        if each.file_name() != "variables" {
            symlink(each.path(), folder.join(each.file_name())).unwrap();
        }
    }
    let mut variables = std::fs::read_to_string(own.join("variables/local.yaml")).unwrap();
    for name in datasets {
        let dataset = root().join("tests/datasets").join(name);
        if let Ok(more) = std::fs::read_to_string(dataset.join("variables.yaml")) {
            variables.push_str(&more);
        }
        symlink(dataset, folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("variables/local.yaml"), variables).unwrap();
    for (file, edit) in edits {
        edit_contract(folder, file, edit);
    }
}

/// Changes a file that is linked, or whose folder is, and leaves the repository as it is.
fn edit_contract(contracts: &Path, file: &str, edit: &Edit) {
    let path = contracts.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(edit.old), "{file} looks different now: no {}", edit.old);
    if let Some((folder, _)) = file.split_once('/') {
        let linked = contracts.join(folder);
        if let Ok(original) = std::fs::read_link(&linked) {
            std::fs::remove_file(&linked).unwrap();
            std::fs::create_dir(&linked).unwrap();
            for each in std::fs::read_dir(&original).unwrap() {
                let each = each.unwrap();
                std::fs::copy(each.path(), linked.join(each.file_name())).unwrap();
            }
        }
    } else if path.is_symlink() {
        std::fs::remove_file(&path).unwrap();
    }
    std::fs::write(&path, text.replace(edit.old, edit.new)).unwrap();
}

/// An empty folder that no other world has.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn new_folder() -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let (number, process) = (NUMBER.fetch_add(1, Ordering::Relaxed), std::process::id());
    let folder = std::env::temp_dir().join(format!("sluicegate-world-{process}-{number}"));
    // A process of this number may have left one.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
