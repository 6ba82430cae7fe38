//! Snapshots of everything that S3 holds: buckets, objects, and uploads in progress.
//!
//! A stored snapshot has one line of JSON for each entry. The bytes of an object or an uploaded
//! part follow its line unencoded. Restoring a snapshot notifies nobody.

mod form;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use self::form::{ObjectForm, PartForm, UploadForm};
use super::S3;
use super::store::Bucket;

/// All buckets at one moment. Bodies are shared with the live objects.
#[derive(Default)]
pub struct Snapshot {
    changes: u64,
    writes: u64,
    buckets: Vec<(String, Bucket)>,
    /// While a snapshot is read, the key and id of the upload that the next parts belong to.
    open: Option<(String, String)>,
}

/// A `Bucket` is followed by what belongs to it, and an `Upload` by its parts.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Service { writes: u64 },
    Bucket { name: String, created_ms: u64, location: Option<String> },
    Object(Box<ObjectForm>),
    Upload(Box<UploadForm>),
    Part(PartForm),
}

/// The text is not what [`Snapshot::write`] writes.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The source could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// An entry is invalid.
    #[error("part {number}: {reason}")]
    Part {
        /// The number of the entry's line; the first is 1. Bytes between the lines do not count.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl Snapshot {
    /// What [`S3::mark`] returned when the snapshot was taken.
    pub fn mark(&self) -> u64 {
        self.changes
    }

    /// Writes all entries: a line of JSON for each, and after the line of an object or part its
    /// bytes.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        put(to, &Line::Service { writes: self.writes }, &[])?;
        for (name, bucket) in &self.buckets {
            let (name, location) = (name.clone(), bucket.location.clone());
            put(to, &Line::Bucket { name, created_ms: bucket.created_ms, location }, &[])?;
            for (key, object) in &bucket.objects {
                put(to, &Line::Object(Box::new(ObjectForm::of(key, object))), &object.body)?;
            }
            for ((key, id), upload) in &bucket.uploads {
                put(to, &Line::Upload(Box::new(UploadForm::of(key, id, upload))), &[])?;
                for (number, part) in &upload.parts {
                    put(to, &Line::Part(PartForm::of(*number, part)), &part.body)?;
                }
            }
        }
        Ok(())
    }

    /// Reads what [`Snapshot::write`] wrote.
    ///
    /// # Errors
    /// [`Unreadable`], with the number of the entry.
    pub fn read(mut from: impl BufRead) -> Result<Self, Unreadable> {
        let mut snapshot = Self::default();
        let mut text = Vec::new();
        for number in 1.. {
            text.clear();
            if from.read_until(b'\n', &mut text)? == 0 {
                break;
            }
            let line = serde_json::from_slice(&text).map_err(|error| error.to_string());
            line.and_then(|line| snapshot.add(line, &mut from))
                .map_err(|reason| Unreadable::Part { number, reason })?;
        }
        Ok(snapshot)
    }

    fn add(&mut self, line: Line, from: &mut impl BufRead) -> Result<(), String> {
        let bucket = self.buckets.last_mut().map(|(_, bucket)| bucket);
        let bucket = bucket.ok_or("it belongs to a bucket, and follows none");
        match line {
            Line::Service { writes } => self.writes = writes,
            Line::Bucket { name, created_ms, location } => {
                let (objects, uploads) = (BTreeMap::new(), BTreeMap::new());
                self.buckets.push((name, Bucket { created_ms, location, objects, uploads }));
            }
            Line::Object(form) => {
                let body = body(from, form.length)?;
                let (key, object) = form.object(body);
                bucket?.objects.insert(key, Arc::new(object));
            }
            Line::Upload(form) => {
                let (at, upload) = form.upload()?;
                self.open = Some(at.clone());
                bucket?.uploads.insert(at, upload);
            }
            Line::Part(form) => {
                let body = body(from, form.length)?;
                let (number, part) = form.part(body);
                let upload = self.open.as_ref().and_then(|at| bucket.ok()?.uploads.get_mut(at));
                let upload = upload.ok_or("it belongs to an upload, and follows none")?;
                upload.parts.insert(number, part);
            }
        }
        Ok(())
    }
}

impl S3 {
    /// A counter that every change of buckets, objects and uploads increases.
    pub fn mark(&self) -> u64 {
        self.store.changes()
    }

    /// Takes a snapshot. Until `meanwhile` has ended, nothing changes, and the observers know of
    /// every write that the snapshot holds.
    pub fn capture<T>(&self, meanwhile: impl FnOnce() -> T) -> (Snapshot, T) {
        self.store.capture(|changes, writes, buckets| {
            let buckets = buckets.iter().map(|(name, each)| (name.clone(), each.clone()));
            (Snapshot { changes, writes, buckets: buckets.collect(), open: None }, meanwhile())
        })
    }

    /// Puts the snapshot's buckets in place of existing ones of the same names. Observers are not
    /// notified.
    pub fn restore(&self, kept: Snapshot) {
        self.store.restore(kept.writes, kept.buckets);
    }
}

fn put(to: &mut impl Write, line: &Line, body: &[u8]) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")?;
    to.write_all(body)
}

/// The bytes after a line. Memory is only allocated for bytes that exist, whatever `length` says.
fn body(from: &mut impl BufRead, length: u64) -> Result<Bytes, String> {
    let mut body = Vec::new();
    let read = from.take(length).read_to_end(&mut body).map_err(|error| error.to_string())?;
    if u64::try_from(read) == Ok(length) {
        return Ok(body.into());
    }
    Err(format!("it ends after {read} of {length} bytes"))
}
