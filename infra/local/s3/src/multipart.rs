//! Multipart uploads: what was declared, which parts were uploaded, and the object they make.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html> has the limits.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};
use s3s::dto::{Checksum, ChecksumAlgorithm, ChecksumType, CompletedPart, ETag};
use s3s::{S3Error, S3Result, s3_error};

use super::checksums::{self, Algorithm, checksum_of};
use super::object::{Attributes, Object, hex};

/// The least size of every part except the last: 5 MiB.
const MIN_PART_BYTES: usize = 5 << 20;
const MAX_PART_NUMBER: i32 = 10_000;

/// A multipart upload that is neither completed nor aborted.
#[derive(Clone)]
pub(super) struct Upload {
    pub(super) initiated_ms: u64,
    pub(super) attributes: Attributes,
    pub(super) checksums: Checksums,
    pub(super) parts: BTreeMap<i32, Part>,
}

#[derive(Clone)]
pub(super) struct Part {
    pub(super) body: Bytes,
    /// The entity tag without quotes.
    pub(super) e_tag: String,
    pub(super) checksum: Checksum,
    pub(super) modified_ms: u64,
}

/// How the object's checksum is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checksums {
    pub(super) algorithm: Algorithm,
    /// Whether it is computed of the parts' checksums instead of all bytes.
    pub(super) composite: bool,
    /// Whether the writer chose the algorithm.
    pub(super) declared: bool,
}

impl Checksums {
    /// Reads the algorithm and the type that the request declares.
    ///
    /// # Errors
    /// `InvalidRequest` for an algorithm that S3 does not know, or does not know with this type.
    pub(super) fn new(
        algorithm: Option<&ChecksumAlgorithm>,
        kind: Option<&ChecksumType>,
    ) -> S3Result<Self> {
        let declared = algorithm.is_some();
        let algorithm = algorithm.map_or(Ok(Algorithm::Crc64Nvme), Algorithm::parse)?;
        let can_composite = algorithm != Algorithm::Crc64Nvme;
        let can_full = !matches!(algorithm, Algorithm::Sha1 | Algorithm::Sha256);
        let composite = match kind.map(ChecksumType::as_str) {
            None => can_composite,
            Some(ChecksumType::COMPOSITE) if can_composite => true,
            Some(ChecksumType::FULL_OBJECT) if can_full => false,
            Some(kind) => {
                let name = algorithm.name();
                return Err(s3_error!(
                    InvalidRequest,
                    "the {kind} checksum type cannot be used with the {name} checksum algorithm"
                ));
            }
        };
        Ok(Self { algorithm, composite, declared })
    }

    pub(super) fn kind(self) -> ChecksumType {
        let composite = self.composite;
        let kind = if composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT };
        ChecksumType::from_static(kind)
    }
}

/// Part numbers are 1 to 10,000.
///
/// # Errors
/// `InvalidArgument` for any other number.
pub(super) fn check_part_number(number: i32) -> S3Result<()> {
    if (1..=MAX_PART_NUMBER).contains(&number) {
        return Ok(());
    }
    Err(s3_error!(
        InvalidArgument,
        "part number must be an integer between 1 and {MAX_PART_NUMBER}, inclusive"
    ))
}

pub(super) fn no_such_upload() -> S3Error {
    s3_error!(
        NoSuchUpload,
        "the specified upload does not exist: the id may be invalid, \
         or the upload may have been aborted or completed"
    )
}

/// The object of the parts that `listed` names, in that order.
///
/// # Errors
/// `MalformedXML` for no parts, `InvalidPartOrder`, `InvalidPart` for a part that was not
/// uploaded or has another entity tag or checksum, `EntityTooSmall`, and `InvalidRequest` if a
/// composite checksum was declared and `listed` has none for a part.
pub(super) fn assemble(
    upload: &Upload,
    listed: &[CompletedPart],
    modified_ms: u64,
) -> S3Result<Object> {
    let parts = chosen(upload, listed)?;
    let mut body = BytesMut::with_capacity(parts.iter().map(|part| part.body.len()).sum());
    let mut digests = Md5::new();
    for part in &parts {
        body.extend_from_slice(&part.body);
        digests.update(Md5::digest(&part.body));
    }
    let body = body.freeze();
    let Checksums { algorithm, composite, .. } = upload.checksums;
    let checksum = if composite {
        let of_parts: Vec<_> = parts.iter().map(|part| &part.checksum).collect();
        checksums::composite(algorithm, &of_parts)?
    } else {
        checksums::of_object(&body, &Checksum::default(), Some(algorithm))?
    };
    Ok(Object {
        e_tag: format!("{}-{}", hex(&digests.finalize()), parts.len()),
        modified_ms,
        attributes: upload.attributes.clone(),
        checksum,
        part_sizes: parts.iter().map(|part| part.body.len()).collect(),
        body,
    })
}

fn chosen<'a>(upload: &'a Upload, listed: &[CompletedPart]) -> S3Result<Vec<&'a Part>> {
    if listed.is_empty() {
        return Err(s3_error!(MalformedXML, "you must specify at least one part"));
    }
    let mut parts = Vec::with_capacity(listed.len().min(upload.parts.len()));
    let mut previous = 0;
    for each in listed {
        let number = each.part_number.unwrap_or_default();
        if number <= previous {
            return Err(s3_error!(
                InvalidPartOrder,
                "the list of parts was not in ascending order"
            ));
        }
        previous = number;
        let part = upload.parts.get(&number).filter(|part| is_meant(part, each));
        parts.push(part.ok_or_else(|| {
            s3_error!(
                InvalidPart,
                "part {number} could not be found, or its entity tag or checksum differs"
            )
        })?);
        let Checksums { algorithm, composite, declared } = upload.checksums;
        if composite && declared && algorithm.value(&checksum_of!(each)).is_none() {
            let name = algorithm.name().to_ascii_lowercase();
            return Err(s3_error!(
                InvalidRequest,
                "the upload was created using a {name} checksum; the complete request must include \
                 the checksum for each part; it was missing for part {number} in the request"
            ));
        }
    }
    let all_but_last = parts.split_last().map_or(&[][..], |(_, rest)| rest);
    if all_but_last.iter().any(|part| part.body.len() < MIN_PART_BYTES) {
        return Err(s3_error!(
            EntityTooSmall,
            "your proposed upload is smaller than the minimum allowed size"
        ));
    }
    Ok(parts)
}

fn is_meant(part: &Part, listed: &CompletedPart) -> bool {
    let named = checksum_of!(listed);
    let same_checksums = Algorithm::ALL.into_iter().all(|algorithm| {
        algorithm.value(&named).is_none_or(|value| algorithm.value(&part.checksum) == Some(value))
    });
    same_checksums && listed.e_tag.as_ref().map(ETag::value) == Some(part.e_tag.as_str())
}
