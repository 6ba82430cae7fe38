//! The folder that everything is relative to: the one of `template.yaml`.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

const TEMPLATE: &str = "template.yaml";

/// The folder that was given, or the nearest folder with a template, from the current one
/// upwards.
pub(crate) fn find(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let current = std::env::current_dir()
        .map_err(|source| Failure::new("there is no current folder").because(source))?;
    match given {
        Some(folder) => given_root(&current.join(folder)),
        None => nearest(&current),
    }
}

fn given_root(folder: &Path) -> Result<PathBuf, Failure> {
    if has_template(folder) {
        return Ok(folder.to_path_buf());
    }
    let what = format!("there is no {TEMPLATE} in {}", folder.display());
    Err(Failure::new(what).next("give the folder of the repository with --root"))
}

fn nearest(current: &Path) -> Result<PathBuf, Failure> {
    let found = current.ancestors().find(|folder| has_template(folder));
    found.map(Path::to_path_buf).ok_or_else(|| {
        let what = format!("there is no {TEMPLATE} in {} or above it", current.display());
        Failure::new(what).next("run it inside the repository, or say where that is with --root")
    })
}

fn has_template(folder: &Path) -> bool {
    folder.join(TEMPLATE).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_template_above_is_the_root() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.ancestors().nth(2).unwrap();
        assert_eq!(nearest(&here.join("src")).unwrap(), root);
        assert_eq!(given_root(root).unwrap(), root);
    }

    #[test]
    fn a_folder_without_a_template_is_named() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = given_root(here).unwrap_err().to_string();
        assert!(text.contains("infra/cli") && text.contains("--root"), "{text}");
        let text = nearest(Path::new("/")).unwrap_err().to_string();
        assert!(text.contains("in / or above it"), "{text}");
    }
}
