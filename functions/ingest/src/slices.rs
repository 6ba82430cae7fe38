//! What a message carries of its files if one invocation cannot read them.
//!
//! A long file is read in slices. At the end of a slice everything of it is sent, and then the message that announced the
//! file is sent to the inbox again, with its progress. The received message is deleted after that. If it comes a second
//! time all the same, a mark in the archive bucket says that its slice is done. Without marks, each such message would
//! begin a second chain of slices, which goes through the rest of the file.

use event::{Attribute, Attributes, Code, Failure, PROGRESS_ATTRIBUTE, Timestamp, hex_sha256};
use serde::{Deserialize, Serialize};

use crate::adapters::Announced;
use crate::archive::{self, Store};
use crate::file::Next;
use crate::file_source::FileSource;

/// The version that is written. A reader of a version also reads the one before.
const FORMAT: u32 = 1;

/// How far the files of an announcement are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    progress_format: u32,
    /// The id of the message that first announced the files.
    message_id: String,
    /// When that message was first received.
    pub(crate) taken_in: Timestamp,
    /// How many slices were read.
    slice: u32,
    /// The place of the next file among the announced objects, from 0.
    pub(crate) object: usize,
    /// The next file's bytes; absent if they are not in the archive yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) copy: Option<ArchivedCopy>,
}

/// A file whose bytes are in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ArchivedCopy {
    /// The entity tag that the file had when it was copied.
    pub(crate) etag: String,
    /// How many bytes it has; 0 if S3 did not say.
    pub(crate) size: u64,
    /// Where the next slice begins; absent for the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<Next>,
}

impl Progress {
    /// The progress of a message that announces files for the first time.
    pub(crate) fn new(message_id: &str, taken_in: Timestamp) -> Self {
        Self {
            progress_format: FORMAT,
            message_id: message_id.to_owned(),
            taken_in,
            slice: 0,
            object: 0,
            copy: None,
        }
    }

    /// The progress in a message's attributes; `None` if there is none, or it cannot be read. Its files are then read
    /// from the beginning.
    pub(crate) fn read(attributes: &Attributes) -> Option<Self> {
        let progress: Self =
            serde_json::from_str(&attributes.get(PROGRESS_ATTRIBUTE)?.value).ok()?;
        (progress.progress_format <= FORMAT).then_some(progress)
    }

    /// Whether slices were read already.
    pub(crate) fn is_begun(&self) -> bool {
        self.slice > 0
    }

    /// The progress after a slice, up to the object that is next.
    pub(crate) fn after_slice(&self, object: usize, copy: Option<ArchivedCopy>) -> Self {
        Self { slice: self.slice.saturating_add(1), object, copy, ..self.clone() }
    }

    /// Adds the progress to a message's attributes.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which is a fault of this code.
    pub(crate) fn write(&self, attributes: &mut Attributes) -> Result<(), Failure> {
        let json = serde_json::to_string(self).map_err(|error| unwritable(&error))?;
        let json = event::escape_noncharacters(json);
        attributes.insert(PROGRESS_ATTRIBUTE.to_owned(), Attribute::string(json));
        Ok(())
    }
}

/// The marks of slices that are done, in the archive bucket.
pub(crate) struct Marks<'a, O> {
    pub(crate) objects: &'a O,
    pub(crate) bucket: &'a str,
}

impl<O: Store + FileSource> Marks<'_, O> {
    /// Whether the slice that this progress precedes was read, and the next one handed on, by `run` of redrive.
    ///
    /// # Errors
    /// When S3 does not say.
    pub(crate) async fn has(
        &self,
        progress: &Progress,
        run: Option<&str>,
    ) -> Result<bool, Failure> {
        let (bucket, key) = (self.bucket.to_owned(), key_of(progress, run));
        match self.objects.open(&Announced { bucket, key, ..Announced::default() }, 0).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.code == Code::InputNotFound => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Marks the slice that this progress precedes.
    ///
    /// # Errors
    /// When S3 does not confirm it.
    pub(crate) async fn add(&self, progress: &Progress, run: Option<&str>) -> Result<(), Failure> {
        let body = archive::encode(&[progress]).map_err(|error| unwritable(&error))?;
        self.objects.put(self.bucket, &key_of(progress, run), body).await
    }
}

/// `slices/<SHA-256 of the first message's id, and of the run>/<number of the slice>`. A file that is redriven is read
/// again, and so has marks of its own.
fn key_of(progress: &Progress, run: Option<&str>) -> String {
    let chain = format!("{}\n{}", progress.message_id, run.unwrap_or_default());
    format!("slices/{}/{}", hex_sha256(chain.as_bytes()), progress.slice)
}

fn unwritable(error: &dyn std::error::Error) -> Failure {
    Failure::transient(Code::DependencyRefused, format!("writing the progress of a file: {error}"))
}

#[cfg(test)]
mod tests;
