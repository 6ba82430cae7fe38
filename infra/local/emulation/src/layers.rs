//! Fills in the places in the variables of layers.
//!
//! The address of a local service is known only when the service listens. Therefore a file below a
//! layer's `variables/` may contain the place `{LOCAL_RATES}` for the address of the service
//! `rates`. Functions get a copy of the layer: its variables are written anew with all places
//! filled in, and everything else in it is a link. On AWS nothing fills places in, and functions
//! refuse them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::StartError;
use template::Stack;

/// The beginning of the name of every place.
const PREFIX: &str = "LOCAL_";
/// The folder of a layer whose files may contain places.
const VARIABLES: &str = "variables";

/// The name of the place for a service's address: `LOCAL_EXCHANGE_RATES` for the service
/// `exchange-rates`.
#[must_use]
pub fn place_of(service: &str) -> String {
    format!("{PREFIX}{}", service.to_ascii_uppercase().replace('-', "_"))
}

/// The layers that functions use, some of which are filled copies. The copies are removed when this is dropped.
pub(super) struct FilledLayers {
    folder: Option<PathBuf>,
    /// The folder that functions use, by the folder that the template names.
    used: BTreeMap<PathBuf, PathBuf>,
    places: BTreeMap<String, String>,
}

impl FilledLayers {
    /// Copies and fills the layers that have places, and changes the functions of `stack` to use
    /// the copies.
    ///
    /// # Errors
    /// [`StartError::Layer`], and [`StartError::Place`] for a place without a value.
    pub(super) fn make(
        stack: &mut Stack,
        places: BTreeMap<String, String>,
    ) -> Result<Self, StartError> {
        let mut filled = Self { folder: None, used: BTreeMap::new(), places };
        for layer in layers(stack) {
            let mut used = layer.clone();
            if files(&layer)?.iter().any(|file| !file.places.is_empty()) {
                let number = filled.used.len().to_string();
                used = filled.folder().join(number);
                filled.copy(&layer, &used)?;
            }
            filled.used.insert(layer, used);
        }
        for layer in stack.functions.iter_mut().flat_map(|function| &mut function.layers) {
            if let Some(used) = filled.used.get(layer) {
                layer.clone_from(used);
            }
        }
        Ok(filled)
    }

    /// The folders of layers that the template names.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Path> {
        self.used.keys().map(PathBuf::as_path)
    }

    /// Brings the copy of a layer up to date, and returns the folder that functions use. Variables that have their first
    /// place only now are not filled in: without a copy, functions read them where they are, and refuse them.
    ///
    /// # Errors
    /// As [`FilledLayers::make`].
    pub(super) fn fill_again(&self, layer: &Path) -> Result<PathBuf, StartError> {
        let used = self.used.get(layer).map_or(layer, PathBuf::as_path);
        if used != layer {
            self.copy(layer, used)?;
        }
        Ok(used.to_owned())
    }

    pub(super) fn place(&self, name: &str) -> Option<&str> {
        self.places.get(name).map(String::as_str)
    }

    fn folder(&mut self) -> &Path {
        self.folder.get_or_insert_with(|| {
            std::env::temp_dir().join(format!("sluicegate-layers-{}", Uuid::new_v4()))
        })
    }

    fn copy(&self, layer: &Path, copy: &Path) -> Result<(), StartError> {
        let error = layer_error(layer);
        let variables = copy.join(VARIABLES);
        fs::create_dir_all(&variables).map_err(&error)?;
        for entry in fs::read_dir(layer).map_err(&error)? {
            let entry = entry.map_err(&error)?;
            let link = copy.join(entry.file_name());
            // The link is there if the copy is brought up to date. One to a file that was deleted does no harm.
            if entry.file_name() != VARIABLES && link.symlink_metadata().is_err() {
                symlink(entry.path(), link).map_err(&error)?;
            }
        }
        for file in files(layer)? {
            let text = self.fill(&file)?;
            let path = variables.join(file.path.file_name().unwrap_or_default());
            // A function that starts now must not find half of the file.
            let unfinished = path.with_extension("unfinished");
            fs::write(&unfinished, text)
                .and_then(|()| fs::rename(&unfinished, &path))
                .map_err(layer_error(&file.path))?;
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
            // If it fails, a few small files stay in the folder for temporary files.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// The names of the places in the variables of a stack's layers.
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

/// The files with variables of a layer. Empty if the layer has no such folder.
fn files(layer: &Path) -> Result<Vec<VariablesFile>, StartError> {
    let folder = layer.join(VARIABLES);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let error = layer_error(&folder);
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(&error)? {
        let path = entry.map_err(&error)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = fs::read_to_string(&path).map_err(layer_error(&path))?;
            files.push(VariablesFile { places: places(&text), text, path });
        }
    }
    Ok(files)
}

/// The names of the places (`{LOCAL_NAME}`) in a text, except those in comments.
fn places(text: &str) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for after in line.split('{').skip(1) {
            let name = after.split('}').next().unwrap_or_default();
            let is_closed = name.len() < after.len();
            let is_name = name.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
            if is_closed && is_name && name.starts_with(PREFIX) {
                places.insert(name.to_owned());
            }
        }
    }
    places
}

fn layer_error(path: &Path) -> impl Fn(io::Error) -> StartError {
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
