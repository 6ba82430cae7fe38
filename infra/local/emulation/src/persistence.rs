//! Saves the emulation's state in a folder, and restores it at the next start.
//!
//! A saved state is of one moment in all services. For example, it has an object together with the
//! message that announces it. The checkpoint of a stream mapping is never ahead of the effects of
//! the records before it. It may be behind, and then records are delivered again.
//!
//! A process that is killed loses the changes since the state was last written, which is at most
//! half a minute ago. A message that was deleted since is delivered again, as a standard queue may
//! do.
//!
//! The state does not include current invocations, waiting asynchronous invocations, environments,
//! fault rules that were added, and counters. On a regular end, the messages of current invocations
//! are made visible before the state is written. After a kill, they are visible when their timeouts
//! end.

mod checkpoints;

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task;
use tokio::time::MissedTickBehavior;

pub(super) use self::checkpoints::Checkpoints;

use self::checkpoints::StreamCheckpoints;
use super::{RunningMapping, StartError};
use clock::Clock;
use dynamodb::{DynamoDb, DynamoDbError};
use s3::S3;
use secrets::SecretsManager;
use sqs::Sqs;
use state::{Declared, Folder, StateError, Times};
use template::Stack;

/// How often the state is written if it has changed, in real time.
const WRITE_INTERVAL: Duration = Duration::from_secs(30);

// The files of a generation.
const SQS: &str = "sqs";
const OBJECTS: &str = "s3";
const TABLES: &str = "dynamodb";
const CHECKPOINTS: &str = "lambda";
const SECRETS: &str = "secrets";

/// The state that an earlier run saved, before it is restored. It is empty without a folder.
#[derive(Default)]
pub(super) struct SavedState {
    folder: Option<Folder>,
    pub(super) sqs: sqs::snapshot::Snapshot,
    pub(super) s3: s3::snapshot::Snapshot,
    pub(super) checkpoints: Checkpoints,
    secrets: secrets::Snapshot,
    /// The resources that the templates of earlier runs declared.
    declared: Declared,
}

/// The services whose state is saved.
pub(super) struct Stores<'a> {
    pub(super) sqs: &'a Sqs,
    pub(super) s3: &'a S3,
    pub(super) dynamodb: &'a DynamoDb,
    pub(super) secrets: &'a SecretsManager,
}

/// Writes the state at regular intervals and at the end.
pub(super) struct StateWriter {
    clock: Clock,
    sqs: Sqs,
    s3: S3,
    dynamodb: DynamoDb,
    secrets: SecretsManager,
    /// The number of requests that may have changed tables.
    requests: Arc<AtomicU64>,
    mappings: StreamCheckpoints,
    declared: Declared,
    path: PathBuf,
    leftovers: Vec<String>,
    written: Mutex<Written>,
}

struct Written {
    /// `None` after the end.
    folder: Option<Folder>,
    /// The revisions of the services when the state was last written; `None` before that.
    revisions: Option<Revisions>,
}

#[derive(PartialEq)]
struct Revisions {
    sqs: sqs::snapshot::Revision,
    s3: u64,
    secrets: u64,
    requests: u64,
    checkpoints: Checkpoints,
}

