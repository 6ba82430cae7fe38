//! Operations on buckets themselves.

use s3s::dto::*;
use s3s::{S3Result, s3_error};

use super::super::object::timestamp;
use super::Protocol;
use crate::object::owner;

/// The region that has no location constraint.
const HOME: &str = "us-east-1";

impl Protocol {
    pub(super) fn create_bucket(&self, input: CreateBucketInput) -> S3Result<CreateBucketOutput> {
        let location = input.create_bucket_configuration.and_then(|each| each.location_constraint);
        let location = location.map(|each| each.as_str().to_owned());
        if location.as_deref() == Some(HOME) {
            return Err(s3_error!(
                InvalidLocationConstraint,
                "the specified location-constraint is not valid"
            ));
        }
        self.store.create_bucket(&input.bucket, location)?;
        Ok(CreateBucketOutput { location: Some(format!("/{}", input.bucket)) })
    }

    pub(super) fn head_bucket(&self, input: &HeadBucketInput) -> S3Result<HeadBucketOutput> {
        let region = self.store.bucket(&input.bucket, |each| Ok(each.location.clone()))?;
        let bucket_region = Some(region.unwrap_or_else(|| HOME.to_owned()));
        Ok(HeadBucketOutput { bucket_region, ..HeadBucketOutput::default() })
    }

    pub(super) fn bucket_location(
        &self,
        input: &GetBucketLocationInput,
    ) -> S3Result<GetBucketLocationOutput> {
        let location = self.store.bucket(&input.bucket, |each| Ok(each.location.clone()))?;
        Ok(GetBucketLocationOutput { location_constraint: location.map(Into::into) })
    }

    pub(super) fn list_buckets(&self, input: &ListBucketsInput) -> S3Result<ListBucketsOutput> {
        let prefix = input.prefix.clone().unwrap_or_default();
        let mut buckets = self.store.buckets(|name, bucket| Bucket {
            name: Some(name.to_owned()),
            creation_date: Some(timestamp(bucket.created_ms)),
            bucket_region: Some(bucket.location.clone().unwrap_or_else(|| HOME.to_owned())),
        });
        buckets.retain(|each| {
            let name = each.name.as_deref().unwrap_or_default();
            let after = input.continuation_token.as_deref().is_none_or(|token| name > token);
            let region = input.bucket_region.as_ref();
            after
                && name.starts_with(&prefix)
                && region.is_none_or(|wanted| each.bucket_region.as_ref() == Some(wanted))
        });
        let limit = input.max_buckets.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(usize::MAX);
        let truncated = buckets.len() > limit;
        buckets.truncate(limit);
        let last = buckets.last().and_then(|each| each.name.clone());
        Ok(ListBucketsOutput {
            continuation_token: last.filter(|_| truncated),
            buckets: Some(buckets),
            owner: Some(owner()),
            prefix: input.prefix.clone(),
        })
    }
}
