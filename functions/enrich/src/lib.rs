#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

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

use aws::{
    LookupTables, Queues, ReferenceBucket, cancelled_redrives, claims, count_calls, sdk_config,
};
use lambda_runtime::Error;
use runtime::env::Process;
use runtime::{
    Batches, Lookup, Policy, init_logs, load_variables, open_contracts, recorder, serve_batches,
};

use crate::config::Config;
use crate::enrichers::{Enrichers, Lookups};
use crate::handler::{Enrich, Sending};

/// Runs the stage in this process.
///
/// `custom` has the lookups that are built into this binary, each under the name by which contracts use it
/// (`custom: {lookup: <name>, key: {…}}`). It is empty for the stage as it is delivered.
///
/// # Errors
/// When a variable of the environment is missing or malformed, or when the contracts' folder cannot be read. A contract
/// that cannot be used, or that names a variable, a table or a lookup that this function does not have, stops its own
/// dataset only: its events fail with the reason.
pub async fn run(custom: BTreeMap<String, Arc<dyn Lookup>>) -> Result<(), Error> {
    init_logs(&Process)?;
    let metrics = recorder(&Process)?;
    let config = Config::read(&Process)?;
    let contracts = open_contracts(&config.settings.contracts_dir)?;
    let variables = load_variables(&config.services.variables_file)?;
    let sdk = count_calls(sdk_config(&Process)?, &metrics, "enrich");
    let lookups = Lookups {
        tables: Box::new(LookupTables::new(&sdk)),
        table_names: config.lookup_tables,
        files: Arc::new(ReferenceBucket::new(&sdk, config.reference_bucket)),
        custom,
    };
    let enrichers = Enrichers::new(variables, lookups);
    let queue = Queues::new(&sdk);
    let redrives = cancelled_redrives(&sdk, config.letters_table);
    let claims = claims(&sdk, config.settings.archive_bucket.clone());
    let sending =
        Sending { queue: queue.clone(), claims: claims.clone(), sink_queues: config.sink_queues };
    let dependencies = contracts.declared_dependencies().clone();
    let client = config.services.client(&sdk, dependencies, metrics.clone());
    serve_batches(Batches {
        stage: Enrich::new(contracts, enrichers, client, sending, metrics.clone()),
        dead_letters: config.settings.dead_letters(queue.clone()),
        policy: Policy {
            cancelled_redrives: Some(redrives),
            claims: Some(claims),
            ..config.settings.policy()
        },
        queue,
        metrics,
    })
    .await
}
