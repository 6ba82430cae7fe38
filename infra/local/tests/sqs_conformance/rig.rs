//! A server, a client of it, and the clock of both.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{Message, MessageAttributeValue, QueueAttributeName};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use local::clock::Clock;
use local::sqs::Sqs;

pub(crate) const START_MS: u64 = 1_700_000_000_000;

pub(crate) struct World {
    pub(crate) client: Client,
    clock: Clock,
    server: tokio::task::JoinHandle<()>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Clock::manual(START_MS);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let sqs = Sqs::new(clock.clone(), "eu-west-1", "123456789012", &endpoint);
        let router = Router::new()
            .route("/", post(answer))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::new(sqs));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(endpoint)
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Self { client: Client::from_conf(config), clock, server }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn passed_ms(&self) -> u64 {
        self.clock.now_ms() - START_MS
    }

    /// Makes a queue, and answers its URL.
    pub(crate) async fn create(&self, name: &str, attributes: &[(&str, &str)]) -> String {
        let mut request = self.client.create_queue().queue_name(name);
        for (name, value) in attributes {
            request = request.attributes(QueueAttributeName::from(*name), *value);
        }
        request.send().await.unwrap().queue_url.unwrap()
    }

    pub(crate) async fn create_fifo(&self, name: &str, attributes: &[(&str, &str)]) -> String {
        self.create(name, &[&[("FifoQueue", "true")], attributes].concat()).await
    }

    /// A queue and its dead-letter queue, `<name>-dlq`, as URLs.
    pub(crate) async fn create_pair(&self, name: &str, max_receive_count: u32) -> (String, String) {
        let dlq = self.create(&format!("{name}-dlq"), &[]).await;
        let policy = policy(&format!("{name}-dlq"), &max_receive_count.to_string());
        (self.create(name, &[("RedrivePolicy", &policy)]).await, dlq)
    }

    pub(crate) async fn send(&self, queue: &str, body: &str) -> String {
        let request = self.client.send_message().queue_url(queue).message_body(body);
        request.send().await.unwrap().message_id.unwrap()
    }

    /// Sends to a group, with the body as the deduplication id.
    pub(crate) async fn send_to(&self, queue: &str, group: &str, body: &str) {
        let request = self.client.send_message().queue_url(queue).message_body(body);
        let request = request.message_group_id(group).message_deduplication_id(body);
        request.send().await.unwrap();
    }

    /// Receives up to ten messages with all their attributes.
    pub(crate) async fn receive(&self, queue: &str) -> Vec<Message> {
        self.receive_up_to(queue, 10).await
    }

    pub(crate) async fn receive_up_to(&self, queue: &str, max: i32) -> Vec<Message> {
        let request = self.client.receive_message().queue_url(queue).max_number_of_messages(max);
        let request = request
            .message_system_attribute_names("All".into())
            .message_attribute_names("All")
            .wait_time_seconds(0);
        request.send().await.unwrap().messages.unwrap_or_default()
    }

    pub(crate) async fn bodies(&self, queue: &str) -> Vec<String> {
        self.receive(queue).await.into_iter().map(|message| message.body.unwrap()).collect()
    }

    pub(crate) async fn delete(&self, queue: &str, handle: &str) -> Result<(), String> {
        let request = self.client.delete_message().queue_url(queue).receipt_handle(handle);
        request.send().await.map(|_| ()).map_err(|error| code(&error))
    }

    pub(crate) async fn hide(&self, queue: &str, handle: &str, seconds: i32) -> Result<(), String> {
        let request = self.client.change_message_visibility().queue_url(queue);
        let request = request.receipt_handle(handle).visibility_timeout(seconds);
        request.send().await.map(|_| ()).map_err(|error| code(&error))
    }

    /// Approximate (here: exact) counts: visible, in flight, delayed.
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
        let answer = request.attribute_names(QueueAttributeName::All).send().await.unwrap();
        answer.attributes.unwrap()
    }

    pub(crate) async fn set(&self, queue: &str, name: &str, value: &str) -> Result<(), String> {
        let request = self.client.set_queue_attributes().queue_url(queue);
        let request = request.attributes(QueueAttributeName::from(name), value);
        request.send().await.map(|_| ()).map_err(|error| code(&error))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The error's code, as the SDK tells it: of the query protocol.
pub(crate) fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or("no code").to_owned()
}

pub(crate) fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:eu-west-1:123456789012:{queue}")
}

pub(crate) fn policy(dlq: &str, max_receive_count: &str) -> String {
    format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{max_receive_count}}}"#, arn(dlq))
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
