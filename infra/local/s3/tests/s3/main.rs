//! What S3 has here beyond what the conformance suite asks: observers, checksums, what is refused,
//! and bytes on the wire that no SDK would send.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod observers;
mod wire;

use std::sync::{Arc, Mutex};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use clock::Clock;
use sluicegate_local_s3::{ObjectCreated, S3};

const BUCKET: &str = "lake";
const START_MS: u64 = 1_357_034_400_120;

struct World {
    s3: S3,
    clock: Clock,
    client: Client,
    address: String,
    created: Arc<Mutex<Vec<ObjectCreated>>>,
}

impl World {
    async fn start() -> Self {
        let clock = Clock::manual(START_MS);
        let s3 = S3::new(clock.clone());
        s3.create_bucket(BUCKET).unwrap();
        let created = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&created);
        s3.on_created(Box::new(move |event| sink.lock().unwrap().push(event)));
        let service = s3.service();
        let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
            let service = service.clone();
            async move { service.call(request).await }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("any", "thing", Some("token".into()), None, "t"))
            .endpoint_url(format!("http://{address}"))
            .force_path_style(true)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Self { s3, clock, client: Client::from_conf(config), address, created }
    }

    async fn put(&self, key: &str, body: &str) -> String {
        let body = ByteStream::from(body.as_bytes().to_vec());
        let put = self.client.put_object().bucket(BUCKET).key(key).body(body).send().await;
        put.unwrap().e_tag.unwrap()
    }

    async fn text(&self, key: &str) -> String {
        let got = self.client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        let body = got.body.collect().await.unwrap().into_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    /// One request as written, for what no SDK would send; its status and its answer.
    async fn raw(&self, request: &str, body: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(&self.address).await.unwrap();
        let (head, length) = (request.replace('\n', "\r\n"), body.len());
        let text = format!("{head}\r\nhost: s3\r\nconnection: close\r\ncontent-length: {length}");
        stream.write_all(format!("{text}\r\n\r\n{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }
}

#[track_caller]
fn check_refused<T: std::fmt::Debug, E>(result: Result<T, SdkError<E>>, status: u16, code: &str)
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let error = result.unwrap_err();
    let refused = (error.raw_response().unwrap().status().as_u16(), error.code());
    assert_eq!(refused, (status, Some(code)));
}
