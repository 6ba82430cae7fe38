//! Starts an emulation, and reads the template without starting anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::layer_watch::LayerWatch;
use super::layers::{FilledLayers, place_of, places_of};
use super::persistence::{SavedState, Stores};
use super::{Emulation, Options, StartError, resources, status};
use crate::schedule::RunningSchedule;
use clock::Clock;
use dynamodb::DynamoDb;
use faults::Adversary;
use lambda::mapping::EventSourceMappings;
use lambda::{Config, Lambda};
use s3::S3;
use secrets::SecretsManager;
use server::{Authorizer, Backends, Location, Server};
use services::{Listening, Service, Services};
use sqs::Sqs;
use template::{Stack, TemplateError};

/// The values that the template's parameters have here: whose services are used, and that there are no alarms and
/// dashboards, which nothing would read.
const PARAMETERS: [(&str, &str); 2] = [("Environment", "local"), ("Monitoring", "false")];
/// How often expired items are deleted, in milliseconds. DynamoDB takes up to several days:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>.
const SWEEP_MS: u64 = 60_000;

impl Emulation {
    /// Starts what the template declares. It has to be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] for the first resource that cannot be started.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let text = read_template(&options.root)?;
        let (listener, address) = listen(options.port).await?;
        let endpoint = format!("http://{address}");
        let mut background = JoinSet::new();

        let template_options = template::Options {
            endpoint: endpoint.clone(),
            parameters: with_local_environment(&text, options.parameters),
            ..template::Options::default()
        };
        let mut stack = template::read(&text, &options.root, &template_options)?;
        let mut places = options.places;
        let mut listening = Vec::new();
        let wanted = places_of(&stack)?;
        for service in options.services {
            let place = place_of(&service.name);
            if wanted.contains(&place) && !places.contains_key(&place) {
                let service = bind_service(service).await?;
                places.insert(place, service.url().to_owned());
                listening.push(service);
            }
        }
        let layers = Arc::new(FilledLayers::make(&mut stack, places)?);
        let region = template_options.region.as_str();

        let clock = options.clock;
        let mut saved = SavedState::open(options.state, &clock).await?;
        let adversary = Adversary::new(clock.clone(), &options.faults);
        let services = Services::start(listening, &adversary, &clock, &mut background);
        let sqs = Sqs::new(clock.clone(), region, &template_options.account, &endpoint);
        sqs.set_adversary(adversary.clone());
        resources::create_queues(&sqs, &stack.queues, &mut saved.sqs)?;
        let s3 = S3::new(clock.clone());
        resources::create_buckets(&s3, &sqs, &stack.buckets, region)?;
        let dynamodb = DynamoDb::start(clock.clone()).await.map_err(StartError::DynamoDb)?;
        saved.restore_tables(&dynamodb)?;
        let mut checkpoints = std::mem::take(&mut saved.checkpoints);
        resources::create_tables(&dynamodb, &stack.tables, saved.folder(), &mut checkpoints)?;
        let secrets = SecretsManager::new(clock.clone(), region, &template_options.account);
        let stores = Stores { sqs: &sqs, s3: &s3, dynamodb: &dynamodb, secrets: &secrets };
        let state_writer = saved.start_writing(&stack, &clock, &stores)?;
        background.spawn(sweep(dynamodb.clone(), clock.clone()));
        let config = Config {
            adversary: Some(adversary.clone()),
            ..Config::new(region, &endpoint, options.binaries)
        };
        let lambda = Lambda::new(clock.clone(), config, options.log);
        for function in &stack.functions {
            lambda.add(function.clone())?;
        }
        background.spawn(LayerWatch::new(Arc::clone(&layers), lambda.clone()).run());
        let place =
            Location { region: region.to_owned(), account: template_options.account.clone() };
        let known_mappings = EventSourceMappings::default();
        // The server starts before the mappings, because the functions that they invoke call it.
        let server = Server::start(
            listener,
            Backends {
                sqs: sqs.clone(),
                s3: s3.service(),
                dynamodb: dynamodb.clone(),
                secrets: secrets.clone(),
                lambda: lambda.clone(),
                mappings: known_mappings.clone(),
                urls: stack
                    .functions
                    .iter()
                    .filter_map(|each| Some((each.name.clone(), each.url?)))
                    .collect(),
                apis: resources::http_apis(&stack, &template_options.account),
                health: resources::health(&stack),
                adversary: adversary.clone(),
                services: services.clone(),
                senders: resources::senders(&stack),
                authorizer: Authorizer::new(&stack, place, s3.clone()),
            },
        );
        let mapping_services = resources::Services { clock: &clock, sqs: &sqs, lambda: &lambda };
        let mut mappings = resources::start_mappings(&stack, &mapping_services)?;
        mappings.extend(resources::start_stream_mappings(
            &stack,
            &mapping_services,
            &dynamodb,
            region,
            &checkpoints,
        )?);
        mappings.iter().for_each(|each| known_mappings.add(&each.mapping));
        let mappings = Arc::new(mappings);
        server.set_status_source(status::source(&stack, &sqs, &lambda, &mappings));
        let state_writer = state_writer
            .map(|state_writer| state_writer.with_sources(server.dynamodb_requests(), &mappings));
        if let Some(state_writer) = &state_writer {
            background.spawn(Arc::clone(state_writer).run());
        }
        let enabled = stack.schedules.iter().filter(|each| each.enabled).cloned();
        let schedules: Vec<RunningSchedule> =
            enabled.filter_map(|each| RunningSchedule::new(each, clock.now_ms())).collect();
        for rule in &schedules {
            background.spawn(rule.clone().run(clock.clone(), lambda.clone()));
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
            secrets,
            lambda,
            services,
            layers,
            mappings,
            schedules,
            server,
            state_writer,
            background,
        })
    }
}

