//! DynamoDB: the behaviour that writing once depends on.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put,
    ReturnValuesOnConditionCheckFailure, ScalarAttributeType, TableStatus, TransactWriteItem,
};
use dynamodb::DynamoDb;

use crate::answers::{Answer as _, same};
use crate::rig::{self, Place, Time, cases};

cases!(World: one_of_32_racing_puts_wins, a_cancelled_transaction_says_why_and_what_was_there,
    a_token_makes_a_transaction_take_effect_once, a_refused_put_says_what_was_there);

pub(crate) struct World {
    client: Client,
    table: String,
    _service: Option<DynamoDb>,
}

impl rig::World for World {
    async fn start(place: &Place) -> Self {
        let config =
            aws_sdk_dynamodb::Config::builder().behavior_version(BehaviorVersion::latest());
        let (config, service, prefix) = match (place, Time::of(place)) {
            (Place::There(there), _) => {
                let config = config
                    .region(Region::new(there.region.clone()))
                    .endpoint_url(&there.endpoint)
                    .credentials_provider(there.credentials())
                    .http_client(there.http());
                (config, None, there.prefix())
            }
            (Place::Ours, Time::Manual(clock)) => {
                let service = DynamoDb::start(clock).await.unwrap();
                let config = config
                    .region(Region::new("us-east-1"))
                    .credentials_provider(Credentials::new("any", "thing", None, None, "test"))
                    .endpoint_url(format!("http://{}", service.address()))
                    .http_client(aws_smithy_http_client::Builder::new().build_http());
                (config, Some(service), String::new())
            }
            (Place::Ours, Time::Real { .. }) => unreachable!("ours has a manual clock"),
        };
        let client = Client::from_conf(config.build());
        let world = Self { client, table: format!("{prefix}dedupe"), _service: service };
        world.create_table().await;
        world
    }

    async fn clean_up(&self) {
        let _ = self.client.delete_table().table_name(&self.table).send().await;
    }
}

impl World {
    async fn create_table(&self) {
        let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash);
        let attribute = AttributeDefinition::builder().attribute_name("pk");
        let attribute = attribute.attribute_type(ScalarAttributeType::S);
        let table = self.client.create_table().table_name(&self.table);
        let table = table.billing_mode(BillingMode::PayPerRequest);
        let table = table.key_schema(key.build().unwrap());
        table.attribute_definitions(attribute.build().unwrap()).send().await.answered();
        loop {
            let told = self.client.describe_table().table_name(&self.table).send().await.answered();
            if told.table.and_then(|table| table.table_status) == Some(TableStatus::Active) {
                return;
            }
            Time::a_while().await;
        }
    }
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn once(world: &World, pk: &str, owner: &str) -> TransactWriteItem {
    let put = Put::builder().table_name(&world.table).item("pk", s(pk)).item("owner", s(owner));
    let put = put.condition_expression("attribute_not_exists(pk)");
    let put = put
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .unwrap();
    TransactWriteItem::builder().put(put).build()
}

async fn one_of_32_racing_puts_wins(world: &World) {
    for round in 0..5 {
        let pk = format!("key-{round}");
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..32 {
            let put = world.client.put_item().table_name(&world.table).item("pk", s(&pk));
            let put = put.item("owner", s(&writer.to_string()));
            let put = put.condition_expression("attribute_not_exists(pk)");
            writers.spawn(async move { (writer, put.send().await) });
        }
        let mut winners = Vec::new();
        while let Some(done) = writers.join_next().await {
            match done.unwrap() {
                (writer, Ok(_)) => winners.push(writer),
                (_, Err(lost)) => same!(lost.code(), Some("ConditionalCheckFailedException")),
            }
        }
        let [winner] = winners.as_slice() else { panic!("winners: {winners:?}") };
        let got = world
            .client
            .get_item()
            .table_name(&world.table)
            .key("pk", s(&pk))
            .consistent_read(true);
        let item = got.send().await.answered().item.unwrap();
        same!(item["owner"], s(&winner.to_string()));
    }
}

async fn a_cancelled_transaction_says_why_and_what_was_there(world: &World) {
    let transact = |items: Vec<TransactWriteItem>| {
        world.client.transact_write_items().set_transact_items(Some(items)).send()
    };
    transact(vec![once(world, "a", "first")]).await.answered();
    let refused =
        transact(vec![once(world, "b", "second"), once(world, "a", "second")]).await.refusal();
    let refused = refused.into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = refused else {
        panic!("{refused:?}")
    };
    let [b, a] = cancelled.cancellation_reasons() else { panic!("{cancelled:?}") };
    same!((b.code(), b.item()), (Some("None"), None));
    same!(a.code(), Some("ConditionalCheckFailed"));
    let expected: HashMap<_, _> =
        [("pk".to_owned(), s("a")), ("owner".to_owned(), s("first"))].into();
    same!(a.item(), Some(&expected));
}

async fn a_token_makes_a_transaction_take_effect_once(world: &World) {
    let transact = |token: &str, owner: &str| {
        // A service that keeps running may still remember the tokens of an earlier run.
        let token = format!("{}-{token}", world.table);
        let transact = world.client.transact_write_items().client_request_token(token);
        transact.transact_items(once(world, "a", owner)).send()
    };
    transact("1", "first").await.answered();
    transact("1", "first").await.answered();
    let other = transact("1", "second").await.refusal();
    same!(other.code(), Some("IdempotentParameterMismatchException"));
    let fresh = transact("2", "first").await.refusal();
    same!(fresh.code(), Some("TransactionCanceledException"));
}

async fn a_refused_put_says_what_was_there(world: &World) {
    let put = |owner: &str| {
        let put = world.client.put_item().table_name(&world.table).item("pk", s("a"));
        let put = put.item("owner", s(owner)).condition_expression("attribute_not_exists(pk)");
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        put.return_values_on_condition_check_failure(all_old).send()
    };
    put("first").await.answered();
    let refused = put("second").await.refusal().into_service_error();
    let PutItemError::ConditionalCheckFailedException(failed) = refused else {
        panic!("expected a failed condition, came {refused:?}")
    };
    let expected: HashMap<_, _> =
        [("pk".to_owned(), s("a")), ("owner".to_owned(), s("first"))].into();
    same!(failed.item(), Some(&expected));
}
