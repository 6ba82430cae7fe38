//! The sink without its promises: writes a batch in one transaction, the same two puts an event.

use aws::sdk_config;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use bare::variable;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::env::Process;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let dynamodb = &aws_sdk_dynamodb::Client::new(&sdk_config(&Process)?);
    let tables: Value = serde_json::from_str(&variable("TABLES")?)?;
    let (dedupe, records) =
        (&variable("DEDUPE_TABLE")?, tables["records"].as_str().unwrap_or_default());
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let mut puts = Vec::new();
        for record in event.payload.records {
            let mut event: Value = serde_json::from_str(&record.body.unwrap_or_default())?;
            let payload = attribute(event["data"].take());
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let key = AttributeValue::S(format!("bare#{}", text("idempotencykey")));
            let once = Put::builder()
                .table_name(dedupe)
                .item("pk", key.clone())
                .item("fingerprint", AttributeValue::S(text("fingerprint")))
                .item("expires_at", AttributeValue::N("4102444800".to_owned()))
                .condition_expression("attribute_not_exists(pk)");
            let effect = Put::builder()
                .table_name(records)
                .item("pk", key)
                .item("event_time", AttributeValue::S(text("time")))
                .item("payload", payload);
            puts.push(TransactWriteItem::builder().put(once.build()?).build());
            puts.push(TransactWriteItem::builder().put(effect.build()?).build());
        }
        dynamodb.transact_write_items().set_transact_items(Some(puts)).send().await?;
        Ok::<_, Error>(SqsBatchResponse::default())
    }))
    .await
}

fn attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(items) => AttributeValue::L(items.into_iter().map(attribute).collect()),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, member)| (name, attribute(member)));
            AttributeValue::M(members.collect())
        }
    }
}
