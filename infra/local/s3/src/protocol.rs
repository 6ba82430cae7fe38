//! The S3 operations that are implemented, as the trait through which `s3s` calls them.
//!
//! `s3s` parses requests and writes responses. The operations themselves are in the modules below.
//! An operation that is not listed here answers `NotImplemented`.

mod buckets;
mod lists;
mod part_copies;
mod reads;
mod uploads;
mod writes;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};

use super::store::Store;

/// The operations that `s3s` calls.
pub(super) struct Protocol {
    store: Arc<Store>,
}

impl Protocol {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }
}

fn answer<T>(output: S3Result<T>) -> S3Result<S3Response<T>> {
    output.map(S3Response::new)
}

/// Reads the whole body. `service` has already limited its size.
async fn collect(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(mut body) = body else { return Ok(Bytes::new()) };
    let Some(first) = body.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(|_| incomplete_body())?;
    let Some(second) = body.next().await else { return Ok(first) };
    let mut joined = BytesMut::from(first);
    joined.extend_from_slice(&second.map_err(|_| incomplete_body())?);
    while let Some(chunk) = body.next().await {
        joined.extend_from_slice(&chunk.map_err(|_| incomplete_body())?);
    }
    Ok(joined.freeze())
}

fn incomplete_body() -> S3Error {
    s3_error!(IncompleteBody, "the request body could not be read to its end")
}

#[async_trait::async_trait]
impl S3 for Protocol {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        answer(self.create_bucket(request.input))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        answer(self.head_bucket(&request.input))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        answer(self.bucket_location(&request.input))
    }

    async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        answer(self.list_buckets(&request.input))
    }

    async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        answer(self.store.delete_bucket(&request.input.bucket).map(|()| DeleteBucketOutput {}))
    }

    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let body = collect(request.input.body.take()).await?;
        answer(self.put_object(request.input, body))
    }

    /// Without this, `s3s` would run `PutObject` in place of this operation.
    async fn post_object(
        &self,
        _request: S3Request<PostObjectInput>,
    ) -> S3Result<S3Response<PostObjectOutput>> {
        Err(s3_error!(NotImplemented, "PostObject is not emulated"))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        self.get_object(request.input)
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.head_object(request.input)
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        answer(self.copy_object(request.input, &request.headers))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        answer(self.delete_object(request.input))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        answer(self.delete_objects(request.input))
    }

    async fn get_object_tagging(
        &self,
        request: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        answer(self.tags(&request.input))
    }

    async fn put_object_tagging(
        &self,
        request: S3Request<PutObjectTaggingInput>,
    ) -> S3Result<S3Response<PutObjectTaggingOutput>> {
        answer(self.put_tags(request.input))
    }

    async fn delete_object_tagging(
        &self,
        request: S3Request<DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
        answer(self.delete_tags(&request.input))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        answer(self.list_objects(request.input))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        answer(self.list_objects_v2(request.input))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        answer(self.create_upload(request.input))
    }

    async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let body = collect(request.input.body.take()).await?;
        answer(self.upload_part(request.input, body))
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        answer(self.upload_part_copy(request.input))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        answer(self.complete_upload(request.input))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        answer(self.abort_upload(request.input))
    }

    async fn list_parts(
        &self,
        request: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        answer(self.list_parts(request.input))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        answer(self.list_uploads(request.input))
    }
}
