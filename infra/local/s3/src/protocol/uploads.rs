//! The operations of multipart uploads.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use s3s::dto::*;
use s3s::{S3Result, s3_error};
use uuid::Uuid;

use super::super::checksums::{self, Algorithm, checksum_of, set_checksum};
use super::super::conditions::WriteCondition;
use super::super::listing::{self, Writer};
use super::super::multipart::{self, Checksums, Upload, no_such_upload};
use super::super::object::{Attributes, Encryption, e_tag_of, length_i64, timestamp};
use super::super::tags;
use super::Protocol;
use super::writes::attributes_of;
use crate::object::owner;

impl Protocol {
    pub(super) fn create_upload(
        &self,
        input: CreateMultipartUploadInput,
    ) -> S3Result<CreateMultipartUploadOutput> {
        let checksums =
            Checksums::new(input.checksum_algorithm.as_ref(), input.checksum_type.as_ref())?;
        let upload = Upload {
            initiated_ms: self.store.now_ms(),
            attributes: attributes_of!(input)?,
            checksums,
            parts: BTreeMap::new(),
        };
        let encryption = upload.attributes.encryption.clone();
        let id = Uuid::new_v4().simple().to_string();
        self.store.bucket_mut(&input.bucket, |each| {
            each.uploads.insert((input.key.clone(), id.clone()), upload);
            Ok(())
        })?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: Some(checksums.kind()).filter(|_| checksums.declared),
            server_side_encryption: encryption.algorithm,
            ssekms_key_id: encryption.kms_key,
            bucket_key_enabled: encryption.bucket_key,
            ..CreateMultipartUploadOutput::default()
        })
    }

    pub(super) fn upload_part(
        &self,
        input: UploadPartInput,
        body: Bytes,
    ) -> S3Result<UploadPartOutput> {
        multipart::check_part_number(input.part_number)?;
        checksums::verify_md5(&body, input.content_md5.as_deref())?;
        let at = (input.key.clone(), input.upload_id.clone());
        let checksums = self.store.bucket(&input.bucket, |each| {
            each.uploads.get(&at).map(|upload| upload.checksums).ok_or_else(no_such_upload)
        })?;
        let sent = checksum_of!(input);
        let other = Algorithm::ALL
            .into_iter()
            .find(|each| *each != checksums.algorithm && each.value(&sent).is_some());
        if let Some(other) = other.filter(|_| checksums.declared) {
            let (expected, actual) = (checksums.algorithm.name(), other.name());
            return Err(s3_error!(
                InvalidRequest,
                "checksum type mismatch occurred, expected checksum type: {expected}, \
                 actual checksum type: {actual}"
            ));
        }
        let checksum = checksums::verify(&body, &sent, Some(checksums.algorithm))?;
        let part = multipart::Part {
            e_tag: e_tag_of(&body),
            modified_ms: self.store.now_ms(),
            checksum,
            body,
        };
        let mut output = UploadPartOutput {
            e_tag: Some(ETag::Strong(part.e_tag.clone())),
            ..UploadPartOutput::default()
        };
        set_checksum!(output, &part.checksum);
        self.store.bucket_mut(&input.bucket, |each| {
            let upload = each.uploads.get_mut(&at).ok_or_else(no_such_upload)?;
            upload.parts.insert(input.part_number, part);
            Ok(())
        })?;
        Ok(output)
    }

    /// Completes an upload.
    ///
    /// The parts are joined outside the lock. The upload has to exist still when the object is
    /// written, so that only one of two completions takes effect.
    pub(super) fn complete_upload(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let sent = checksum_of!(input);
        let condition = WriteCondition::new(input.if_match, input.if_none_match)?;
        let at = (input.key.clone(), input.upload_id.clone());
        let upload = self.store.bucket(&input.bucket, |each| {
            each.uploads.get(&at).cloned().ok_or_else(no_such_upload)
        })?;
        let listed = input.multipart_upload.and_then(|each| each.parts).unwrap_or_default();
        let object = multipart::assemble(&upload, &listed, self.store.now_ms())?;
        if input.mpu_object_size.is_some_and(|size| size != length_i64(object.body.len())) {
            return Err(s3_error!(InvalidRequest, "the object size does not match the parts'"));
        }
        for algorithm in Algorithm::ALL {
            let (sent, computed) = (algorithm.value(&sent), algorithm.value(&object.checksum));
            if sent.is_some() && sent != computed {
                return Err(checksums::bad_digest(algorithm));
            }
        }
        let event = "ObjectCreated:CompleteMultipartUpload";
        let (bucket, key) = (&input.bucket, &input.key);
        let object = self.store.commit(bucket, key, object, &condition, event, |each| {
            each.uploads.remove(&at).map(drop).ok_or_else(no_such_upload)
        })?;
        let encryption = object.attributes.encryption.clone();
        let mut output = CompleteMultipartUploadOutput {
            location: Some(format!("/{bucket}/{key}")),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(object.e_tag()),
            checksum_type: object.checksum.checksum_type.clone(),
            server_side_encryption: encryption.algorithm,
            ssekms_key_id: encryption.kms_key,
            bucket_key_enabled: encryption.bucket_key,
            ..CompleteMultipartUploadOutput::default()
        };
        set_checksum!(output, &object.checksum);
        Ok(output)
    }

    pub(super) fn abort_upload(
        &self,
        input: AbortMultipartUploadInput,
    ) -> S3Result<AbortMultipartUploadOutput> {
        self.store.bucket_mut(&input.bucket, |each| {
            let removed = each.uploads.remove(&(input.key, input.upload_id));
            removed.map(drop).ok_or_else(no_such_upload)
        })?;
        Ok(AbortMultipartUploadOutput::default())
    }

    pub(super) fn list_parts(&self, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let (limit, count) = listing::limit(input.max_parts, "max-parts")?;
        let marker = input.part_number_marker.unwrap_or(0);
        let at = (input.key.clone(), input.upload_id.clone());
        let (mut parts, checksums, storage_class) = self.store.bucket(&input.bucket, |each| {
            let upload = each.uploads.get(&at).ok_or_else(no_such_upload)?;
            let after = (Bound::Excluded(marker), Bound::Unbounded);
            let parts: Vec<_> =
                upload.parts.range(after).take(count + 1).map(part_summary).collect();
            Ok((parts, upload.checksums, upload.attributes.storage_class.clone()))
        })?;
        let truncated = parts.len() > count && count > 0;
        parts.truncate(count);
        let declared = checksums.declared;
        let algorithm = ChecksumAlgorithm::from_static(checksums.algorithm.name());
        Ok(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            max_parts: Some(limit),
            part_number_marker: Some(marker),
            is_truncated: Some(truncated),
            next_part_number_marker: parts.last().and_then(|part| part.part_number),
            parts: Some(parts),
            checksum_algorithm: declared.then_some(algorithm),
            checksum_type: declared.then(|| checksums.kind()),
            storage_class,
            owner: Some(owner()),
            ..ListPartsOutput::default()
        })
    }

    pub(super) fn list_uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> S3Result<ListMultipartUploadsOutput> {
        if input.delimiter.is_some() {
            return Err(s3_error!(NotImplemented, "a delimiter of uploads is not emulated"));
        }
        let (limit, count) = listing::limit(input.max_uploads, "max-uploads")?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let key_marker = input.key_marker.clone().unwrap_or_default();
        let writer = Writer::new(input.encoding_type.as_ref());
        let mut found = self.store.bucket(&input.bucket, |each| {
            let mut found = Vec::new();
            for ((key, id), upload) in &each.uploads {
                let is_after = match &input.upload_id_marker {
                    Some(marker) => (key, id) > (&key_marker, marker),
                    None => key_marker.is_empty() || *key > key_marker,
                };
                if is_after && key.starts_with(&prefix) && found.len() <= count {
                    found.push((key.clone(), id.clone(), upload_summary(upload)));
                }
            }
            Ok(found)
        })?;
        let truncated = found.len() > count && count > 0;
        found.truncate(count);
        let (next_key, next_id) =
            found.last().map(|(key, id, _)| (writer.key(key), id.clone())).unzip();
        let uploads = found.into_iter().map(|(key, id, upload)| MultipartUpload {
            key: Some(writer.key(&key)),
            upload_id: Some(id),
            ..upload
        });
        Ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: Some(writer.key(&prefix)),
            key_marker: Some(writer.key(&key_marker)),
            upload_id_marker: input.upload_id_marker,
            max_uploads: Some(limit),
            is_truncated: Some(truncated),
            next_key_marker: next_key.filter(|_| truncated),
            next_upload_id_marker: next_id.filter(|_| truncated),
            uploads: Some(uploads.collect()),
            encoding_type: input.encoding_type,
            ..ListMultipartUploadsOutput::default()
        })
    }
}

/// What a listing says about an upload, besides its key and id.
fn upload_summary(upload: &Upload) -> MultipartUpload {
    MultipartUpload {
        initiated: Some(timestamp(upload.initiated_ms)),
        owner: Some(owner()),
        storage_class: upload.attributes.storage_class.clone(),
        ..MultipartUpload::default()
    }
}

/// What a listing says about a part.
fn part_summary((number, part): (&i32, &multipart::Part)) -> Part {
    let mut output = Part {
        part_number: Some(*number),
        e_tag: Some(ETag::Strong(part.e_tag.clone())),
        size: Some(length_i64(part.body.len())),
        last_modified: Some(timestamp(part.modified_ms)),
        ..Part::default()
    };
    set_checksum!(output, &part.checksum);
    output
}
