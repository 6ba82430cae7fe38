//! Redrive without its promises: takes ten messages, sends them on as they are, and deletes them.

use aws::sdk_config;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageSystemAttributeName, SendMessageBatchRequestEntry,
};
use bare::variable;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::env::Process;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sqs = &aws_sdk_sqs::Client::new(&sdk_config(&Process)?);
    let routes: &Value = &serde_json::from_str(&variable("ROUTES")?)?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let stage = event.payload["stage"].as_str().unwrap_or_default();
        let url = |name: &str| routes[stage][name].as_str().unwrap_or_default();
        let taken = sqs.receive_message().queue_url(url("dlq")).max_number_of_messages(10);
        let taken =
            taken.wait_time_seconds(1).visibility_timeout(60).message_attribute_names("All");
        let taken = taken.message_system_attribute_names(MessageSystemAttributeName::All);
        let messages = taken.send().await?.messages.unwrap_or_default();
        let (mut sending, mut deleting) = (Vec::new(), Vec::new());
        for (index, message) in messages.into_iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder().id(index.to_string());
            let entry = entry.set_message_body(message.body);
            sending.push(entry.set_message_attributes(message.message_attributes).build()?);
            let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
            deleting.push(entry.set_receipt_handle(message.receipt_handle).build()?);
        }
        let moved = sending.len();
        let call = sqs.send_message_batch().queue_url(url("queue"));
        call.set_entries(Some(sending)).send().await?;
        let call = sqs.delete_message_batch().queue_url(url("dlq"));
        call.set_entries(Some(deleting)).send().await?;
        Ok::<_, Error>(json!({ "moved": moved }))
    }))
    .await
}
