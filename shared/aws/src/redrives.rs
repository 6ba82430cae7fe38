//! Reads from the ledger of runs which of them were cancelled. Stages ask this before they process what a run has sent.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use event::Failure;
use futures_util::future::BoxFuture;
use runtime::{CancelledRedrives, RedriveRuns};

use crate::failure_of;

/// The partition of the letters' table in which each run is an item, by its id.
pub(crate) const RUNS: &str = "runs";

/// The attribute of a run's item that holds the name of its state.
pub(crate) const STATE: &str = "state";

/// Tells a stage which runs of redrive were cancelled, by their items in the letters' table. The first question creates
/// the client.
#[must_use]
pub fn cancelled_redrives(config: &SdkConfig, letters_table: String) -> CancelledRedrives {
    CancelledRedrives::new(Arc::new(RedriveLedger {
        config: config.clone(),
        client: OnceLock::new(),
        table: letters_table,
    }))
}

/// The items of runs in the letters' table.
#[derive(Debug)]
struct RedriveLedger {
    config: SdkConfig,
    /// Created by the first question, since most environments never process what a run has sent.
    client: OnceLock<Client>,
    table: String,
}

impl RedriveLedger {
    async fn state_of(&self, run: &str) -> Result<Option<String>, Failure> {
        let client = self.client.get_or_init(|| Client::new(&self.config));
        let key = HashMap::from([
            ("pk".to_owned(), AttributeValue::S(RUNS.to_owned())),
            ("sk".to_owned(), AttributeValue::S(run.to_owned())),
        ]);
        let get = client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .consistent_read(true)
            .projection_expression("#state")
            // `state` is a reserved word:
            // <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>.
            .expression_attribute_names("#state", STATE);
        let answer = get.send().await;
        let answer = answer.map_err(|error| failure_of("reading a run of redrive", &error))?;
        let item = answer.item.unwrap_or_default();
        Ok(item.get(STATE).and_then(|state| state.as_s().ok()).cloned())
    }
}

impl RedriveRuns for RedriveLedger {
    fn is_cancelled<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        Box::pin(async move {
            let state = self.state_of(run).await?;
            Ok(matches!(state.as_deref(), Some("cancelling" | "cancelled")))
        })
    }
}