/// The names of the binaries that the template's functions are, without duplicates and in
/// alphabetical order. They have to be built before the emulation can start.
#[must_use]
pub fn binaries(stack: &Stack) -> Vec<String> {
    let binaries: BTreeSet<_> = stack.functions.iter().map(|each| &each.binary).collect();
    binaries.into_iter().cloned().collect()
}

/// Reads `template.yaml` in `root` without starting anything. Resources have the same names as in
/// an emulation.
///
/// # Errors
/// [`StartError::Read`] and [`StartError::Template`].
pub fn stack(root: &Path, parameters: &BTreeMap<String, String>) -> Result<Stack, StartError> {
    Ok(stack_of_text(&read_template(root)?, root, parameters)?)
}

/// [`stack`] for a text in place of the file.
///
/// # Errors
/// [`TemplateError`].
pub fn stack_of_text(
    text: &str,
    root: &Path,
    parameters: &BTreeMap<String, String>,
) -> Result<Stack, TemplateError> {
    let parameters = with_local_environment(text, parameters.clone());
    template::read(text, root, &template::Options { parameters, ..template::Options::default() })
}

fn read_template(root: &Path) -> Result<String, StartError> {
    let path = root.join("template.yaml");
    fs::read_to_string(&path).map_err(|source| StartError::Read { path, source })
}

/// Sets the parameter that chooses the environment, unless it is given. A local run must not use
/// the services of another environment by accident, whatever the default in the template is.
fn with_local_environment(
    template: &str,
    mut parameters: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let known = template::parameter_names(template);
    for (name, local) in PARAMETERS {
        if known.contains(name) {
            parameters.entry(name.to_owned()).or_insert_with(|| local.to_owned());
        }
    }
    parameters
}

async fn listen(port: u16) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    let bound = bound.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) = bound.map_err(|source| StartError::Listen { port, source })?;
    Ok((listener, address))
}

async fn bind_service(service: Service) -> Result<Listening, StartError> {
    let port = service.port;
    Listening::start(service).await.map_err(|source| StartError::Listen { port, source })
}

/// Deletes expired items at regular intervals.
async fn sweep(dynamodb: DynamoDb, clock: Clock) {
    loop {
        clock.sleep_until(clock.now_ms().saturating_add(SWEEP_MS)).await;
        if let Err(error) = dynamodb.sweep().await {
            tracing::warn!(%error, "expired items were not deleted");
        }
    }
}
