//! The official SDK as a client: it signs, checks every digest, and costs more than what it asks.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry};

use crate::client::{BATCH, Caller, Taken};
use crate::world::{body, number};

pub(crate) struct Official {
    client: Client,
    url: String,
}

impl Official {
    pub(crate) fn new(endpoint: &str, queue: &str) -> Self {
        let variables = std::collections::BTreeMap::from([
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "producer"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_ENDPOINT_URL", endpoint),
        ]);
        let client = Client::new(&aws::sdk_config(&variables).unwrap());
        Self { client, url: format!("{endpoint}/000000000000/{queue}") }
    }
}

impl Caller for Official {
    async fn send(&mut self, first: usize) {
        let entry = |at: usize| {
            let entry = SendMessageBatchRequestEntry::builder().id(at.to_string());
            entry.message_body(body(first + at)).build().unwrap()
        };
        let entries: Vec<_> = (0..BATCH).map(entry).collect();
        let call = self.client.send_message_batch().queue_url(&self.url);
        let sent = call.set_entries(Some(entries)).send().await.unwrap();
        assert_eq!(sent.successful.len(), BATCH);
    }

    async fn receive(&mut self) -> Vec<Taken> {
        let call = self.client.receive_message().queue_url(&self.url);
        let received = call.max_number_of_messages(10).send().await.unwrap();
        let taken = |message: aws_sdk_sqs::types::Message| Taken {
            number: number(message.body().unwrap()),
            handle: message.receipt_handle.unwrap(),
        };
        received.messages.unwrap_or_default().into_iter().map(taken).collect()
    }

    async fn delete(&mut self, taken: Vec<Taken>) {
        let count = taken.len();
        let entry = |(at, one): (usize, Taken)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(at.to_string());
            entry.receipt_handle(one.handle).build().unwrap()
        };
        let entries: Vec<_> = taken.into_iter().enumerate().map(entry).collect();
        let call = self.client.delete_message_batch().queue_url(&self.url);
        let deleted = call.set_entries(Some(entries)).send().await.unwrap();
        assert_eq!(deleted.successful.len(), count);
    }
}
