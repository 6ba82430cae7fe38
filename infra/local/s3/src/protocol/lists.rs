//! `ListObjects` in both its versions.

use s3s::S3Result;
use s3s::dto::*;

use super::super::listing::{self, Page, Query, Writer};
use super::Protocol;

impl Protocol {
    pub(super) fn list_objects_v2(
        &self,
        input: ListObjectsV2Input,
    ) -> S3Result<ListObjectsV2Output> {
        let (limit, max_keys) = listing::limit(input.max_keys, "max-keys")?;
        let after = match &input.continuation_token {
            Some(token) => Some(listing::from_token(token)?),
            None => input.start_after.clone(),
        };
        let prefix = input.prefix.clone().unwrap_or_default();
        let query = Query { prefix, delimiter: input.delimiter.clone(), after, max_keys };
        let page = self.page(&input.bucket, &query)?;
        let writer = Writer::new(input.encoding_type.as_ref());
        let count = page.objects.len() + page.common_prefixes.len();
        Ok(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(writer.key(&query.prefix)),
            max_keys: Some(limit),
            key_count: Some(i32::try_from(count).unwrap_or(limit)),
            continuation_token: input.continuation_token,
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_deref().map(listing::token),
            contents: Some(writer.objects(&page.objects, input.fetch_owner.unwrap_or(false))),
            common_prefixes: Some(writer.common_prefixes(&page.common_prefixes)),
            delimiter: input.delimiter.as_deref().map(|text| writer.key(text)),
            encoding_type: input.encoding_type,
            start_after: input.start_after.as_deref().map(|key| writer.key(key)),
            ..ListObjectsV2Output::default()
        })
    }

    pub(super) fn list_objects(&self, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let (limit, max_keys) = listing::limit(input.max_keys, "max-keys")?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let (delimiter, after) = (input.delimiter.clone(), input.marker.clone());
        let query = Query { prefix, delimiter, after, max_keys };
        let page = self.page(&input.bucket, &query)?;
        let writer = Writer::new(input.encoding_type.as_ref());
        // S3 returns a next marker only with a delimiter. Without one, clients use the last key.
        let next = page.next.as_deref().filter(|_| query.delimiter.is_some());
        Ok(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(writer.key(&query.prefix)),
            marker: Some(writer.key(query.after.as_deref().unwrap_or_default())),
            max_keys: Some(limit),
            is_truncated: Some(page.next.is_some()),
            contents: Some(writer.objects(&page.objects, true)),
            common_prefixes: Some(writer.common_prefixes(&page.common_prefixes)),
            delimiter: input.delimiter.as_deref().map(|text| writer.key(text)),
            next_marker: next.map(|key| writer.key(key)),
            encoding_type: input.encoding_type,
            ..ListObjectsOutput::default()
        })
    }

    fn page(&self, bucket: &str, query: &Query) -> S3Result<Page> {
        self.store.bucket(bucket, |each| Ok(listing::page(&each.objects, query)))
    }
}
