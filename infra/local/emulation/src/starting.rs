//! From a template to a running world: what is started, in which order, and what is read of a template
//! before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

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

/// The template's parameter that chooses whose services are used, and what it is here.
const ENVIRONMENT: (&str, &str) = ("Environment", "local");
/// How often expired items are looked for, in milliseconds; DynamoDB takes up to days:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>
const SWEEP_MS: u64 = 60_000;

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
                let service = listen_as(service).await?;
                places.insert(place, service.url().to_owned());
                listening.push(service);
            }
        }
        let layers = FilledLayers::make(&mut stack, places)?;
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
        let place =
            Location { region: region.to_owned(), account: template_options.account.clone() };
        let known_mappings = EventSourceMappings::default();
        // Before the mappings: what they invoke calls back.
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

/// The functions' binaries that the template names, each once, in alphabetical order: what has to be
/// built before an emulation of it can start.
#[must_use]
pub fn binaries(stack: &Stack) -> Vec<String> {
    let binaries: BTreeSet<_> = stack.functions.iter().map(|each| &each.binary).collect();
    binaries.into_iter().cloned().collect()
}

/// What the template declares, by the names that it has here, without starting any of it.
///
/// # Errors
/// When the template cannot be read.
pub fn stack(root: &Path, parameters: &BTreeMap<String, String>) -> Result<Stack, StartError> {
    Ok(stack_of_text(&read_template(root)?, root, parameters)?)
}

/// What this text of a template declares, as [`stack`] reads the file.
///
/// # Errors
/// When the template cannot be read.
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

/// Whatever the template's default is: a local run uses no other environment's services by accident.
fn with_local_environment(
    template: &str,
    mut parameters: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let (name, local) = ENVIRONMENT;
    if template::parameter_names(template).contains(name) {
        parameters.entry(name.to_owned()).or_insert_with(|| local.to_owned());
    }
    parameters
}

async fn listen(port: u16) -> Result<(TcpListener, SocketAddr), StartError> {
    let error = |source| StartError::Listen { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(error)?;
    let address = listener.local_addr().map_err(error)?;
    Ok((listener, address))
}

async fn listen_as(service: Service) -> Result<Listening, StartError> {
    let port = service.port;
    Listening::start(service).await.map_err(|source| StartError::Listen { port, source })
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
