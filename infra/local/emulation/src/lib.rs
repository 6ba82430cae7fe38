#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod idle;
mod layer_watch;
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

/// What to start, and how.
pub struct Options {
    /// The folder of `template.yaml`.
    pub root: PathBuf,
    /// The port of the endpoint on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// Values for the template's parameters, by their names.
    pub parameters: BTreeMap<String, String>,
    /// Values for the places `{LOCAL_NAME}` in the variables of layers, by the names of the
    /// places (`LOCAL_NAME`). They take precedence over `services`.
    pub places: BTreeMap<String, String>,
    /// Services that are not AWS's, such as stubs of those that functions call. One is started if
    /// the variables of a layer have its place, as [`place_of`] names it, and `places` does not:
    /// `{LOCAL_RATES}` becomes the address of the service `rates`.
    pub services: Vec<Service>,
    /// The folder with the binaries of the functions.
    pub binaries: PathBuf,
    /// Gets the log lines of the functions.
    pub log: Arc<dyn LogSink>,
    /// The clock of all services.
    pub clock: Clock,
    /// The faults from the start on. [`Emulation::adversary`] can add more.
    pub faults: Plan,
    /// Whether [`Emulation::settle`] advances the clock over times in which nothing happens.
    pub skip_idle: bool,
    /// The folder in which queues, objects, tables and secrets are stored, so that the next
    /// emulation with this folder continues from there. It is created if it is missing. Resources
    /// of the template get their content back and the attributes that the template declares:
    /// attributes and tags that were set since are lost.
    pub state: Option<PathBuf>,
}

