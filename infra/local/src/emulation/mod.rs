//! The pipeline's whole world, started from one template and ended without leftovers.
//!
//! The services know nothing of each other: what joins them is here and in `resources`. All state is
//! in memory, and gone with the process unless [`Options::state`] names a folder to keep it in.

mod keeping;
mod resources;
mod status;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use self::keeping::{Keeper, Kept};
use crate::adversary::{Adversary, Plan};
use crate::clock::Clock;
use crate::dynamodb::{DynamoDb, DynamoDbError};
use crate::front::{Backends, Call, Front};
use crate::lambda::mapping::{Mapping, MappingError};
use crate::lambda::{AddError, Config, Lambda, LogSink};
use crate::s3::{S3, S3Error};
use crate::schedule;
use crate::sqs::{Sqs, SqsError};
use crate::state::StateError;
use crate::template::{self, Stack, TemplateError};
use crate::weather::{Weather, WeatherError};

/// The template's parameter that takes the weather service's URL.
const WEATHER_PARAMETER: &str = "WeatherUrl";
/// How often expired items are looked for, in milliseconds; DynamoDB takes up to days:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>
const SWEEP_MS: u64 = 60_000;

/// What is started, and how.
pub struct Options {
    /// The folder of `template.yaml`.
    pub root: PathBuf,
    /// Of 127.0.0.1; 0 for any that is free.
    pub port: u16,
    /// Values for the template's parameters.
    pub parameters: BTreeMap<String, String>,
    /// Weather to enrich from, as [`Weather::load`] takes it: served where the template has a
    /// parameter `WeatherUrl` that `parameters` leaves out.
    pub weather: Option<Vec<u8>>,
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
    #[error("weather: {0}")]
    Weather(#[from] WeatherError),
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
    lambda: Lambda,
    weather: Option<Weather>,
    mappings: Arc<Vec<RunningMapping>>,
    front: Front,
    keeper: Option<Arc<Keeper>>,
    /// The weather's server, the sweeping of tables, the schedules and the keeping of the state; aborted
    /// when dropped.
    background: JoinSet<()>,
}

impl Emulation {
    /// Starts what the template declares. To be called within a tokio runtime.
    ///
    /// # Errors
    /// Naming the resource that could not be started, and why.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let text = read_template(&options.root)?;
        let (listener, address) = listen(options.port).await?;
        let endpoint = format!("http://{address}");
        let mut background = JoinSet::new();

        let mut parameters = options.parameters;
        let weather = match options.weather {
            Some(file) if wants_weather(&text, &parameters) => {
                let (weather, url) = serve_weather(&file, &mut background).await?;
                parameters.insert(WEATHER_PARAMETER.to_owned(), url);
                Some(weather)
            }
            _ => None,
        };
        let template_options = template::Options {
            endpoint: endpoint.clone(),
            parameters,
            ..template::Options::default()
        };
        let stack = template::read(&text, &options.root, &template_options)?;
        let region = template_options.region.as_str();

        let clock = options.clock;
        let mut kept = Kept::open(options.state, &clock).await?;
        let adversary = Adversary::new(clock.clone(), &options.faults);
        let sqs = Sqs::new(clock.clone(), region, &template_options.account, &endpoint);
        sqs.disturb(adversary.clone());
        resources::create_queues(&sqs, &stack.queues, &mut kept.sqs)?;
        let s3 = S3::new(clock.clone());
        resources::create_buckets(&s3, &sqs, &stack.buckets, region)?;
        let dynamodb = DynamoDb::start(clock.clone()).await.map_err(StartError::DynamoDb)?;
        kept.restore_tables(&dynamodb)?;
        resources::create_tables(&dynamodb, &stack.tables, kept.folder())?;
        let keeper = kept.go_on(&stack, &clock, (&sqs, &s3, &dynamodb))?;
        background.spawn(sweep(dynamodb.clone(), clock.clone()));
        let config = Config {
            adversary: Some(adversary.clone()),
            ..Config::new(region, &endpoint, options.binaries)
        };
        let lambda = Lambda::new(clock.clone(), config, options.log);
        for function in &stack.functions {
            lambda.add(function.clone())?;
        }
        // Before the mappings: what they invoke calls back.
        let front = Front::start(
            listener,
            Backends {
                sqs: sqs.clone(),
                s3: s3.service(),
                dynamodb: dynamodb.clone(),
                lambda: lambda.clone(),
                urls: stack
                    .functions
                    .iter()
                    .filter(|each| each.has_url)
                    .map(|each| each.name.clone())
                    .collect(),
                apis: resources::http_apis(&stack, &template_options.account),
                health: resources::health(&stack),
                adversary: adversary.clone(),
            },
        );
        let services = resources::Services { clock: &clock, sqs: &sqs, lambda: &lambda };
        let mut mappings = resources::start_mappings(&stack, &services)?;
        mappings.extend(resources::start_stream_mappings(&stack, &services, &dynamodb, region)?);
        let mappings = Arc::new(mappings);
        front.tell_status(status::source(&stack, &sqs, &lambda, &mappings));
        let keeper = keeper.map(|keeper| keeper.watching(front.dynamodb_requests()));
        if let Some(keeper) = &keeper {
            background.spawn(Arc::clone(keeper).run());
        }
        for each in stack.schedules.iter().filter(|each| each.enabled) {
            background.spawn(schedule::run(each.clone(), clock.clone(), lambda.clone()));
        }
        Ok(Self {
            clock,
            skip_idle: options.skip_idle,
            adversary,
            stack,
            endpoint,
            sqs,
            s3,
            dynamodb,
            lambda,
            weather,
            mappings,
            front,
            keeper,
            background,
        })
    }