impl SavedState {
    /// Opens a folder, reads the saved state, and sets the clock to continue from there.
    pub(super) async fn open(path: Option<PathBuf>, clock: &Clock) -> Result<Self, StateError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let opened = path.clone();
        let read = task::spawn_blocking(move || Self::read(&opened)).await;
        let saved = read.map_err(|panic| StateError::io("read", &path)(panic.into()))??;
        if let Some(times) = saved.folder.as_ref().and_then(Folder::times) {
            clock.resume_from(times.advanced_ms, times.now_ms);
        }
        Ok(saved)
    }

    fn read(path: &Path) -> Result<Self, StateError> {
        let folder = Folder::open(path)?;
        let mut saved = Self::default();
        if let Some(path) = folder.file(SQS) {
            let file = File::open(&path).map_err(|error| StateError::damaged(&path, error))?;
            saved.sqs = sqs::snapshot::Snapshot::read(BufReader::new(file))
                .map_err(|error| StateError::damaged(&path, error))?;
        }
        if let Some(path) = folder.file(OBJECTS) {
            let file = File::open(&path).map_err(|error| StateError::damaged(&path, error))?;
            saved.s3 = s3::snapshot::Snapshot::read(BufReader::new(file))
                .map_err(|error| StateError::damaged(&path, error))?;
        }
        if let Some(path) = folder.file(CHECKPOINTS) {
            let text = fs::read(&path).map_err(|error| StateError::damaged(&path, error))?;
            saved.checkpoints =
                serde_json::from_slice(&text).map_err(|error| StateError::damaged(&path, error))?;
        }
        if let Some(path) = folder.file(SECRETS) {
            let text = fs::read(&path).map_err(|error| StateError::damaged(&path, error))?;
            saved.secrets =
                serde_json::from_slice(&text).map_err(|error| StateError::damaged(&path, error))?;
        }
        if let Some(declared) = folder.declared() {
            saved.declared = declared.clone();
        }
        saved.folder = Some(folder);
        Ok(saved)
    }

    /// The path of the folder.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(Folder::path)
    }

    /// Restores all tables, if any were saved.
    pub(super) fn restore_tables(&self, dynamodb: &DynamoDb) -> Result<(), StateError> {
        let file = self.folder.as_ref().and_then(|folder| folder.file(TABLES));
        let Some(file) = file else { return Ok(()) };
        dynamodb.restore(&file).map_err(|error| StateError::damaged(&file, error))
    }

    /// Restores the resources that the template does not declare, and creates the writer of the
    /// state. Returns `None` without a folder.
    pub(super) fn start_writing(
        self,
        stack: &Stack,
        clock: &Clock,
        stores: &Stores<'_>,
    ) -> Result<Option<StateWriter>, StartError> {
        let &Stores { sqs, s3, dynamodb, secrets } = stores;
        secrets.restore(self.secrets);
        sqs.restore(self.sqs);
        s3.restore(self.s3);
        let Some(folder) = self.folder else { return Ok(None) };
        let tables = dynamodb.table_names().map_err(StartError::DynamoDb)?;
        let present = Declared {
            queues: sqs.queue_names().into_iter().collect(),
            buckets: s3.bucket_names().into_iter().collect(),
            tables: tables.into_iter().collect(),
        };
        let of_template = declared_names(stack);
        let before = &self.declared;
        let mut leftovers = Vec::new();
        for (kind, before, now, present) in [
            ("queue", &before.queues, &of_template.queues, &present.queues),
            ("bucket", &before.buckets, &of_template.buckets, &present.buckets),
            ("table", &before.tables, &of_template.tables, &present.tables),
        ] {
            for name in before.difference(now).filter(|name| present.contains(*name)) {
                leftovers.push(format!("{kind} {name}"));
            }
        }
        Ok(Some(StateWriter {
            clock: clock.clone(),
            sqs: sqs.clone(),
            s3: s3.clone(),
            dynamodb: dynamodb.clone(),
            secrets: secrets.clone(),
            requests: Arc::default(),
            mappings: StreamCheckpoints::default(),
            declared: Declared {
                queues: &of_template.queues | &before.queues,
                buckets: &of_template.buckets | &before.buckets,
                tables: &of_template.tables | &before.tables,
            },
            path: folder.path().to_path_buf(),
            leftovers,
            written: Mutex::new(Written { folder: Some(folder), revisions: None }),
        }))
    }
}

/// Which write of the state it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriteKind {
    /// One of many, which is left out if nothing has changed.
    IfChanged,
    /// The last one. The tables are copied in any case.
    Last,
}

