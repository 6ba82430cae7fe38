//! Keeping the emulation's state in a folder, and going on from it.
//!
//! What is written is of one moment in all services: an object with the message that announces it, a
//! message that was sent with the item that says so. The checkpoints of mappings from streams are never
//! ahead of anything that came of the records before them; behind, a record is delivered again. A killed process loses what happened since it was
//! last written, which is half a minute ago at most, and the next one finds the world as it was then: a
//! message deleted since is delivered again, as a standard queue may deliver any twice. Not kept are
//! invocations at work (their messages are given back before the last writing; those of a killed process
//! become visible again by their timeouts), the events of
//! asynchronous ones that wait, environments, faults that were added, and what was counted.

mod checkpoints;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task;
use tokio::time::MissedTickBehavior;

pub(super) use self::checkpoints::Checkpoints;

use self::checkpoints::Running;
use super::{RunningMapping, StartError};
use clock::Clock;
use dynamodb::DynamoDb;
use s3::S3;
use secrets::SecretsManager;
use sqs::Sqs;
use state::{Declared, Folder, StateError, Times};
use template::Stack;

/// How often the state is written while anything changes, in real time.
const EVERY: Duration = Duration::from_secs(30);

// The files of a generation.
const SQS: &str = "sqs";
const OBJECTS: &str = "s3";
const TABLES: &str = "dynamodb";
const CHECKPOINTS: &str = "lambda";
const SECRETS: &str = "secrets";

/// What is kept of the run before, on its way into the services; nothing without a folder.
#[derive(Default)]
pub(super) struct Kept {
    folder: Option<Folder>,
    pub(super) sqs: sqs::snapshot::Snapshot,
    pub(super) s3: s3::snapshot::Snapshot,
    pub(super) checkpoints: Checkpoints,
    secrets: secrets::Snapshot,
    /// What the templates of the runs before declared.
    declared: Declared,
}

/// The services whose state is kept.
pub(super) struct Stores<'a> {
    pub(super) sqs: &'a Sqs,
    pub(super) s3: &'a S3,
    pub(super) dynamodb: &'a DynamoDb,
    pub(super) secrets: &'a SecretsManager,
}

/// Writes the state, again and again and in the end.
pub(super) struct Keeper {
    clock: Clock,
    sqs: Sqs,
    s3: S3,
    dynamodb: DynamoDb,
    secrets: SecretsManager,
    /// Counts what may have changed tables.
    requests: Arc<AtomicU64>,
    mappings: Running,
    declared: Declared,
    path: PathBuf,
    leftovers: Vec<String>,
    written: Mutex<Written>,
}

struct Written {
    /// `None` after the end.
    folder: Option<Folder>,
    /// What the services were like; `None` until it is written for the first time.
    marks: Option<Marks>,
}

#[derive(PartialEq)]
struct Marks {
    sqs: sqs::snapshot::Revision,
    s3: u64,
    secrets: u64,
    requests: u64,
    checkpoints: Checkpoints,
}

impl Kept {
    /// Opens a folder, and lets the clock go on from there.
    pub(super) async fn open(path: Option<PathBuf>, clock: &Clock) -> Result<Self, StateError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let opened = path.clone();
        let read = task::spawn_blocking(move || Self::read(&opened)).await;
        let kept = read.map_err(|panic| StateError::io("read", &path)(panic.into()))??;
        if let Some((times, _)) = kept.folder.as_ref().and_then(Folder::kept) {
            clock.go_on(times.advanced_ms, times.now_ms);
        }
        Ok(kept)
    }

    fn read(path: &Path) -> Result<Self, StateError> {
        let folder = Folder::open(path)?;
        let mut kept = Self::default();
        if let Some(path) = folder.file(SQS) {
            let file = File::open(&path).map_err(|error| StateError::damaged(&path, error))?;
            kept.sqs = sqs::snapshot::Snapshot::read(BufReader::new(file))
                .map_err(|error| StateError::damaged(&path, error))?;
        }
        if let Some(path) = folder.file(OBJECTS) {
            let file = File::open(&path).map_err(|error| StateError::damaged(&path, error))?;
            kept.s3 = s3::snapshot::Snapshot::read(BufReader::new(file))
                .map_err(|error| StateError::damaged(&path, error))?;
        }
        if let Some(path) = folder.file(CHECKPOINTS) {
            let text = fs::read(&path).map_err(|error| StateError::damaged(&path, error))?;
            kept.checkpoints =
                serde_json::from_slice(&text).map_err(|error| StateError::damaged(&path, error))?;
        }
        if let Some(path) = folder.file(SECRETS) {
            let text = fs::read(&path).map_err(|error| StateError::damaged(&path, error))?;
            kept.secrets =
                serde_json::from_slice(&text).map_err(|error| StateError::damaged(&path, error))?;
        }
        if let Some((_, declared)) = folder.kept() {
            kept.declared = declared.clone();
        }
        kept.folder = Some(folder);
        Ok(kept)
    }

    /// The folder, for whoever has to name it.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(Folder::path)
    }

    /// Puts all tables in place as they were, if any were kept.
    pub(super) fn restore_tables(&self, dynamodb: &DynamoDb) -> Result<(), StateError> {
        let file = self.folder.as_ref().and_then(|folder| folder.file(TABLES));
        let Some(file) = file else { return Ok(()) };
        dynamodb.restore(&file).map_err(|error| StateError::damaged(&file, error))
    }

    /// Puts in place what the template does not declare, and keeps all from here on. `None` without a
    /// folder.
    pub(super) fn go_on(
        self,
        stack: &Stack,
        clock: &Clock,
        stores: &Stores<'_>,
    ) -> Result<Option<Keeper>, StartError> {
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
        let of_template = declared(stack);
        let left = |what: &str,
                    before: &BTreeSet<String>,
                    now: &BTreeSet<String>,
                    there: &BTreeSet<String>| {
            let left = before.difference(now).filter(|name| there.contains(*name));
            left.map(|name| format!("{what} {name}")).collect::<Vec<_>>()
        };
        let before = &self.declared;
        let leftovers = [
            left("queue", &before.queues, &of_template.queues, &present.queues),
            left("bucket", &before.buckets, &of_template.buckets, &present.buckets),
            left("table", &before.tables, &of_template.tables, &present.tables),
        ]
        .concat();
        let all = |before: &BTreeSet<String>, now: BTreeSet<String>| &now | before;
        Ok(Some(Keeper {
            clock: clock.clone(),
            sqs: sqs.clone(),
            s3: s3.clone(),
            dynamodb: dynamodb.clone(),
            secrets: secrets.clone(),
            requests: Arc::default(),
            mappings: Running::default(),
            declared: Declared {
                queues: all(&before.queues, of_template.queues),
                buckets: all(&before.buckets, of_template.buckets),
                tables: all(&before.tables, of_template.tables),
            },
            path: folder.path().to_path_buf(),
            leftovers,
            written: Mutex::new(Written { folder: Some(folder), marks: None }),
        }))
    }
}

