//! Finds items of DynamoDB tables by their keys, many with one call.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Builder, Config};
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use contracts::{CallFailure, LookupKey};
use event::FailureKind;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use runtime::{Lookup, LookupAnswer, LookupError};
use serde_json::value::to_raw_value;
use serde_json::{Number, Value};

use super::item::{Item, document};
use crate::failure_of;

/// The most keys of a BatchGetItem:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.
const MOST_KEYS: usize = 100;

/// The most bytes of a partition key, and of a sort key:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>. No table has a longer key, and
/// DynamoDB would refuse the whole call because of it.
const MOST_PARTITION_KEY_BYTES: usize = 2_048;
const MOST_SORT_KEY_BYTES: usize = 1_024;

/// Creates lookups in tables. They share one client.
#[derive(Clone, Debug)]
pub struct LookupTables {
    sdk: SdkConfig,
    client: Arc<OnceLock<Client>>,
}

impl LookupTables {
    /// The first call of any lookup creates the client.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { sdk: sdk.clone(), client: Arc::default() }
    }

    /// A lookup in the table `name`. A consistent one sees every write that was acknowledged before it, and costs twice
    /// as much.
    #[must_use]
    pub fn table(&self, name: &str, is_consistent: bool) -> TableLookup {
        TableLookup { tables: self.clone(), name: name.to_owned(), is_consistent }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let config: Config =
                Builder::from(&self.sdk).retry_config(RetryConfig::disabled()).build();
            Client::from_conf(config)
        })
    }
}

/// Finds items of one table by their keys.
#[derive(Clone, Debug)]
pub struct TableLookup {
    tables: LookupTables,
    name: String,
    is_consistent: bool,
}

impl TableLookup {
    async fn get(&self, keys: &[LookupKey]) -> Result<Vec<LookupAnswer>, LookupError> {
        let mut found: BTreeMap<&LookupKey, LookupAnswer> = BTreeMap::new();
        // DynamoDB refuses a whole call because of one key that the table cannot have. So each call has keys of one
        // kind only.
        let mut of_a_kind: BTreeMap<Vec<KeyKind>, Vec<&LookupKey>> = BTreeMap::new();
        for key in keys {
            let kinds: Vec<KeyKind> = key.parts().values().map(KeyKind::of).collect();
            if kinds.contains(&KeyKind::Impossible) {
                found.insert(key, LookupAnswer::Nothing);
            } else {
                of_a_kind.entry(kinds).or_default().push(key);
            }
        }
        for keys in of_a_kind.into_values() {
            self.get_of_a_kind(&keys, &mut found).await?;
        }
        let mut answers = Vec::with_capacity(keys.len());
        for key in keys {
            answers.push(found.get(key).cloned().unwrap_or(LookupAnswer::NotRead));
        }
        Ok(answers)
    }

    async fn get_of_a_kind<'a>(
        &self,
        keys: &[&'a LookupKey],
        found: &mut BTreeMap<&'a LookupKey, LookupAnswer>,
    ) -> Result<(), LookupError> {
        let request = KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().map(|key| attributes(key)).collect()))
            .consistent_read(self.is_consistent)
            .build()
            .map_err(|error| {
                LookupError::new(CallFailure::BadAnswer, format!("reading items: {error}"))
            })?;
        let call = self.tables.client().batch_get_item().request_items(&self.name, request);
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let code = error.as_service_error().and_then(BatchGetItemError::code);
                if code != Some("ValidationException") {
                    return Err(lookup_error(&error));
                }
                let reason = "the table has no such key: its attributes have other names or types";
                for key in keys {
                    found.insert(key, LookupAnswer::Unusable { reason: reason.to_owned() });
                }
                return Ok(());
            }
        };
        let unprocessed = answer.unprocessed_keys.unwrap_or_default().remove(&self.name);
        let unread: Vec<Item> = unprocessed.map(|unread| unread.keys).unwrap_or_default();
        let items = answer.responses.unwrap_or_default().remove(&self.name).unwrap_or_default();
        for key in keys {
            let wanted = attributes(key);
            let item = items.iter().find(|item| is_of_key(item, &wanted));
            let answer = match item {
                Some(item) => read(item)?,
                None if unread.iter().any(|unread| is_of_key(unread, &wanted)) => {
                    LookupAnswer::NotRead
                }
                None => LookupAnswer::Nothing,
            };
            found.insert(key, answer);
        }
        Ok(())
    }
}

