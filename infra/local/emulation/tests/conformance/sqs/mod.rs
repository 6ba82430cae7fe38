//! SQS: our service or a client of another one, and the time of either.

mod batches;
mod dead_letters;
mod fifo;
mod messages;
mod queues;
mod receipts;
mod wire;

use std::cell::RefCell;
use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::{Message, MessageAttributeValue, QueueAttributeName};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use sqs::Sqs;

use crate::answers::Answer as _;
use crate::rig::{self, Case, Place, Time};

pub(crate) fn cases() -> Vec<Case> {
    let modules = [
        batches::cases(),
        dead_letters::cases(),
        fifo::cases(),
        messages::cases(),
        queues::cases(),
        receipts::cases(),
        wire::cases(),
    ];
    modules.into_iter().flatten().collect()
}

pub(crate) struct World {
    pub(crate) client: Client,
    time: Time,
    ours: Option<Sqs>,
    prefix: String,
    /// The queues to delete at the end.
    made: RefCell<Vec<String>>,
    server: Option<tokio::task::JoinHandle<()>>,
}

impl rig::World for World {
    async fn start(place: &Place) -> Self {
        let time = Time::of(place);
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let (config, ours, server, prefix) = match (place, &time) {
            (Place::There(there), _) => {
                let config = config
                    .region(Region::new(there.region.clone()))
                    .endpoint_url(&there.endpoint)
                    .credentials_provider(there.credentials())
                    .http_client(there.http());
                (config, None, None, there.prefix())
            }
            (Place::Ours, Time::Manual(clock)) => {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let endpoint = format!("http://{}", listener.local_addr().unwrap());
                let sqs = Sqs::new(clock.clone(), "eu-west-1", "123456789012", &endpoint);
                let router = Router::new()
                    .route("/", post(answer))
                    .layer(DefaultBodyLimit::disable())
                    .with_state(Arc::new(sqs.clone()));
                let serving = async move { axum::serve(listener, router).await.unwrap() };
                let config = config
                    .region(Region::new("eu-west-1"))
                    .endpoint_url(endpoint)
                    .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
                    .http_client(aws_smithy_http_client::Builder::new().build_http());
                (config, Some(sqs), Some(tokio::spawn(serving)), String::new())
            }
            (Place::Ours, Time::Real { .. }) => unreachable!("ours has a manual clock"),
        };
        let client = Client::from_conf(config.build());
        Self { client, time, ours, prefix, made: RefCell::default(), server }
    }

    async fn clean_up(&self) {
        for queue in self.made.take() {
            // The case may have deleted it.
            let _ = self.client.delete_queue().queue_url(queue).send().await;
        }
    }
}