impl Keeper {
    /// With the counter of requests to DynamoDB that are over, and the mappings that run.
    pub(super) fn watching(
        self,
        requests: Arc<AtomicU64>,
        mappings: &[RunningMapping],
    ) -> Arc<Self> {
        Arc::new(Self { requests, mappings: Running::of(mappings), ..self })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is kept and was declared by an earlier template alone.
    pub(super) fn leftovers(&self) -> &[String] {
        &self.leftovers
    }

    /// Writes the state whenever it has changed, until it is dropped.
    pub(super) async fn run(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one is at once.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let keeper = Arc::clone(&self);
            let written = task::spawn_blocking(move || keeper.write(false)).await;
            if let Ok(Err(error)) = written {
                tracing::warn!(%error, "the state was not written; the one before is kept");
            }
        }
    }

    /// Writes the state for the last time, and lets go of the folder.
    pub(super) async fn end(self: Arc<Self>) -> Result<(), StateError> {
        let path = self.path.clone();
        let written = task::spawn_blocking(move || {
            let written = self.write(true);
            self.written.lock().unwrap_or_else(PoisonError::into_inner).folder = None;
            written
        });
        written.await.map_err(|panic| StateError::io("written", &path)(panic.into()))?
    }

    fn write(&self, is_last: bool) -> Result<(), StateError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let Written { folder: Some(folder), marks } = &mut *written else { return Ok(()) };
        // Before the capture: what is over by now is in it.
        let requests = self.requests.load(Ordering::Acquire);
        let checkpoints = self.mappings.now();
        let now = Marks {
            sqs: self.sqs.revision(),
            s3: self.s3.mark(),
            secrets: self.secrets.mark(),
            requests,
            checkpoints,
        };
        if !is_last && marks.as_ref() == Some(&now) {
            return Ok(());
        }
        let before = marks.as_ref();
        let times = Times { now_ms: self.clock.now_ms(), advanced_ms: self.clock.advanced_ms() };
        // No other service says anything of them.
        let secrets = self.secrets.snapshot();
        let mut captured = None;
        folder.write(times, self.declared.clone(), |to| {
            let file = to.path(TABLES);
            let copy = || {
                // Before the tables, and while nothing else can change.
                let checkpoints = self.mappings.now();
                // A record that was delivered may be of a write that no request tells of; in the end,
                // any write may be.
                let same_tables = !is_last
                    && before.is_some_and(|marks| {
                        marks.requests == requests && marks.checkpoints == checkpoints
                    });
                let copied = if same_tables { Ok(()) } else { self.dynamodb.copy_to(&file) };
                (checkpoints, same_tables, copied)
            };
            let (s3, (sqs, (checkpoints, same_tables, copied))) =
                self.s3.capture(|| self.sqs.capture(copy));
            copied.map_err(|error| StateError::Tables {
                path: file.clone(),
                reason: error.to_string(),
            })?;
            let now = Marks {
                sqs: sqs.revision(),
                s3: s3.mark(),
                secrets: secrets.mark(),
                requests,
                checkpoints,
            };
            if same_tables {
                to.link(TABLES)?
            } else {
                to.adopt(TABLES)?
            }
            if before.is_some_and(|marks| marks.s3 == now.s3) {
                to.link(OBJECTS)?;
            } else {
                to.write(OBJECTS, |mut to| s3.write(&mut to))?;
            }
            if before.is_some_and(|marks| marks.sqs == now.sqs) {
                to.link(SQS)?;
            } else {
                to.write(SQS, |mut to| sqs.write(&mut to))?;
            }
            if before.is_some_and(|marks| marks.secrets == now.secrets) {
                to.link(SECRETS)?;
            } else {
                to.write(SECRETS, |to| Ok(serde_json::to_writer(to, &secrets)?))?;
            }
            to.write(CHECKPOINTS, |to| Ok(serde_json::to_writer(to, &now.checkpoints)?))?;
            captured = Some(now);
            Ok(())
        })?;
        *marks = captured;
        Ok(())
    }
}

/// What a template declares.
fn declared(stack: &Stack) -> Declared {
    Declared {
        queues: stack.queues.iter().map(|queue| queue.name.clone()).collect(),
        buckets: stack.buckets.iter().map(|bucket| bucket.name.clone()).collect(),
        tables: stack.tables.iter().map(|table| table.name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests;
