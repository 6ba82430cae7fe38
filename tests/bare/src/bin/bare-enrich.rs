//! Enrich without its promises: asks for the weather of each event, and passes both on.

use aws::sdk_config;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use bare::{send, variable};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::env::Process;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sqs = &aws_sdk_sqs::Client::new(&sdk_config(&Process)?);
    let http = &Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let weather = &variable("WEATHER_URL")?;
    let queues: Value = serde_json::from_str(&variable("SINK_QUEUES")?)?;
    let queue = queues["table"].as_str().unwrap_or_default();
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let asked = event.payload.records.into_iter().map(async |record| {
            let body = record.body.unwrap_or_default();
            let event: Value = serde_json::from_str(&body)?;
            let part = |name: &str| event["data"][name].as_str().unwrap_or_default();
            let (origin, hour) = (part("origin"), part("time_hour"));
            let url = format!("{weather}/v1/stations/{origin}/hours/{hour}");
            let answer = http.get(url.parse()?).await?.into_body().collect().await?.to_bytes();
            let answer = std::str::from_utf8(&answer)?;
            Ok::<_, Error>(format!(r#"{{"event":{body},"weather":{answer}}}"#))
        });
        send(sqs, queue, try_join_all(asked).await?).await?;
        Ok::<_, Error>(SqsBatchResponse::default())
    }))
    .await
}
