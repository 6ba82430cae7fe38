//! The lake without its promises: claims the keys of a batch, writes as many bytes to an object for each
//! day, adds it to the day's list, and completes the claims. It encodes nothing.

use std::collections::BTreeMap;

use aws::sdk_config;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use futures_util::future::try_join_all;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::env::Process;
use serde_json::{Value, json};
use sluicegate_bare::{Claim, Claims, text, variable};

struct Lake {
    s3: aws_sdk_s3::Client,
    bucket: String,
    /// What a row comes to in ours.
    bytes_per_row: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sdk = sdk_config(&Process)?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let claims = &Claims::new(dynamodb, variable("DEDUPE_TABLE")?, "bare-lake");
    let lake = &Lake {
        s3: aws_sdk_s3::Client::new(&sdk),
        bucket: variable("LAKE_BUCKET")?,
        bytes_per_row: variable("BYTES_PER_ROW")?.parse()?,
    };
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let mut days: BTreeMap<String, (String, usize)> = BTreeMap::new();
        let mut claimed = Vec::with_capacity(event.payload.records.len());
        for record in event.payload.records {
            let event: Value = serde_json::from_str(&record.body.unwrap_or_default())?;
            let day = text(&event, "time").get(..10).unwrap_or_default().to_owned();
            let key = text(&event, "idempotencykey");
            let object = || format!("bare/flights/date={day}/{key}.parquet");
            let (object, rows_of_day) = days.entry(day.clone()).or_insert_with(|| (object(), 0));
            *rows_of_day += 1;
            claimed.push(Claim::of(&event, object.clone()));
        }
        claims.take(&claimed).await?;
        let written = days.iter().map(|(day, (object, count))| lake.write(day, object, *count));
        try_join_all(written).await?;
        claims.complete(&claimed).await?;
        Ok::<_, Error>(SqsBatchResponse::default())
    }))
    .await
}

impl Lake {
    async fn write(&self, day: &str, object: &str, rows: usize) -> Result<(), Error> {
        let bytes = rows * self.bytes_per_row;
        let call = self.s3.put_object().bucket(&self.bucket).key(object).if_none_match("*");
        call.body(ByteStream::from(vec![b'x'; bytes])).send().await?;
        let manifest = format!("bare/flights/date={day}/_manifest.json");
        let (mut entries, etag) = self.read(&manifest).await?;
        entries.push(json!({ "key": object, "rows": rows, "bytes": bytes }));
        let call = self.s3.put_object().bucket(&self.bucket).key(manifest);
        let call = match etag {
            Some(etag) => call.if_match(etag),
            None => call.if_none_match("*"),
        };
        call.body(ByteStream::from(serde_json::to_vec(&entries)?)).send().await?;
        Ok(())
    }

    async fn read(&self, manifest: &str) -> Result<(Vec<Value>, Option<String>), Error> {
        match self.s3.get_object().bucket(&self.bucket).key(manifest).send().await {
            Ok(found) => {
                let body = found.body.collect().await?.into_bytes();
                Ok((serde_json::from_slice(&body)?, found.e_tag))
            }
            Err(error) => match error.into_service_error() {
                GetObjectError::NoSuchKey(_) => Ok((Vec::new(), None)),
                other => Err(other.into()),
            },
        }
    }
}
