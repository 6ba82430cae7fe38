//! What the function was invoked with, and its answer.

use aws_lambda_events::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use aws_lambda_events::sqs::SqsEvent;
use runtime::BatchResponse;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::adapters::Members;
use crate::direct::HandedOver;

/// The input of an invocation.
#[derive(Debug)]
pub(crate) enum Trigger {
    /// Messages of the inbox.
    Batch(SqsEvent),
    /// A request to the function's URL or to an HTTP API. Both have payload format 2.0.
    Request(Box<LambdaFunctionUrlRequest>),
    /// Records of DynamoDB streams.
    Stream(Vec<Box<RawValue>>),
    /// Anything else, as its text. It may be a message that came without a queue.
    Message(Box<RawValue>),
}

/// The answer of an invocation.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Batch(BatchResponse),
    Response(LambdaFunctionUrlResponse),
    HandedOver(HandedOver),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source {
    event_source: String,
}

/// Serde's untagged enumerations would try one variant after the other, but they cannot keep the digits of numbers as
/// `serde_json` does.
impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        let source = source_of(text.get());
        if source == Some(Records::Queue) {
            return serde_json::from_str(text.get()).map(Self::Batch).map_err(D::Error::custom);
        }
        if source == Some(Records::Stream) {
            let records = Members::of(text.get()).and_then(|it| it.read("Records"));
            return records.map(Self::Stream).ok_or_else(|| D::Error::custom("no records"));
        }
        if is_request(text.get()) {
            return serde_json::from_str(text.get()).map(Self::Request).map_err(D::Error::custom);
        }
        Ok(Self::Message(text))
    }
}

/// What all records of an invocation are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Records {
    /// Messages of a queue: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>.
    Queue,
    /// Records of DynamoDB streams: <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>.
    Stream,
}

fn source_of(text: &str) -> Option<Records> {
    let records: Vec<Source> = Members::of(text).and_then(|it| it.read("Records"))?;
    let are_all = |source: &str| records.iter().all(|record| record.event_source == source);
    if are_all("aws:sqs") {
        return Some(Records::Queue);
    }
    are_all("aws:dynamodb").then_some(Records::Stream)
}

/// Whether it is a request in payload format 2.0. That of format 1.0 and that of a load balancer have no `http`:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>.
fn is_request(text: &str) -> bool {
    let context = Members::of(text).and_then(|it| it.object("requestContext"));
    context.is_some_and(|context| context.object("http").is_some())
}