/// Why the emulation did not start. Whatever had started has ended again.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file of the template cannot be read.
    #[error("{path}: the template cannot be read")]
    Read {
        /// The path of `template.yaml`.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The template has problems.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A port cannot be bound.
    #[error("127.0.0.1:{port}: no server can listen there; is it in use?")]
    Listen {
        /// The port of the endpoint or of a service.
        port: u16,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// A layer cannot be read, or its copy cannot be written.
    #[error("{path}: the layer's variables cannot be filled in")]
    Layer {
        /// The layer, or a folder or file in it.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// There is no value for a place in the variables of a layer.
    #[error("{path}: nothing is known that could stand for {{{place}}}{}", list_known(.known))]
    Place {
        /// The file with the place.
        path: PathBuf,
        /// The name of the place, without braces.
        place: String,
        /// The names of the places that have values, in alphabetical order.
        known: Vec<String>,
    },
    /// SQS refuses a queue.
    #[error("queue {name}: {source}")]
    Queue {
        /// The name of the queue.
        name: String,
        /// The answer of SQS.
        source: SqsError,
    },
    /// S3 refuses a bucket.
    #[error("bucket {name}: {source}")]
    Bucket {
        /// The name of the bucket.
        name: String,
        /// The answer of S3.
        source: S3Error,
    },
    /// DynamoDB refuses a table.
    #[error("table {name}: {source}")]
    Table {
        /// The name of the table.
        name: String,
        /// The answer of DynamoDB.
        source: DynamoDbError,
    },
    /// DynamoDB does not start.
    #[error("dynamodb: {0}")]
    DynamoDb(DynamoDbError),
    /// Lambda cannot add a function.
    #[error(transparent)]
    Function(#[from] AddError),
    /// The state cannot be read, or does not fit the template.
    #[error(transparent)]
    State(#[from] StateError),
    /// An event source mapping cannot start.
    #[error("event source mapping {0}")]
    Mapping(#[from] MappingError),
}

/// `; known: {LOCAL_RATES}`, or an empty text if no place has a value.
fn list_known(places: &[String]) -> String {
    if places.is_empty() {
        return String::new();
    }
    let places: Vec<String> = places.iter().map(|place| format!("{{{place}}}")).collect();
    format!("; known: {}", places.join(", "))
}

/// An event source mapping of the template that is running.
pub struct RunningMapping {
    /// The logical id in the template.
    pub logical_id: String,
    /// What it reads.
    pub source: MappingSource,
    /// The name of the function that it invokes.
    pub function: String,
    /// The mapping itself.
    pub mapping: Mapping,
}

/// What an event source mapping reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MappingSource {
    /// A queue, by its name.
    Queue(String),
    /// The stream of a table, by the table's name.
    Stream(String),
}

impl RunningMapping {
    /// The name of its queue. `None` for a mapping from a stream.
    #[must_use]
    pub fn queue(&self) -> Option<&str> {
        match &self.source {
            MappingSource::Queue(queue) => Some(queue),
            MappingSource::Stream(_) => None,
        }
    }
}

/// A running emulation.
///
/// [`Emulation::shutdown`] ends it. Dropping it ends it as well, without waiting.
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
    /// The filled copies of layers, which are removed when this is dropped.
    layers: Arc<FilledLayers>,
    mappings: Arc<Vec<RunningMapping>>,
    /// The schedules that are enabled.
    schedules: Vec<RunningSchedule>,
    server: Server,
    state_writer: Option<Arc<StateWriter>>,
    /// The servers of services, the deletion of expired items, the schedules, and the writing of
    /// the state. They are aborted when this is dropped.
    background: JoinSet<()>,
}

impl Emulation {
    /// Ends everything. Running invocations are killed, and no process is left when it returns.
    /// If the state cannot be written, that is logged.
    pub async fn shutdown(self) {
        if let Err(error) = self.close().await {
            tracing::error!(%error, "the state was not kept");
        }
    }

    /// [`Emulation::shutdown`] that reports whether the state was written. Messages that were
    /// received and not finished are visible in their queues again.
    ///
    /// # Errors
    /// [`StateError`] if the state could not be written. The previous one still exists then.
    pub async fn close(mut self) -> Result<(), StateError> {
        // Mappings stop first, so that they receive nothing for functions that have ended.
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

    /// The time of the emulation's clock, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// The folder in which the state is stored. `None` without [`Options::state`].
    #[must_use]
    pub fn state_folder(&self) -> Option<&Path> {
        self.state_writer.as_ref().map(|state_writer| state_writer.path())
    }

    /// Resources of the state that an earlier template declared and this one does not: `queue
    /// Old`, `bucket old`, `table old`.
    #[must_use]
    pub fn leftovers(&self) -> &[String] {
        self.state_writer.as_ref().map_or(&[], |state_writer| state_writer.leftovers())
    }

    /// The URL of all services of AWS, such as `http://127.0.0.1:4566`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The resources of the template. The layers of its functions are the filled copies.
    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The SQS service.
    #[must_use]
    pub fn sqs(&self) -> &Sqs {
        &self.sqs
    }

    /// The S3 service.
    #[must_use]
    pub fn s3(&self) -> &S3 {
        &self.s3
    }

    /// The DynamoDB service.
    #[must_use]
    pub fn dynamodb(&self) -> &DynamoDb {
        &self.dynamodb
    }

    /// The Secrets Manager service.
    #[must_use]
    pub fn secrets(&self) -> &SecretsManager {
        &self.secrets
    }

    /// The Lambda service.
    #[must_use]
    pub fn lambda(&self) -> &Lambda {
        &self.lambda
    }

    /// The faults that are injected, and how often they were.
    #[must_use]
    pub fn adversary(&self) -> &Adversary {
        &self.adversary
    }

    /// The services that are not AWS's, with their addresses and calls.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// The value of a place in the variables of layers, such as that of a service ([`place_of`]).
    /// `None` if there is no value for it.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<&str> {
        self.layers.place(name)
    }

    /// The event source mappings: those from queues, then those from streams, each in the order
    /// of the template.
    #[must_use]
    pub fn mappings(&self) -> &[RunningMapping] {
        &self.mappings
    }

    /// When the next schedule is due, in milliseconds since the Unix epoch.
    pub(crate) fn next_schedule_ms(&self) -> Option<u64> {
        let now_ms = self.clock.now_ms();
        self.schedules.iter().filter_map(|rule| rule.next_due_ms(now_ms)).min()
    }

    /// How often each caller used each operation over HTTP since the start. Calls through this
    /// type's accessors and those of event source mappings are not counted.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<Call, u64> {
        self.server.calls()
    }

    /// Starts to record what functions were allowed to do, for [`Emulation::allowed`].
    pub fn record_access(&self) {
        self.server.authorizer().record();
    }

    /// What functions were allowed to do over HTTP since [`Emulation::record_access`].
    #[must_use]
    pub fn allowed(&self) -> BTreeSet<Access> {
        self.server.authorizer().allowed()
    }

    /// What functions tried over HTTP and their roles do not allow, since the start.
    #[must_use]
    pub fn denied(&self) -> BTreeSet<Access> {
        self.server.authorizer().denied()
    }
}
