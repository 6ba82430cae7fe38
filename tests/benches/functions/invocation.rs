//! What Lambda gives a function: the variables of its environment, and events from queues.

use std::collections::BTreeMap;

use axum::body::Bytes;
use emulation::clock::Clock;
use emulation::lambda::PAYLOAD_LIMIT;
use sample::WEATHER_PLACE;
use serde_json::{Map, Value, json};
use sluicegate_tests::{World, root};

/// The template's variables of a function, and Lambda's own; its calls are counted as `caller`'s.
pub(crate) fn variables(
    world: &World,
    function: &str,
    caller: &str,
    endpoint: &str,
) -> BTreeMap<String, String> {
    let stack = world.emulation().stack();
    let function = stack.functions.iter().find(|each| each.logical_id == function).unwrap();
    let mut all = function.environment.clone();
    if let Some(file) = all.get_mut("VARIABLES_FILE") {
        *file = function.layers[0].join("variables/local.yaml").display().to_string();
        // What the bare functions know of services.
        let weather = world.emulation().place(WEATHER_PLACE).unwrap().to_owned();
        all.insert("WEATHER_URL".to_owned(), weather);
    }
    let contracts = root().join("tests/contracts").display().to_string();
    let own = [
        ("CONTRACTS_DIR", contracts),
        ("AWS_ACCESS_KEY_ID", caller.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "measured".to_owned()),
    ];
    all.extend(own.map(|(name, value)| (name.to_owned(), value)));
    all
}

/// A function's memory, as the template has it.
pub(crate) fn memory_mb(world: &World, function: &str) -> f64 {
    let stack = world.emulation().stack();
    let function = stack.functions.iter().find(|each| each.logical_id == function).unwrap();
    f64::from(function.memory_mb)
}

/// Messages of a queue, as Lambda hands them over.
pub(crate) struct Messages {
    arn: String,
    attributes: Map<String, Value>,
    sent: String,
}

impl Messages {
    /// From the queue that the template calls so; each with these attributes.
    pub(crate) fn of(world: &World, queue: &str, attributes: &[(&str, &str)]) -> Self {
        let stack = world.emulation().stack();
        let queue = stack.queues.iter().find(|each| each.logical_id == queue).unwrap();
        let attribute = |&(name, value): &(&str, &str)| {
            let value = json!({
                "stringValue": value, "stringListValues": [], "binaryListValues": [],
                "dataType": "String",
            });
            (name.to_owned(), value)
        };
        let attributes = attributes.iter().map(attribute).collect();
        Self { arn: queue.arn.clone(), attributes, sent: Clock::system().now_ms().to_string() }
    }

    /// One event of them all.
    pub(crate) fn event(&self, bodies: &[String]) -> Bytes {
        let records = bodies.iter().enumerate().map(|(at, body)| self.record(at, body));
        let records: Vec<String> = records.collect();
        Bytes::from(format!("{{\"Records\":[{}]}}", records.join(",")))
    }

    /// How many of them Lambda hands over at once, where it may be as many as `most`: 6 MB.
    pub(crate) fn fitting(&self, bodies: &[String], most: usize) -> usize {
        let mut bytes = self.event(&[]).len();
        let fits = |(at, body): &(usize, &String)| {
            bytes += self.record(*at, body).len() + 1;
            bytes <= PAYLOAD_LIMIT
        };
        bodies.iter().take(most).enumerate().take_while(fits).count()
    }

    fn record(&self, index: usize, body: &str) -> String {
        let record = json!({
            "messageId": format!("059f36b4-87a3-44ab-83d2-{index:012}"),
            "receiptHandle": format!("AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a{index}"),
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": self.sent,
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": self.sent,
            },
            "messageAttributes": self.attributes,
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": self.arn,
            "awsRegion": "eu-west-1",
        });
        record.to_string()
    }
}
