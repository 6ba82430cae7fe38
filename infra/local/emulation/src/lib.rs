#![doc = include_str!("../README.md")]

pub mod idle;
mod layers;
mod persistence;
mod resources;
mod schedule;
mod starting;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinSet;

pub use self::layers::place_of;
pub use self::starting::{binaries, stack, stack_of_text};
pub use state::{StateError, check_state};
pub use {
    builder, clock, dynamodb, faults, iam, lambda, s3, secrets, server, services, sqs, template,
};

use self::layers::FilledLayers;
use self::persistence::StateWriter;
use crate::schedule::RunningSchedule;
use clock::Clock;
use dynamodb::{DynamoDb, DynamoDbError};
use faults::{Adversary, Plan};
use lambda::mapping::{Mapping, MappingError};
use lambda::{AddError, Lambda, LogSink};
use s3::{S3, S3Error};
use secrets::SecretsManager;
use server::{Access, Call, Server};
use services::{Service, Services};
use sqs::{Sqs, SqsError};
use template::{Stack, TemplateError};

/// What is started, and how.
pub struct Options {
    /// The folder of `template.yaml`.
    pub root: PathBuf,
    /// Of 127.0.0.1; 0 for any that is free.
    pub port: u16,
    /// Values for the template's parameters.
    pub parameters: BTreeMap<String, String>,
    /// What stands in layers' variables in the place of `{LOCAL_NAME}`, where it is not the address of a
    /// service of `services`.
    pub places: BTreeMap<String, String>,
    /// Services that are not AWS's, such as stubs of those that functions call. Each is served where a layer's
    /// variables have its place, as [`place_of`] names it, and `places` leaves that out: `{LOCAL_RATES}` is the
    /// address of the service `rates`.
    pub services: Vec<Service>,
    /// The folder of the functions' binaries.
    pub binaries: PathBuf,
    /// Takes what the functions log.
    pub log: Arc<dyn LogSink>,
    pub clock: Clock,
    /// What is to go wrong from the start; more can be added to [`Emulation::adversary`].
    pub faults: Plan,
    /// Whether [`Emulation::settle`] moves the clock over times in which nothing happens.
    pub skip_idle: bool,
    /// The folder that queues, objects and tables are kept in, so that the next emulation with it goes
    /// on from there; made if it is missing. What the template declares is then as it declares it, with
    /// what was in it: attributes and tags that were set since are its own again.
    pub state: Option<PathBuf>,
}

/// Why the emulation did not start; what had started has ended again.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{path}: the template cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("127.0.0.1:{port}: no server can listen there; is it in use?")]
    Listen {
        port: u16,
        #[source]
        source: io::Error,
    },
    #[error("{path}: the layer's variables cannot be filled in")]
    Layer {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path}: nothing is known that could stand for {{{place}}}{}", list_known(.known))]
    Place {
        path: PathBuf,
        place: String,
        /// The places that something stands for, in alphabetical order.
        known: Vec<String>,
    },
    #[error("queue {name}: {source}")]
    Queue { name: String, source: SqsError },
    #[error("bucket {name}: {source}")]
    Bucket { name: String, source: S3Error },
    #[error("table {name}: {source}")]
    Table { name: String, source: DynamoDbError },
    #[error("dynamodb: {0}")]
    DynamoDb(DynamoDbError),
    #[error(transparent)]
    Function(#[from] AddError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("event source mapping {0}")]
    Mapping(#[from] MappingError),
}

/// `; known: {LOCAL_RATES}`, or nothing where nothing is known.
fn list_known(places: &[String]) -> String {
    if places.is_empty() {
        return String::new();
    }
    let places: Vec<String> = places.iter().map(|place| format!("{{{place}}}")).collect();
    format!("; known: {}", places.join(", "))
}

/// An event source mapping of the template, running.
pub struct RunningMapping {
    pub logical_id: String,
    pub source: MappingSource,
    /// The name of its function.
    pub function: String,
    pub mapping: Mapping,
}

/// What a mapping takes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MappingSource {
    /// A queue, by its name.
    Queue(String),
    /// The stream of a table, by the table's name.
    Stream(String),
}

impl RunningMapping {
    /// The name of its queue, if it has one.
    #[must_use]
    pub fn queue(&self) -> Option<&str> {
        match &self.source {
            MappingSource::Queue(queue) => Some(queue),
            MappingSource::Stream(_) => None,
        }
    }
}

