//! The stored form of objects and uploads, without their bytes. It is separate from the live types,
//! so that these can change while stored snapshots stay readable.

use std::collections::BTreeMap;

use bytes::Bytes;
use s3s::dto::{self, Tag, Timestamp};
use serde::{Deserialize, Serialize};

use crate::checksums::Algorithm;
use crate::multipart::{Checksums, Part, Upload};
use crate::object::{Attributes, Encryption, Object};

#[derive(Serialize, Deserialize)]
pub(super) struct ObjectForm {
    key: String,
    /// The length of the body that follows, in bytes.
    pub(super) length: u64,
    e_tag: String,
    modified_ms: u64,
    attributes: AttributesForm,
    checksum: ChecksumForm,
    part_sizes: Vec<usize>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct UploadForm {
    key: String,
    id: String,
    initiated_ms: u64,
    attributes: AttributesForm,
    algorithm: String,
    composite: bool,
    declared: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PartForm {
    number: i32,
    /// The length of the body that follows, in bytes.
    pub(super) length: u64,
    e_tag: String,
    checksum: ChecksumForm,
    modified_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct AttributesForm {
    cache_control: Option<String>,
    content_disposition: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
    content_type: Option<String>,
    expires: Option<Timestamp>,
    metadata: Option<BTreeMap<String, String>>,
    tags: Vec<(Option<String>, Option<String>)>,
    storage_class: Option<String>,
    encryption: Option<String>,
    kms_key: Option<String>,
    bucket_key: Option<bool>,
}

#[derive(Serialize, Deserialize)]
struct ChecksumForm {
    crc32: Option<String>,
    crc32c: Option<String>,
    crc64nvme: Option<String>,
    sha1: Option<String>,
    sha256: Option<String>,
    kind: Option<String>,
}

impl ObjectForm {
    pub(super) fn of(key: &str, object: &Object) -> Self {
        Self {
            key: key.to_owned(),
            length: length(&object.body),
            e_tag: object.e_tag.clone(),
            modified_ms: object.modified_ms,
            attributes: AttributesForm::of(&object.attributes),
            checksum: ChecksumForm::of(&object.checksum),
            part_sizes: object.part_sizes.clone(),
        }
    }

    /// The key, and the object with this body.
    pub(super) fn object(self, body: Bytes) -> (String, Object) {
        let object = Object {
            body,
            e_tag: self.e_tag,
            modified_ms: self.modified_ms,
            attributes: self.attributes.attributes(),
            checksum: self.checksum.checksum(),
            part_sizes: self.part_sizes,
        };
        (self.key, object)
    }
}

impl UploadForm {
    pub(super) fn of(key: &str, id: &str, upload: &Upload) -> Self {
        let Checksums { algorithm, composite, declared } = upload.checksums;
        Self {
            key: key.to_owned(),
            id: id.to_owned(),
            initiated_ms: upload.initiated_ms,
            attributes: AttributesForm::of(&upload.attributes),
            algorithm: algorithm.name().to_owned(),
            composite,
            declared,
        }
    }

    /// The key and the id of an upload, and the upload without parts.
    ///
    /// # Errors
    /// The message names a checksum algorithm that does not exist.
    pub(super) fn upload(self) -> Result<((String, String), Upload), String> {
        let algorithm = Algorithm::ALL.into_iter().find(|each| each.name() == self.algorithm);
        let algorithm = algorithm.ok_or("its checksum algorithm is unknown")?;
        let upload = Upload {
            initiated_ms: self.initiated_ms,
            attributes: self.attributes.attributes(),
            checksums: Checksums { algorithm, composite: self.composite, declared: self.declared },
            parts: BTreeMap::new(),
        };
        Ok(((self.key, self.id), upload))
    }
}

impl PartForm {
    pub(super) fn of(number: i32, part: &Part) -> Self {
        Self {
            number,
            length: length(&part.body),
            e_tag: part.e_tag.clone(),
            checksum: ChecksumForm::of(&part.checksum),
            modified_ms: part.modified_ms,
        }
    }

    pub(super) fn part(self, body: Bytes) -> (i32, Part) {
        let checksum = self.checksum.checksum();
        (self.number, Part { body, e_tag: self.e_tag, checksum, modified_ms: self.modified_ms })
    }
}

impl AttributesForm {
    fn of(attributes: &Attributes) -> Self {
        let Attributes {
            cache_control,
            content_disposition,
            content_encoding,
            content_language,
            content_type,
            expires,
            metadata,
            tags,
            storage_class,
            encryption,
        } = attributes.clone();
        Self {
            cache_control,
            content_disposition,
            content_encoding,
            content_language,
            content_type,
            expires,
            metadata: metadata.map(|metadata| metadata.into_iter().collect()),
            tags: tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            storage_class: storage_class.map(|class| class.as_str().to_owned()),
            encryption: encryption.algorithm.map(|algorithm| algorithm.as_str().to_owned()),
            kms_key: encryption.kms_key,
            bucket_key: encryption.bucket_key,
        }
    }

    fn attributes(self) -> Attributes {
        Attributes {
            cache_control: self.cache_control,
            content_disposition: self.content_disposition,
            content_encoding: self.content_encoding,
            content_language: self.content_language,
            content_type: self.content_type,
            expires: self.expires,
            metadata: self.metadata.map(|metadata| metadata.into_iter().collect()),
            tags: self.tags.into_iter().map(|(key, value)| Tag { key, value }).collect(),
            storage_class: self.storage_class.map(dto::StorageClass::from),
            encryption: Encryption {
                algorithm: self.encryption.map(dto::ServerSideEncryption::from),
                kms_key: self.kms_key,
                bucket_key: self.bucket_key,
            },
        }
    }
}

impl ChecksumForm {
    fn of(checksum: &dto::Checksum) -> Self {
        let dto::Checksum {
            checksum_crc32,
            checksum_crc32c,
            checksum_crc64nvme,
            checksum_sha1,
            checksum_sha256,
            checksum_type,
        } = checksum.clone();
        Self {
            crc32: checksum_crc32,
            crc32c: checksum_crc32c,
            crc64nvme: checksum_crc64nvme,
            sha1: checksum_sha1,
            sha256: checksum_sha256,
            kind: checksum_type.map(|kind| kind.as_str().to_owned()),
        }
    }

    fn checksum(self) -> dto::Checksum {
        dto::Checksum {
            checksum_crc32: self.crc32,
            checksum_crc32c: self.crc32c,
            checksum_crc64nvme: self.crc64nvme,
            checksum_sha1: self.sha1,
            checksum_sha256: self.sha256,
            checksum_type: self.kind.map(dto::ChecksumType::from),
        }
    }
}

fn length(body: &Bytes) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX)
}
