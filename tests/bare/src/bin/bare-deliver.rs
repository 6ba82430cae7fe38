//! Deliver without its promises: claims the keys of a batch, puts each event to the service, and completes
//! the claims.

use aws::sdk_config;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::env::Process;
use serde_json::Value;
use sluicegate_bare::{Claim, Claims, text, variable};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk_config(&Process)?);
    let claims = &Claims::new(dynamodb, variable("DEDUPE_TABLE")?, "bare-stations");
    let http = &Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let weather = &variable("WEATHER_URL")?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let (mut claimed, mut requests) = (Vec::new(), Vec::new());
        for record in event.payload.records {
            let event: Value = serde_json::from_str(&record.body.unwrap_or_default())?;
            let data = &event["data"];
            let (origin, hour) = (text(data, "origin"), text(data, "time_hour"));
            let claim = Claim::of(&event, "bare-deliver".to_owned());
            let request =
                http::Request::put(format!("{weather}/v1/stations/{origin}/hours/{hour}"))
                    .header("content-type", "application/json")
                    .header("idempotency-key", format!("\"bare-stations#{}\"", claim.key))
                    .body(Full::new(Bytes::from(data.to_string())))?;
            requests.push(request);
            claimed.push(claim);
        }
        claims.take(&claimed).await?;
        try_join_all(requests.into_iter().map(async |request| {
            let answer = http.request(request).await?;
            let is_taken = answer.status().is_success();
            answer.into_body().collect().await?;
            if is_taken { Ok::<_, Error>(()) } else { Err("it was refused".into()) }
        }))
        .await?;
        claims.complete(&claimed).await?;
        Ok::<_, Error>(SqsBatchResponse::default())
    }))
    .await
}
