//! Claims of keys, and their completion: a transaction each for up to a hundred.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use futures_util::future::try_join_all;
use lambda_runtime::Error;
use serde_json::Value;

use crate::{number, string, text};

/// As many actions as a transaction takes.
const ACTIONS: usize = 100;

/// A key that somebody has, or had, in work.
pub struct Claim {
    pub key: String,
    pub fingerprint: String,
    /// Whose it is; once it is completed, where the effect is.
    pub owner: String,
}

impl Claim {
    #[must_use]
    pub fn of(event: &Value, owner: String) -> Self {
        let of = |name| text(event, name).to_owned();
        Self { key: of("idempotencykey"), fingerprint: of("fingerprint"), owner }
    }
}

/// The claims of one sink.
pub struct Claims {
    client: Client,
    table: String,
    sink: &'static str,
}

impl Claims {
    #[must_use]
    pub fn new(client: Client, table: String, sink: &'static str) -> Self {
        Self { client, table, sink }
    }

    /// # Errors
    /// When somebody else has one of them.
    pub async fn take(&self, claims: &[Claim]) -> Result<(), Error> {
        let taken = |claim: &Claim| {
            let put = self.record(claim).item("owner", string(&claim.owner));
            put.item("lease_ends_at", number(1_800_000_000_000))
                .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
                .expression_attribute_values(":now", number(1_400_000_000))
        };
        self.commit(claims, taken).await
    }

    /// # Errors
    /// When one of them is no longer its owner's.
    pub async fn complete(&self, claims: &[Claim]) -> Result<(), Error> {
        let completed = |claim: &Claim| {
            let put = self.record(claim).item("place", string(&claim.owner));
            put.condition_expression("#owner = :owner")
                .expression_attribute_names("#owner", "owner")
                .expression_attribute_values(":owner", string(&claim.owner))
        };
        self.commit(claims, completed).await
    }

    fn record(&self, claim: &Claim) -> PutBuilder {
        Put::builder()
            .table_name(&self.table)
            .item("pk", AttributeValue::S(format!("{}#{}", self.sink, claim.key)))
            .item("fingerprint", string(&claim.fingerprint))
            .item("expires_at", number(4_102_444_800))
    }

    async fn commit(
        &self,
        claims: &[Claim],
        change: impl Fn(&Claim) -> PutBuilder,
    ) -> Result<(), Error> {
        let calls = claims.chunks(ACTIONS).map(async |claims| {
            let action =
                |claim| Ok(TransactWriteItem::builder().put(change(claim).build()?).build());
            let actions = claims.iter().map(action).collect::<Result<Vec<_>, Error>>()?;
            self.client.transact_write_items().set_transact_items(Some(actions)).send().await?;
            Ok::<_, Error>(())
        });
        try_join_all(calls).await?;
        Ok(())
    }
}