    /// Ends everything: invocations at work are killed, and when it returns no process is left. A state
    /// that cannot be kept is logged.
    pub async fn shutdown(self) {
        if let Err(error) = self.close().await {
            tracing::error!(%error, "the state was not kept");
        }
    }

    /// As [`Emulation::shutdown`], and tells whether the state is kept.
    ///
    /// # Errors
    /// [`StateError`] where it could not be written; the one before is then still there.
    pub async fn close(mut self) -> Result<(), StateError> {
        drop(self.mappings);
        self.lambda.shutdown().await;
        self.front.shutdown().await;
        self.background.shutdown().await;
        match self.keeper {
            Some(keeper) => keeper.end().await,
            None => Ok(()),
        }
    }

    /// The folder that the state is kept in, if it is.
    #[must_use]
    pub fn state_folder(&self) -> Option<&Path> {
        self.keeper.as_ref().map(|keeper| keeper.path())
    }

    /// What is there from an earlier run, declared by its template and by this one no more: `queue Old`,
    /// `bucket old`, `table old`.
    #[must_use]
    pub fn leftovers(&self) -> &[String] {
        self.keeper.as_ref().map_or(&[], |keeper| keeper.leftovers())
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
    pub fn lambda(&self) -> &Lambda {
        &self.lambda
    }

    /// What goes wrong, and how often it did.
    #[must_use]
    pub fn adversary(&self) -> &Adversary {
        &self.adversary
    }

    /// The weather service, where one was started.
    #[must_use]
    pub fn weather(&self) -> Option<&Weather> {
        self.weather.as_ref()
    }

    /// Those of queues in the order of the template, then those of streams in theirs.
    #[must_use]
    pub fn mappings(&self) -> &[RunningMapping] {
        &self.mappings
    }

    /// How often each caller used each operation over HTTP, from the start. In-process accessors
    /// and event source mappings are not counted.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<Call, u64> {
        self.front.calls()
    }
}

/// The functions' binaries that the template names, each once, in alphabetical order: what has to be
/// built before an emulation of it can start.
///
/// # Errors
/// When the template cannot be read.
pub fn binaries(
    root: &Path,
    parameters: &BTreeMap<String, String>,
) -> Result<Vec<String>, StartError> {
    let stack = stack(root, parameters)?;
    let binaries: BTreeSet<_> = stack.functions.into_iter().map(|each| each.binary).collect();
    Ok(binaries.into_iter().collect())
}

/// What the template declares, by the names that it has here, without starting any of it.
///
/// # Errors
/// When the template cannot be read.
pub fn stack(root: &Path, parameters: &BTreeMap<String, String>) -> Result<Stack, StartError> {
    let text = read_template(root)?;
    let mut parameters = parameters.clone();
    if wants_weather(&text, &parameters) {
        // Whatever it is going to be.
        parameters.insert(WEATHER_PARAMETER.to_owned(), "http://127.0.0.1".to_owned());
    }
    let options = template::Options { parameters, ..template::Options::default() };
    Ok(template::read(&text, root, &options)?)
}

fn read_template(root: &Path) -> Result<String, StartError> {
    let path = root.join("template.yaml");
    fs::read_to_string(&path).map_err(|source| StartError::Read { path, source })
}

fn wants_weather(template: &str, parameters: &BTreeMap<String, String>) -> bool {
    let declared = template::parameter_names(template);
    !parameters.contains_key(WEATHER_PARAMETER) && declared.contains(WEATHER_PARAMETER)
}

async fn listen(port: u16) -> Result<(TcpListener, SocketAddr), StartError> {
    let error = |source| StartError::Listen { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(error)?;
    let address = listener.local_addr().map_err(error)?;
    Ok((listener, address))
}

async fn serve_weather(
    file: &[u8],
    background: &mut JoinSet<()>,
) -> Result<(Weather, String), StartError> {
    let weather = Weather::load(file)?;
    let (listener, address) = listen(0).await?;
    let served = weather.clone();
    background.spawn(async move {
        if let Err(error) = served.serve(listener).await {
            tracing::error!(%error, "weather stopped");
        }
    });
    Ok((weather, format!("http://{address}")))
}

/// Deletes what has expired, again and again.
async fn sweep(dynamodb: DynamoDb, clock: Clock) {
    loop {
        clock.sleep_until(clock.now_ms().saturating_add(SWEEP_MS)).await;
        if let Err(error) = dynamodb.sweep().await {
            tracing::warn!(%error, "expired items were not deleted");
        }
    }
}

/// A queue's visibility timeout, as its mapping needs to know it; SQS's default is 30 seconds.
fn visibility(attributes: &BTreeMap<String, String>) -> Duration {
    let seconds = attributes.get("VisibilityTimeout").and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}
