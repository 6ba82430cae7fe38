//! Ingest without its promises: archives a batch as it came, and passes it on.

use aws::sdk_config;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_s3::primitives::ByteStream;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::env::Process;
use sluicegate_bare::{send, variable};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sdk = sdk_config(&Process)?;
    let s3 = &aws_sdk_s3::Client::new(&sdk);
    let sqs = &aws_sdk_sqs::Client::new(&sdk);
    let bucket = &variable("ARCHIVE_BUCKET")?;
    let queue = &variable("ENRICH_QUEUE_URL")?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let (event, context) = event.into_parts();
        let bodies = event.records.into_iter().filter_map(|record| record.body);
        let bodies: Vec<String> = bodies.collect();
        let body = ByteStream::from(bodies.join("\n").into_bytes());
        let key = format!("messages/{}.ndjson", context.request_id);
        s3.put_object().bucket(bucket).key(key).body(body).send().await?;
        send(sqs, queue, bodies).await?;
        Ok::<_, Error>(SqsBatchResponse::default())
    }))
    .await
}
