//! Enrich without its promises: asks for the weather of each event, and passes both on to each kind of
//! sink.

use std::collections::BTreeMap;

use aws::sdk_config;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::env::Process;
use serde_json::Value;
use sluicegate_bare::{send, text, variable};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sqs = &aws_sdk_sqs::Client::new(&sdk_config(&Process)?);
    let http = &Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let weather = &variable("WEATHER_URL")?;
    let queues: &BTreeMap<String, String> = &serde_json::from_str(&variable("SINK_QUEUES")?)?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let asked = event.payload.records.into_iter().map(async |record| {
            let body = record.body.unwrap_or_default();
            let event: Value = serde_json::from_str(&body)?;
            let (origin, hour) =
                (text(&event["data"], "origin"), text(&event["data"], "time_hour"));
            let url = format!("{weather}/v1/stations/{origin}/hours/{hour}");
            let answer = http.get(url.parse()?).await?.into_body().collect().await?.to_bytes();
            let answer = std::str::from_utf8(&answer)?;
            Ok::<_, Error>(format!(r#"{{"event":{body},"weather":{answer}}}"#))
        });
        let bodies = try_join_all(asked).await?;
        // A flight's sinks: tables and the lake.
        let queues = ["table", "lake"].iter().filter_map(|kind| queues.get(*kind));
        try_join_all(queues.map(|queue| send(sqs, queue, bodies.clone()))).await?;
        Ok::<_, Error>(SqsBatchResponse::default())
    }))
    .await
}
