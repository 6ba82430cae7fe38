//! Extends how long sinks remember keys: the expiry of dedupe records, and of rows that are their own.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use event::{Failure, Timestamp};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use letters::{KeyStore, Proof};

use super::{EvidenceTables, Place};
use crate::failure_of;

/// The most calls at the same time.
const AT_ONCE: usize = 16;

impl EvidenceTables {
    /// Extends the item at `place` to `until_s`. An item that is absent, expired, kept for ever or kept for longer
    /// stays as it is.
    async fn extend_one(&self, place: Place, until_s: i64, now_s: i64) -> Result<(), Failure> {
        let (table, pk) = place;
        let update = self
            .client
            .update_item()
            .table_name(table)
            .key("pk", AttributeValue::S(pk))
            .update_expression("SET expires_at = :until")
            .condition_expression("expires_at > :now AND expires_at < :until")
            .expression_attribute_values(":until", AttributeValue::N(until_s.to_string()))
            .expression_attribute_values(":now", AttributeValue::N(now_s.to_string()));
        let Err(error) = update.send().await else { return Ok(()) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(failure_of("extending what is remembered of an event", &error)),
        }
    }
}

impl KeyStore for EvidenceTables {
    fn knows(&self, proof: &Proof) -> bool {
        self.place(proof).is_some()
    }

    async fn extend(
        &self,
        proofs: &[Proof],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), Failure> {
        // DynamoDB's time to live counts whole seconds.
        let until_s = until.unix_ms().div_euclid(1_000);
        let now_s = now.unix_ms().div_euclid(1_000);
        let places: BTreeSet<Place> = proofs.iter().filter_map(|proof| self.place(proof)).collect();
        let updates = places.into_iter().map(|place| self.extend_one(place, until_s, now_s));
        stream::iter(updates).buffer_unordered(AT_ONCE).try_collect().await
    }
}
