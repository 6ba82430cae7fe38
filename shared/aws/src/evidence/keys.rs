//! What sinks remember of keys, extended: dedupe records, and rows that are their own.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use event::{Failure, Timestamp};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use letters::{KeyStore, Proof};

use super::{EvidenceTables, Place};
use crate::failure_of;

/// Calls at a time.
const AT_ONCE: usize = 16;

impl EvidenceTables {
    /// What is absent, expired, kept for ever or kept for longer stays as it is.
    async fn extend_one(&self, place: Place, until: i64, now: i64) -> Result<(), Failure> {
        let (table, pk) = place;
        let seconds = |seconds: i64| AttributeValue::N(seconds.to_string());
        let update = self
            .client
            .update_item()
            .table_name(table)
            .key("pk", AttributeValue::S(pk))
            .update_expression("SET expires_at = :until")
            .condition_expression("expires_at > :now AND expires_at < :until")
            .expression_attribute_values(":until", seconds(until))
            .expression_attribute_values(":now", seconds(now));
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
        // As the tables have it: their time to live counts whole seconds.
        let (until, now) = (until.unix_ms().div_euclid(1_000), now.unix_ms().div_euclid(1_000));
        let places: BTreeSet<Place> = proofs.iter().filter_map(|proof| self.place(proof)).collect();
        let updates = places.into_iter().map(|place| self.extend_one(place, until, now));
        stream::iter(updates).buffer_unordered(AT_ONCE).try_collect().await
    }
}
