//! Layers whose variables have places that only the emulation can fill in.
//!
//! What a local service's address is shows only when it listens. So a file below a layer's `variables/`
//! may say `{LOCAL_RATES}` for the address of the service `rates`, and functions see a copy of the layer in
//! which that is filled in: links to what the layer has, and files of its own in the place of those with places.
//! On AWS nothing fills them in, and the functions refuse to start with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::StartError;
use template::Stack;

/// What the name of each place begins with.
const PREFIX: &str = "LOCAL_";
/// The folder of a layer in which files may have places.
const VARIABLES: &str = "variables";

/// The place of a service's address: `LOCAL_EXCHANGE_RATES` is that of the service `exchange-rates`.
#[must_use]
pub fn place_of(service: &str) -> String {
    format!("{PREFIX}{}", service.to_ascii_uppercase().replace('-', "_"))
}

/// The copies, removed when dropped.
pub(super) struct FilledLayers {
    folder: Option<PathBuf>,
    places: BTreeMap<String, String>,
}

impl FilledLayers {
    /// Fills in the layers of the stack's functions, which have the copies then.
    ///
    /// # Errors
    /// [`StartError::Layer`], and [`StartError::Place`] for one that nothing is given for.
    pub(super) fn make(
        stack: &mut Stack,
        places: BTreeMap<String, String>,
    ) -> Result<Self, StartError> {
        let mut filled = Self { folder: None, places };
        let mut copies = BTreeMap::new();
        for layer in layers(stack) {
            if files(&layer)?.iter().any(|file| !file.places.is_empty()) {
                let copy = filled.folder().join(copies.len().to_string());
                filled.copy(&layer, &copy)?;
                copies.insert(layer, copy);
            }
        }
        for layer in stack.functions.iter_mut().flat_map(|function| &mut function.layers) {
            if let Some(copy) = copies.get(layer) {
                layer.clone_from(copy);
            }
        }
        Ok(filled)
    }

    pub(super) fn place(&self, name: &str) -> Option<&str> {
        self.places.get(name).map(String::as_str)
    }

    fn folder(&mut self) -> &Path {
        let new = || std::env::temp_dir().join(format!("sluicegate-layers-{}", Uuid::new_v4()));
        self.folder.get_or_insert_with(new)
    }

    fn copy(&self, layer: &Path, copy: &Path) -> Result<(), StartError> {
        let error = failed(layer);
        let variables = copy.join(VARIABLES);
        fs::create_dir_all(&variables).map_err(&error)?;
        for entry in fs::read_dir(layer).map_err(&error)? {
            let entry = entry.map_err(&error)?;
            if entry.file_name() != VARIABLES {
                symlink(entry.path(), copy.join(entry.file_name())).map_err(&error)?;
            }
        }
        for file in files(layer)? {
            let text = self.fill(&file)?;
            let name = file.path.file_name().unwrap_or_default();
            fs::write(variables.join(name), text).map_err(failed(&file.path))?;
        }
        Ok(())
    }

    fn fill(&self, file: &VariablesFile) -> Result<String, StartError> {
        let mut text = file.text.clone();
        for place in &file.places {
            let Some(value) = self.places.get(place) else {
                let (path, place) = (file.path.clone(), place.clone());
                let known = self.places.keys().cloned().collect();
                return Err(StartError::Place { path, place, known });
            };
            text = text.replace(&format!("{{{place}}}"), value);
        }
        Ok(text)
    }
}

impl Drop for FilledLayers {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // What is left is a few small files in a folder for such.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// The places in the variables of a stack's layers, by their names.
///
/// # Errors
/// [`StartError::Layer`].
pub(super) fn places_of(stack: &Stack) -> Result<BTreeSet<String>, StartError> {
    let mut places = BTreeSet::new();
    for layer in layers(stack) {
        for file in files(&layer)? {
            places.extend(file.places);
        }
    }
    Ok(places)
}

fn layers(stack: &Stack) -> BTreeSet<PathBuf> {
    stack.functions.iter().flat_map(|function| function.layers.iter().cloned()).collect()
}

struct VariablesFile {
    path: PathBuf,
    text: String,
    places: BTreeSet<String>,
}

/// The files of variables that a layer has; none where it has no such folder.
fn files(layer: &Path) -> Result<Vec<VariablesFile>, StartError> {
    let folder = layer.join(VARIABLES);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let error = failed(&folder);
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(&error)? {
        let path = entry.map_err(&error)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).map_err(failed(&path))?;
            files.push(VariablesFile { places: places(&text), text, path });
        }
    }
    Ok(files)
}

/// `{LOCAL_NAME}`, outside of comments.
fn places(text: &str) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for after in line.split('{').skip(1) {
            let name = after.split('}').next().unwrap_or_default();
            let fits = |b: u8| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_');
            if name.starts_with(PREFIX) && name.len() < after.len() && name.bytes().all(fits) {
                places.insert(name.to_owned());
            }
        }
    }
    places
}

fn failed(path: &Path) -> impl Fn(io::Error) -> StartError {
    let path = path.to_path_buf();
    move |source| StartError::Layer { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_where_they_are_values() {
        let text = "# {LOCAL_COMMENT}\nvariables:\n  A: \"{LOCAL_RATES}/v1\"\n  B: '{LOCAL_B}'\n  C: {LOCAL_\n  D: '{OTHER}'\n";
        let expected = ["LOCAL_B", "LOCAL_RATES"].map(str::to_owned);
        assert_eq!(places(text), BTreeSet::from(expected));
        assert_eq!(place_of("exchange-rates"), "LOCAL_EXCHANGE_RATES");
    }
}
