//! Watches the folders of layers, so that functions take in changed files at once.
//!
//! Lambda does this when a new version of a layer is deployed; here, saving a file is the deployment. Functions are not
//! told anything: their environments are replaced, and the new ones read the files when they start.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lambda::{FileStamp, Lambda, Settled};

use super::layers::FilledLayers;

/// The time between two looks. It is real time, because files change in real time.
const INTERVAL: Duration = Duration::from_millis(500);
/// The most folders below each other that are looked into. A link may lead back to its own folder.
const MAX_DEPTH: usize = 8;

/// Watches layers until it is dropped.
pub(super) struct LayerWatch {
    layers: Vec<WatchedLayer>,
    filled: Arc<FilledLayers>,
    lambda: Lambda,
}

struct WatchedLayer {
    folder: PathBuf,
    files: Settled<FolderStamp>,
}

/// Distinguishes two states of the files in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct FolderStamp(BTreeMap<PathBuf, FileStamp>);

impl LayerWatch {
    /// Starts with the present files of the layers that functions use, as the template names them.
    pub(super) fn new(filled: Arc<FilledLayers>, lambda: Lambda) -> Self {
        let layers = filled.sources().map(WatchedLayer::new).collect();
        Self { layers, filled, lambda }
    }

    pub(super) async fn run(mut self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            for layer in &mut self.layers {
                if layer.files.check(FolderStamp::of(&layer.folder)) {
                    reload(&layer.folder, &self.filled, &self.lambda);
                }
            }
        }
    }
}

/// Replaces the environments of the functions that use a layer, after its places were filled in anew.
fn reload(layer: &Path, filled: &FilledLayers, lambda: &Lambda) {
    match filled.fill_again(layer) {
        Ok(used) => lambda.reload_layer(&used, &layer.display().to_string()),
        Err(error) => tracing::error!(%error, "functions keep the files that the layer had before"),
    }
}

impl WatchedLayer {
    fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: Settled::new(FolderStamp::of(folder)) }
    }
}

impl FolderStamp {
    /// A file that cannot be read has no stamp.
    fn of(folder: &Path) -> Self {
        let mut stamp = Self::default();
        stamp.add(folder, MAX_DEPTH);
        stamp
    }

    fn add(&mut self, folder: &Path, depth: usize) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            // This follows links.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if metadata.is_dir() {
                if depth > 1 {
                    self.add(&path, depth - 1);
                }
                continue;
            }
            self.0.insert(path, FileStamp::of(&metadata));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_looked_into_through_links_and_not_for_ever() {
        let folder = std::env::temp_dir().join(format!("layer-watch-{}", uuid::Uuid::new_v4()));
        let (layer, elsewhere) = (folder.join("layer"), folder.join("elsewhere"));
        fs::create_dir_all(layer.join("orders")).unwrap();
        fs::create_dir_all(&elsewhere).unwrap();
        fs::write(layer.join("orders/contract.yaml"), "a").unwrap();
        fs::write(elsewhere.join("contract.yaml"), "b").unwrap();
        std::os::unix::fs::symlink(&elsewhere, layer.join("trains")).unwrap();
        std::os::unix::fs::symlink(&layer, layer.join("itself")).unwrap();
        let before = FolderStamp::of(&layer);
        assert!(before.0.contains_key(&layer.join("trains/contract.yaml")));
        fs::write(elsewhere.join("contract.yaml"), "longer").unwrap();
        assert_ne!(FolderStamp::of(&layer), before);
        fs::remove_dir_all(&folder).unwrap();
    }
}