/// A running world. Ended by [`Emulation::shutdown`]; dropping it ends it too, without waiting.
pub struct Emulation {
    pub(crate) clock: Clock,
    pub(crate) skip_idle: bool,
    adversary: Adversary,
    stack: Stack,
    endpoint: String,
    sqs: Sqs,
    s3: S3,
    dynamodb: DynamoDb,
    secrets: SecretsManager,
    lambda: Lambda,
    services: Services,
    /// Removed when dropped.
    layers: FilledLayers,
    mappings: Arc<Vec<RunningMapping>>,
    /// Those that are enabled.
    schedules: Vec<RunningSchedule>,
    server: Server,
    state_writer: Option<Arc<StateWriter>>,
    /// The services' servers, the sweeping of tables, the schedules and the keeping of the state; aborted
    /// when dropped.
    background: JoinSet<()>,
}

impl Emulation {
    /// Ends everything: invocations at work are killed, and when it returns no process is left. A state
    /// that cannot be kept is logged.
    pub async fn shutdown(self) {
        if let Err(error) = self.close().await {
            tracing::error!(%error, "the state was not kept");
        }
    }

    /// As [`Emulation::shutdown`], and tells whether the state is kept. What was polled and not finished
    /// is visible in its queue again.
    ///
    /// # Errors
    /// [`StateError`] where it could not be written; the one before is then still there.
    pub async fn close(mut self) -> Result<(), StateError> {
        // First, so that nothing is polled for functions that are no more.
        self.mappings.iter().for_each(|each| each.mapping.request_stop());
        self.lambda.shutdown().await;
        for each in self.mappings.iter() {
            each.mapping.wait_until_stopped().await;
        }
        drop(self.mappings);
        self.server.shutdown().await;
        self.background.shutdown().await;
        match self.state_writer {
            Some(state_writer) => state_writer.end().await,
            None => Ok(()),
        }
    }

    /// The emulation's time, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// The folder that the state is kept in, if it is.
    #[must_use]
    pub fn state_folder(&self) -> Option<&Path> {
        self.state_writer.as_ref().map(|state_writer| state_writer.path())
    }

    /// What is there from an earlier run, declared by its template and by this one no more: `queue Old`,
    /// `bucket old`, `table old`.
    #[must_use]
    pub fn leftovers(&self) -> &[String] {
        self.state_writer.as_ref().map_or(&[], |state_writer| state_writer.leftovers())
    }

    /// Where every service is: `http://127.0.0.1:4566`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    #[must_use]
    pub fn sqs(&self) -> &Sqs {
        &self.sqs
    }

    #[must_use]
    pub fn s3(&self) -> &S3 {
        &self.s3
    }

    #[must_use]
    pub fn dynamodb(&self) -> &DynamoDb {
        &self.dynamodb
    }

    #[must_use]
    pub fn secrets(&self) -> &SecretsManager {
        &self.secrets
    }

    #[must_use]
    pub fn lambda(&self) -> &Lambda {
        &self.lambda
    }

    /// What goes wrong, and how often it did.
    #[must_use]
    pub fn adversary(&self) -> &Adversary {
        &self.adversary
    }

    /// The services that are not AWS's: where they are, and how often they were called.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// What stands in layers' variables for a place, such as that of a service ([`place_of`]).
    #[must_use]
    pub fn place(&self, name: &str) -> Option<&str> {
        self.layers.place(name)
    }

    /// Those of queues in the order of the template, then those of streams in theirs.
    #[must_use]
    pub fn mappings(&self) -> &[RunningMapping] {
        &self.mappings
    }

    /// When the next schedule is due, in milliseconds since the Unix epoch.
    pub(crate) fn next_schedule_ms(&self) -> Option<u64> {
        let now_ms = self.clock.now_ms();
        self.schedules.iter().filter_map(|rule| rule.next_due_ms(now_ms)).min()
    }

    /// How often each caller used each operation over HTTP, from the start. In-process accessors
    /// and event source mappings are not counted.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<Call, u64> {
        self.server.calls()
    }

    /// From now on, keeps what functions were allowed to do, for [`Emulation::allowed`].
    pub fn record_access(&self) {
        self.server.authorizer().record();
    }

    /// What functions were allowed to do over HTTP since [`Emulation::record_access`].
    #[must_use]
    pub fn allowed(&self) -> BTreeSet<Access> {
        self.server.authorizer().allowed()
    }

    /// What functions asked for over HTTP and their roles do not allow, from the start.
    #[must_use]
    pub fn denied(&self) -> BTreeSet<Access> {
        self.server.authorizer().denied()
    }
}