fn read(item: &Item) -> Result<LookupAnswer, LookupError> {
    let document = document(item).and_then(|document| to_raw_value(&document).ok());
    document.map(LookupAnswer::Document).ok_or_else(|| {
        let reason = "reading items: an attribute of a type that is not known";
        LookupError::new(CallFailure::BadAnswer, reason)
    })
}

fn attributes(key: &LookupKey) -> Item {
    let mut item = Item::new();
    for (name, value) in key.parts() {
        let attribute = match value {
            Value::Number(number) => AttributeValue::N(number.to_string()),
            Value::String(text) => AttributeValue::S(text.clone()),
            // The parts of a key are numbers and strings only.
            other => AttributeValue::S(other.to_string()),
        };
        item.insert(name.clone(), attribute);
    }
    item
}

/// Whether an item has this key. Numbers are compared by value, since DynamoDB returns them in its own notation.
fn is_of_key(item: &Item, key: &Item) -> bool {
    key.iter().all(|(name, wanted)| match (item.get(name), wanted) {
        (Some(AttributeValue::N(one)), AttributeValue::N(other)) => is_same_number(one, other),
        (found, wanted) => found == Some(wanted),
    })
}

fn is_same_number(one: &str, other: &str) -> bool {
    match (serde_json::from_str::<Number>(one), serde_json::from_str::<Number>(other)) {
        (Ok(one), Ok(other)) => event::is_same_value(&Value::Number(one), &Value::Number(other)),
        _ => false,
    }
}

/// The keys of a table that a key's part can belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum KeyKind {
    Number,
    Text,
    /// A text that is too long for a sort key.
    LongText,
    /// A text that is too long for any key.
    Impossible,
}

impl KeyKind {
    fn of(part: &Value) -> Self {
        match part {
            Value::String(text) if text.len() > MOST_PARTITION_KEY_BYTES => Self::Impossible,
            Value::String(text) if text.len() > MOST_SORT_KEY_BYTES => Self::LongText,
            Value::String(_) => Self::Text,
            _ => Self::Number,
        }
    }
}

/// The error of a call that failed, with what its dependency's breaker and retries make of it.
fn lookup_error(error: &SdkError<BatchGetItemError, HttpResponse>) -> LookupError {
    let failure = failure_of("reading items", error);
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    let call_failure = match (failure.kind, error) {
        (FailureKind::Throttled { .. }, _) => CallFailure::Throttled,
        (_, SdkError::TimeoutError(_)) => CallFailure::Timeout,
        (_, SdkError::DispatchFailure(_)) => CallFailure::Connection,
        (_, SdkError::ServiceError(_)) if status.is_some_and(|status| status >= 500) => {
            CallFailure::ServerError
        }
        // A right or the table is missing, so another attempt would be refused too.
        (_, SdkError::ServiceError(_)) => CallFailure::Credentials,
        _ => CallFailure::BadAnswer,
    };
    LookupError::new(call_failure, failure.reason)
}

impl Lookup for TableLookup {
    fn max_keys(&self) -> usize {
        MOST_KEYS
    }

    fn find<'a>(
        &'a self,
        keys: &'a [LookupKey],
        _: Duration,
    ) -> BoxFuture<'a, Result<Vec<LookupAnswer>, LookupError>> {
        self.get(keys).boxed()
    }
}