impl World {
    /// The full name of the queue that the case calls `name`.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) async fn pass(&self, seconds: u64) {
        self.time.pass(seconds).await;
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.time.now_ms()
    }

    /// Our service, for calls that would take too long over HTTP.
    pub(crate) fn ours(&self) -> Option<&Sqs> {
        self.ours.as_ref()
    }

    /// Creates a queue, and returns its URL.
    pub(crate) async fn create(&self, name: &str, attributes: &[(&str, &str)]) -> String {
        let mut request = self.client.create_queue().queue_name(self.name(name));
        for (name, value) in attributes {
            request = request.attributes(QueueAttributeName::from(*name), *value);
        }
        let url = request.send().await.answered().queue_url.unwrap();
        self.made.borrow_mut().push(url.clone());
        url
    }

    pub(crate) async fn arn(&self, queue: &str) -> String {
        self.attributes(queue).await[&QueueAttributeName::QueueArn].clone()
    }

    /// A redrive policy with the queue of this URL as the dead-letter queue.
    pub(crate) async fn policy(&self, dlq: &str, max_receive_count: &str) -> String {
        policy(&self.arn(dlq).await, max_receive_count)
    }

    pub(crate) async fn create_fifo(&self, name: &str, attributes: &[(&str, &str)]) -> String {
        self.create(name, &[&[("FifoQueue", "true")], attributes].concat()).await
    }

    /// The URLs of a queue and its dead-letter queue, `<name>-dlq`.
    pub(crate) async fn create_pair(&self, name: &str, max_receive_count: u32) -> (String, String) {
        let dlq = self.create(&format!("{name}-dlq"), &[]).await;
        let policy = self.policy(&dlq, &max_receive_count.to_string()).await;
        let attributes = [("RedrivePolicy", policy.as_str()), ("VisibilityTimeout", "1")];
        (self.create(name, &attributes).await, dlq)
    }

    pub(crate) async fn send(&self, queue: &str, body: &str) -> String {
        let request = self.client.send_message().queue_url(queue).message_body(body);
        request.send().await.answered().message_id.unwrap()
    }

    /// Sends a message of a group, with the body as the deduplication id.
    pub(crate) async fn send_to(&self, queue: &str, group: &str, body: &str) {
        let request = self.client.send_message().queue_url(queue).message_body(body);
        let request = request.message_group_id(group).message_deduplication_id(body);
        request.send().await.answered();
    }

    /// Receives up to ten messages with all their attributes.
    pub(crate) async fn receive(&self, queue: &str) -> Vec<Message> {
        self.receive_up_to(queue, 10).await
    }

    /// Receives exactly one message.
    pub(crate) async fn receive_one(&self, queue: &str) -> Message {
        let mut messages = self.receive_up_to(queue, 1).await;
        assert!(!messages.is_empty(), "expected a message to be received, came none");
        messages.remove(0)
    }

    pub(crate) async fn receive_up_to(&self, queue: &str, max: i32) -> Vec<Message> {
        let request = self.client.receive_message().queue_url(queue).max_number_of_messages(max);
        let request = request
            .message_system_attribute_names("All".into())
            .message_attribute_names("All")
            .wait_time_seconds(0);
        request.send().await.answered().messages.unwrap_or_default()
    }

    pub(crate) async fn bodies(&self, queue: &str) -> Vec<String> {
        self.receive(queue).await.into_iter().map(|message| message.body.unwrap()).collect()
    }

    pub(crate) async fn delete(&self, queue: &str, handle: &str) -> Result<(), String> {
        let request = self.client.delete_message().queue_url(queue).receipt_handle(handle);
        request
            .send()
            .await
            .map(|_| ())
            .map_err(|error| error.code().unwrap_or("no code").to_owned())
    }

    pub(crate) async fn hide(&self, queue: &str, handle: &str, seconds: i32) -> Result<(), String> {
        let request = self.client.change_message_visibility().queue_url(queue);
        let request = request.receipt_handle(handle).visibility_timeout(seconds);
        request
            .send()
            .await
            .map(|_| ())
            .map_err(|error| error.code().unwrap_or("no code").to_owned())
    }

    /// The numbers of visible, in-flight and delayed messages. Ours are exact.
    pub(crate) async fn depth(&self, queue: &str) -> (u32, u32, u32) {
        let attributes = self.attributes(queue).await;
        let count = |name: &str| {
            let name = format!("ApproximateNumberOfMessages{name}");
            attributes[&QueueAttributeName::from(name.as_str())].parse().unwrap()
        };
        (count(""), count("NotVisible"), count("Delayed"))
    }

    pub(crate) async fn attributes(
        &self,
        queue: &str,
    ) -> std::collections::HashMap<QueueAttributeName, String> {
        let request = self.client.get_queue_attributes().queue_url(queue);
        let answer = request.attribute_names(QueueAttributeName::All).send().await.answered();
        answer.attributes.unwrap()
    }

    pub(crate) async fn set(&self, queue: &str, name: &str, value: &str) -> Result<(), String> {
        let request = self.client.set_queue_attributes().queue_url(queue);
        let request = request.attributes(QueueAttributeName::from(name), value);
        request
            .send()
            .await
            .map(|_| ())
            .map_err(|error| error.code().unwrap_or("no code").to_owned())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

pub(crate) fn policy(dlq_arn: &str, max_receive_count: &str) -> String {
    format!(r#"{{"deadLetterTargetArn":"{dlq_arn}","maxReceiveCount":{max_receive_count}}}"#)
}

pub(crate) fn text(data_type: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(data_type).string_value(value).build().unwrap()
}

/// A system attribute of a message.
pub(crate) fn system(message: &Message, name: &str) -> Option<String> {
    message.attributes.as_ref()?.get(&name.into()).cloned()
}

async fn answer(State(sqs): State<Arc<Sqs>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let target = headers.get("x-amz-target").map_or("", |target| target.to_str().unwrap());
    let operation = target.strip_prefix("AmazonSQS.").unwrap();
    sqs.call(operation, &body).await.map(Body::from)
}
