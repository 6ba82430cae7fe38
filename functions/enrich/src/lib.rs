#![doc = include_str!("../README.md")]

mod answer;
mod ask;
mod batches;
mod cache;
mod config;
#[cfg(test)]
mod doubles;
mod enrichers;
mod handler;
mod http;
mod lookup;
mod merge;
mod question;
mod reference;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::{LookupTables, Queues, ReferenceBucket, cancelled_redrives, sdk_config};
use lambda_runtime::Error;
use runtime::env::Process;
use runtime::{Batches, Lookup, Policy, init_logs, load_contracts, load_variables, serve_batches};

use crate::config::Config;
use crate::enrichers::{Enrichers, Lookups};
use crate::handler::Enrich;

/// Runs the stage in this process, with these lookups, by the names under which contracts use them
/// (`custom: {lookup: <name>, key: {…}}`).
///
/// # Errors
/// When the environment or a contract is not what it has to be, with what is wrong.
pub async fn run(custom: BTreeMap<String, Arc<dyn Lookup>>) -> Result<(), Error> {
    init_logs(&Process)?;
    let config = Config::read(&Process)?;
    let contracts = load_contracts(&config.settings.contracts_dir)?;
    let variables = load_variables(&config.services.variables_file)?;
    let sdk = sdk_config(&Process)?;
    let lookups = Lookups {
        tables: &LookupTables::new(&sdk),
        table_names: &config.lookup_tables,
        files: Arc::new(ReferenceBucket::new(&sdk, config.reference_bucket)),
        custom: &custom,
    };
    let enrichers = Enrichers::bind(&contracts, &variables, &lookups)?;
    let queue = Queues::new(&sdk);
    let redrives = cancelled_redrives(&sdk, config.letters_table);
    let dependencies = enrichers.dependencies.clone();
    let client = config.services.client(&sdk, enrichers.need_tls(), dependencies)?;
    serve_batches(Batches {
        stage: Enrich::new(contracts, enrichers, client, queue.clone(), config.sink_queues),
        dead_letters: config.settings.dead_letters(queue.clone()),
        policy: Policy { cancelled_redrives: Some(redrives), ..config.settings.policy() },
        queue,
    })
    .await
}
