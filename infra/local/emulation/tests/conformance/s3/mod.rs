//! S3: our service or a client of another one, with a bucket for the case.

mod buckets;
mod objects;
mod uploads;

use std::cell::RefCell;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use s3::S3;

use crate::answers::Answer as _;
use crate::rig::{self, Case, Place, Time};

pub(crate) fn cases() -> Vec<Case> {
    [buckets::cases(), objects::cases(), uploads::cases()].into_iter().flatten().collect()
}

const PART: usize = 5 << 20;

pub(crate) struct World {
    client: Client,
    time: Time,
    bucket: String,
    prefix: String,
    /// The buckets to delete at the end.
    made: RefCell<Vec<String>>,
}

impl rig::World for World {
    async fn start(place: &Place) -> Self {
        let time = Time::of(place);
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
            .force_path_style(true);
        let (config, prefix) = match (place, &time) {
            (Place::There(there), _) => {
                let config = config
                    .region(Region::new(there.region.clone()))
                    .endpoint_url(&there.endpoint)
                    .credentials_provider(there.credentials())
                    .http_client(there.http());
                (config, there.prefix())
            }
            (Place::Ours, Time::Manual(clock)) => {
                let service = S3::new(clock.clone()).service();
                let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
                    let service = service.clone();
                    async move { service.call(request).await }
                });
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
                let token = Some("token".to_owned());
                let config = config
                    .region(Region::new("us-east-1"))
                    .endpoint_url(format!("http://{address}"))
                    .credentials_provider(Credentials::new("any", "thing", token, None, "test"))
                    .http_client(aws_smithy_http_client::Builder::new().build_http());
                (config, String::new())
            }
            (Place::Ours, Time::Real { .. }) => unreachable!("ours has a manual clock"),
        };
        let client = Client::from_conf(config.build());
        let (bucket, made) = (format!("{prefix}lake"), RefCell::default());
        let world = Self { client, time, bucket, prefix, made };
        world.create(&world.bucket).await.answered();
        world
    }

    async fn clean_up(&self) {
        for bucket in self.made.take() {
            // A case that failed may have left objects, which prevent the deletion of the bucket.
            let listed = self.client.list_objects_v2().bucket(&bucket).send().await;
            for object in listed.iter().flat_map(|listed| listed.contents()) {
                let key = object.key().unwrap_or_default();
                let _ = self.client.delete_object().bucket(&bucket).key(key).send().await;
            }
            let _ = self.client.delete_bucket().bucket(&bucket).send().await;
        }
    }
}

impl World {
    async fn create(
        &self,
        bucket: &str,
    ) -> Result<
        aws_sdk_s3::operation::create_bucket::CreateBucketOutput,
        SdkError<aws_sdk_s3::operation::create_bucket::CreateBucketError>,
    > {
        self.made.borrow_mut().push(bucket.to_owned());
        self.client.create_bucket().bucket(bucket).send().await
    }

    async fn put(&self, key: &str, body: &str) -> String {
        let body = ByteStream::from(body.as_bytes().to_vec());
        let put = self.client.put_object().bucket(&self.bucket).key(key).body(body).send().await;
        put.answered().e_tag.unwrap()
    }

    async fn text(&self, key: &str) -> String {
        let got = self.client.get_object().bucket(&self.bucket).key(key).send().await.answered();
        let body = got.body.collect().await.unwrap().into_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    async fn exists(&self, key: &str) -> bool {
        self.client.head_object().bucket(&self.bucket).key(key).send().await.is_ok()
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug, E>(result: Result<T, SdkError<E>>) -> (u16, String)
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match result {
        Ok(_) => panic!("expected a refusal, came an answer"),
        Err(error) => {
            let status = error.raw_response().map_or(0, |response| response.status().as_u16());
            (status, error.code().unwrap_or_default().to_owned())
        }
    }
}

#[track_caller]
fn check_refused<T: std::fmt::Debug, E>(result: Result<T, SdkError<E>>, status: u16, code: &str)
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    crate::answers::check_same(&refused(result), &(status, code.to_owned()), "");
}
