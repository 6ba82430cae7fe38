//! The sink without its promises: writes a batch in one transaction, of the same items: a row and a
//! dedupe record an event, and a total for each airline and day.

use std::collections::BTreeMap;

use aws::sdk_config;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::env::Process;
use serde_json::Value;
use sluicegate_bare::{number, string, text, variable};

/// What one airline's flights of a day come to.
#[derive(Default)]
struct Total {
    flights: i64,
    distance: i64,
    dep_delay: i64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let dynamodb = &aws_sdk_dynamodb::Client::new(&sdk_config(&Process)?);
    let tables: &Value = &serde_json::from_str(&variable("TABLES")?)?;
    let dedupe = &variable("DEDUPE_TABLE")?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let (mut records, mut rows) = (Vec::new(), Vec::new());
        let mut totals: BTreeMap<(String, String), Total> = BTreeMap::new();
        for record in event.payload.records {
            let event: Value = serde_json::from_str(&record.body.unwrap_or_default())?;
            let data = &event["data"];
            let day = text(&event, "time").get(..10).unwrap_or_default().to_owned();
            let total = totals.entry((text(data, "carrier").to_owned(), day)).or_default();
            total.flights += 1;
            total.distance += data["distance"].as_i64().unwrap_or_default();
            total.dep_delay += data["dep_delay"].as_i64().unwrap_or_default();
            records.push(TransactWriteItem::builder().put(dedupe_record(dedupe, &event)?).build());
            let row = row(text(tables, "records"), &event)?;
            rows.push(TransactWriteItem::builder().put(row).build());
        }
        let mut actions = records;
        actions.append(&mut rows);
        for ((carrier, day), total) in totals {
            let update = addition(text(tables, "totals"), &carrier, &day, &total)?;
            actions.push(TransactWriteItem::builder().update(update).build());
        }
        dynamodb.transact_write_items().set_transact_items(Some(actions)).send().await?;
        Ok::<_, Error>(SqsBatchResponse::default())
    }))
    .await
}

fn dedupe_record(table: &str, event: &Value) -> Result<Put, Error> {
    Ok(Put::builder()
        .table_name(table)
        .item("pk", AttributeValue::S(format!("bare-totals#{}", text(event, "idempotencykey"))))
        .item("fingerprint", string(text(event, "fingerprint")))
        .item("expires_at", number(4_102_444_800))
        .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
        .expression_attribute_values(":now", number(1_400_000_000))
        .build()?)
}

fn row(table: &str, event: &Value) -> Result<Put, Error> {
    let key = text(event, "idempotencykey");
    let mut put = Put::builder()
        .table_name(table)
        .item("pk", AttributeValue::S(format!("bare-flights#{key}")))
        .item("idempotency_key", string(key))
        .item("event_time", string(text(event, "time")))
        .item("ingest_time", string(text(event, "ingesttime")))
        .item("written_at", string(text(event, "ingesttime")))
        .item("event_id", string(text(event, "id")))
        .item("payload", attribute(&event["data"]))
        .condition_expression("attribute_not_exists(pk)");
    for name in ["dataset", "fingerprint", "subject"] {
        put = put.item(name, string(text(event, name)));
    }
    Ok(put.build()?)
}

fn addition(table: &str, carrier: &str, day: &str, total: &Total) -> Result<Update, Error> {
    Ok(Update::builder()
        .table_name(table)
        .key("pk", AttributeValue::S(format!("bare-flights#[\"{carrier}\"]#{day}")))
        .update_expression("SET #0=:0,#1=:1,#2=:2,#3=:3 ADD #4 :4,#5 :5,#6 :6")
        .expression_attribute_names("#0", "dataset")
        .expression_attribute_names("#1", "key")
        .expression_attribute_names("#2", "window")
        .expression_attribute_names("#3", "written_at")
        .expression_attribute_names("#4", "flights")
        .expression_attribute_names("#5", "distance")
        .expression_attribute_names("#6", "dep_delay")
        .expression_attribute_values(":0", string("flights"))
        .expression_attribute_values(":1", AttributeValue::L(vec![string(carrier)]))
        .expression_attribute_values(":2", string(day))
        .expression_attribute_values(":3", string("2026-01-01T00:00:00.000Z"))
        .expression_attribute_values(":4", number(total.flights))
        .expression_attribute_values(":5", number(total.distance))
        .expression_attribute_values(":6", number(total.dep_delay))
        .build()?)
}

fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => string(text),
        Value::Array(items) => AttributeValue::L(items.iter().map(attribute).collect()),
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| (name.clone(), attribute(member)));
            AttributeValue::M(members.collect())
        }
    }
}
