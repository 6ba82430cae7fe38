//! The breakers' [`Store`] port, implemented with DynamoDB. All breakers of a stack are in one partition of a
//! table, so that one query reads them.
//!
//! `pk` is always `breakers`; `sk` is `record#<breaker>` or `counts#<window in ms>#<breaker>`. Another
//! partition says which queues are polled.

mod polling;
mod publication;
mod record;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Builder, Config};
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use breaker::{
    Publication, PublishOutcome, Record, ReplaceOutcome, Snapshot, Store, StoreUnavailable, Window,
};
use event::Timestamp;

use self::publication::Update;

type Item = std::collections::HashMap<String, AttributeValue>;

/// The table of a stack's breakers, and of the pauses in the polling of its queues.
#[derive(Clone, Debug)]
pub struct BreakerTable {
    sdk: SdkConfig,
    client: OnceLock<Client>,
    table: String,
}

/// The longest time for one request to the store. A breaker must not delay its calls for longer.
const LIMIT: Duration = Duration::from_millis(500);

/// The most pages that a query reads. A page has 1 MB, which is some thousand breakers.
const MOST_PAGES: usize = 4;

const PARTITION: &str = "breakers";

impl BreakerTable {
    /// The breakers in `table`, which has the key `pk` and `sk`. The client is created by the first request,
    /// since a dataset without services makes none.
    #[must_use]
    pub fn new(sdk: &SdkConfig, table: String) -> Self {
        Self { sdk: sdk.clone(), client: OnceLock::new(), table }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let timeouts = TimeoutConfig::builder().operation_timeout(LIMIT).build();
            // The SDK does not retry. A write whose answer was lost would add its counts twice.
            let config: Config = Builder::from(&self.sdk)
                .retry_config(RetryConfig::disabled())
                .timeout_config(timeouts)
                .build();
            Client::from_conf(config)
        })
    }
}

fn key(sort_key: String) -> Item {
    key_in(PARTITION, sort_key)
}

fn key_in(partition: &str, sort_key: String) -> Item {
    Item::from([
        ("pk".to_owned(), AttributeValue::S(partition.to_owned())),
        ("sk".to_owned(), AttributeValue::S(sort_key)),
    ])
}

fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// The attribute of an item, if it is a whole number.
fn whole(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn read_time(item: &Item, name: &str) -> Option<Timestamp> {
    item.get(name)?.as_n().ok()?.parse().ok().map(Timestamp::from_unix_ms)
}

fn away(reason: impl Display) -> StoreUnavailable {
    StoreUnavailable { reason: reason.to_string() }
}

impl Store for BreakerTable {
    async fn read(&self) -> Result<BTreeMap<String, Snapshot>, StoreUnavailable> {
        let mut breakers: BTreeMap<String, Snapshot> = BTreeMap::new();
        for item in self.read_partition(PARTITION).await? {
            add(&mut breakers, &item);
        }
        Ok(breakers)
    }

    async fn replace(&self, breaker: &str, expected: u64, record: &Record) -> ReplaceOutcome {
        let mut item = key(format!("record#{breaker}"));
        item.extend(record::attributes(record));
        let put = self.client().put_item().table_name(&self.table).set_item(Some(item));
        let put = match expected {
            0 => put.condition_expression("attribute_not_exists(pk)"),
            version => put
                .condition_expression("version = :version")
                .expression_attribute_values(":version", number(version)),
        };
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        match put.return_values_on_condition_check_failure(old).send().await {
            Ok(_) => ReplaceOutcome::Written,
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    ReplaceOutcome::Conflict(failed.item().and_then(record::read))
                }
                _ => ReplaceOutcome::Unknown(away(DisplayErrorContext(error))),
            },
        }
    }

    async fn publish(
        &self,
        breaker: &str,
        window: Window,
        publication: &Publication,
    ) -> PublishOutcome {
        let horizon_ms = window.horizon().as_millis();
        let key = key(format!("counts#{horizon_ms}#{breaker}"));
        if publication.is_first_of_generation() {
            return self.begin_counts(key, publication).await;
        }
        let Update { expression, condition, values } = Update::of(publication);
        let update = self.client().update_item().table_name(&self.table).set_key(Some(key));
        let update = update
            .update_expression(expression)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values));
        match update.send().await {
            Ok(_) => PublishOutcome::Added,
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                    PublishOutcome::Conflict
                }
                _ => PublishOutcome::Unknown(away(DisplayErrorContext(error))),
            },
        }
    }
}

impl BreakerTable {
    async fn read_partition(&self, partition: &str) -> Result<Vec<Item>, StoreUnavailable> {
        let mut items = Vec::new();
        let mut from = None;
        for _ in 0..MOST_PAGES {
            let query = self.client().query().table_name(&self.table).consistent_read(true);
            let query = query
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()))
                .set_exclusive_start_key(from.take());
            let page = query.send().await.map_err(|error| away(DisplayErrorContext(error)))?;
            items.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(items);
            }
        }
        Err(away("there is more than is read"))
    }

    /// Replaces the counts of an earlier generation.
    async fn begin_counts(&self, mut item: Item, publication: &Publication) -> PublishOutcome {
        item.extend(publication::attributes(publication));
        let put = self.client().put_item().table_name(&self.table).set_item(Some(item));
        let seen = &publication.seen;
        let put = if seen.places.is_empty() {
            put.condition_expression("attribute_not_exists(pk)")
        } else {
            put.condition_expression("generation = :seen")
                .expression_attribute_values(":seen", number(seen.generation))
        };
        match put.send().await {
            Ok(_) => PublishOutcome::Added,
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => PublishOutcome::Conflict,
                _ => PublishOutcome::Unknown(away(DisplayErrorContext(error))),
            },
        }
    }
}

/// Adds one item of the partition to the snapshots. An item that cannot be read was written by a later version,
/// or is not ours, and is left out.
fn add(breakers: &mut BTreeMap<String, Snapshot>, item: &Item) {
    let Some(Ok(sort_key)) = item.get("sk").map(|key| key.as_s()) else { return };
    if let Some(breaker) = sort_key.strip_prefix("record#") {
        if let Some(record) = record::read(item) {
            breakers.entry(breaker.to_owned()).or_default().record = Some(record);
        }
    } else if let Some(rest) = sort_key.strip_prefix("counts#")
        && let Some((horizon_ms, breaker)) = rest.split_once('#')
        && let (Ok(horizon_ms), Some(counts)) = (horizon_ms.parse(), publication::read(item))
    {
        let snapshot = breakers.entry(breaker.to_owned()).or_default();
        snapshot.counts.insert(Duration::from_millis(horizon_ms), counts);
    }
}