impl StateWriter {
    /// Adds the counter of finished requests to DynamoDB, and the running mappings.
    pub(super) fn with_sources(
        self,
        requests: Arc<AtomicU64>,
        mappings: &[RunningMapping],
    ) -> Arc<Self> {
        Arc::new(Self { requests, mappings: StreamCheckpoints::of(mappings), ..self })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The resources that exist and that only an earlier template declared.
    pub(super) fn leftovers(&self) -> &[String] {
        &self.leftovers
    }

    /// Writes the state whenever it has changed, until it is dropped.
    pub(super) async fn run(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(WRITE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is immediate.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let state_writer = Arc::clone(&self);
            let written =
                task::spawn_blocking(move || state_writer.write(WriteKind::IfChanged)).await;
            if let Ok(Err(error)) = written {
                tracing::warn!(%error, "the state was not written; the previous one still exists");
            }
        }
    }

    /// Writes the state for the last time, and releases the folder.
    pub(super) async fn end(self: Arc<Self>) -> Result<(), StateError> {
        let path = self.path.clone();
        let written = task::spawn_blocking(move || {
            let written = self.write(WriteKind::Last);
            self.written.lock().unwrap_or_else(PoisonError::into_inner).folder = None;
            written
        });
        written.await.map_err(|panic| StateError::io("written", &path)(panic.into()))?
    }

    fn write(&self, which: WriteKind) -> Result<(), StateError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let Written { folder: Some(folder), revisions } = &mut *written else { return Ok(()) };
        // This is read before the capture, which therefore includes all of these requests.
        let requests = self.requests.load(Ordering::Acquire);
        let checkpoints = self.mappings.now();
        let now = Revisions {
            sqs: self.sqs.revision(),
            s3: self.s3.mark(),
            secrets: self.secrets.mark(),
            requests,
            checkpoints,
        };
        if which == WriteKind::IfChanged && revisions.as_ref() == Some(&now) {
            return Ok(());
        }
        let before = revisions.as_ref();
        let times = Times { now_ms: self.clock.now_ms(), advanced_ms: self.clock.advanced_ms() };
        // Secrets do not depend on other services, so they need not be of the same moment.
        let secrets = self.secrets.snapshot();
        let mut captured = None;
        folder.write(times, self.declared.clone(), |to| {
            let file = to.path(TABLES);
            // At the end, the tables are copied in any case.
            let copied_before = before.filter(|_| which == WriteKind::IfChanged);
            let (s3, (sqs, tables)) = self
                .s3
                .capture(|| self.sqs.capture(|| self.copy_tables(&file, requests, copied_before)));
            let CopiedTables { checkpoints, are_the_same } = tables
                .map_err(|error| StateError::Tables { path: file, reason: error.to_string() })?;
            let now = Revisions {
                sqs: sqs.revision(),
                s3: s3.mark(),
                secrets: secrets.mark(),
                requests,
                checkpoints,
            };
            if are_the_same {
                to.link(TABLES)?
            } else {
                to.adopt(TABLES)?
            }
            if before.is_some_and(|revisions| revisions.s3 == now.s3) {
                to.link(OBJECTS)?;
            } else {
                to.write(OBJECTS, |mut to| s3.write(&mut to))?;
            }
            if before.is_some_and(|revisions| revisions.sqs == now.sqs) {
                to.link(SQS)?;
            } else {
                to.write(SQS, |mut to| sqs.write(&mut to))?;
            }
            if before.is_some_and(|revisions| revisions.secrets == now.secrets) {
                to.link(SECRETS)?;
            } else {
                to.write(SECRETS, |to| Ok(serde_json::to_writer(to, &secrets)?))?;
            }
            to.write(CHECKPOINTS, |to| Ok(serde_json::to_writer(to, &now.checkpoints)?))?;
            captured = Some(now);
            Ok(())
        })?;
        *revisions = captured;
        Ok(())
    }

    /// Copies the tables to a file, unless they are the same as at the revisions `before`. It runs
    /// while the other services are captured, so that nothing else changes.
    fn copy_tables(
        &self,
        file: &Path,
        requests: u64,
        before: Option<&Revisions>,
    ) -> Result<CopiedTables, DynamoDbError> {
        // This is read before the tables are copied, while nothing else can change.
        let checkpoints = self.mappings.now();
        // A delivered record may come from a write whose request was not counted.
        let are_the_same = before.is_some_and(|revisions| {
            revisions.requests == requests && revisions.checkpoints == checkpoints
        });
        if !are_the_same {
            self.dynamodb.copy_to(file)?;
        }
        Ok(CopiedTables { checkpoints, are_the_same })
    }
}

struct CopiedTables {
    /// The checkpoints of the stream mappings just before the copy.
    checkpoints: Checkpoints,
    /// Whether the tables have not changed, and were not copied.
    are_the_same: bool,
}

/// The resources that a template declares.
fn declared_names(stack: &Stack) -> Declared {
    Declared {
        queues: stack.queues.iter().map(|queue| queue.name.clone()).collect(),
        buckets: stack.buckets.iter().map(|bucket| bucket.name.clone()).collect(),
        tables: stack.tables.iter().map(|table| table.name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests;
