//! Verifies the checksums that writers send, and computes the one that is stored with each object.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>. If the
//! writer sends none, S3 computes CRC64NVME, and so does this module.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;
use s3s::crypto::{Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{Checksum, ChecksumAlgorithm, ChecksumType};
use s3s::{S3Result, s3_error};

/// Reads the five checksum fields of an input into one [`Checksum`].
macro_rules! checksum_of {
    ($from:expr) => {
        s3s::dto::Checksum {
            checksum_crc32: $from.checksum_crc32.clone(),
            checksum_crc32c: $from.checksum_crc32c.clone(),
            checksum_crc64nvme: $from.checksum_crc64nvme.clone(),
            checksum_sha1: $from.checksum_sha1.clone(),
            checksum_sha256: $from.checksum_sha256.clone(),
            checksum_type: None,
        }
    };
}

/// Sets the five checksum fields of an output from one [`Checksum`].
macro_rules! set_checksum {
    ($to:expr, $checksum:expr) => {{
        let checksum: &s3s::dto::Checksum = $checksum;
        $to.checksum_crc32 = checksum.checksum_crc32.clone();
        $to.checksum_crc32c = checksum.checksum_crc32c.clone();
        $to.checksum_crc64nvme = checksum.checksum_crc64nvme.clone();
        $to.checksum_sha1 = checksum.checksum_sha1.clone();
        $to.checksum_sha256 = checksum.checksum_sha256.clone();
    }};
}

pub(super) use {checksum_of, set_checksum};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(super) const ALL: [Self; 5] =
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The algorithm of this name.
    ///
    /// # Errors
    /// `InvalidRequest` for a name that S3 does not know.
    pub(super) fn parse(name: &ChecksumAlgorithm) -> S3Result<Self> {
        let known = Self::ALL.into_iter().find(|each| each.name() == name.as_str());
        known.ok_or_else(|| {
            s3_error!(InvalidRequest, "checksum algorithm provided is unsupported: {name:?}")
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => ChecksumAlgorithm::CRC32,
            Self::Crc32c => ChecksumAlgorithm::CRC32C,
            Self::Crc64Nvme => ChecksumAlgorithm::CRC64NVME,
            Self::Sha1 => ChecksumAlgorithm::SHA1,
            Self::Sha256 => ChecksumAlgorithm::SHA256,
        }
    }

    /// The field of `checksum` for this algorithm.
    pub(super) fn value(self, checksum: &Checksum) -> Option<&str> {
        match self {
            Self::Crc32 => checksum.checksum_crc32.as_deref(),
            Self::Crc32c => checksum.checksum_crc32c.as_deref(),
            Self::Crc64Nvme => checksum.checksum_crc64nvme.as_deref(),
            Self::Sha1 => checksum.checksum_sha1.as_deref(),
            Self::Sha256 => checksum.checksum_sha256.as_deref(),
        }
    }

    fn set(self, checksum: &mut Checksum, value: String) {
        let field = match self {
            Self::Crc32 => &mut checksum.checksum_crc32,
            Self::Crc32c => &mut checksum.checksum_crc32c,
            Self::Crc64Nvme => &mut checksum.checksum_crc64nvme,
            Self::Sha1 => &mut checksum.checksum_sha1,
            Self::Sha256 => &mut checksum.checksum_sha256,
        };
        *field = Some(value);
    }

    fn enable(self, hasher: &mut ChecksumHasher) {
        match self {
            Self::Crc32 => hasher.crc32 = Some(Crc32::new()),
            Self::Crc32c => hasher.crc32c = Some(Crc32c::new()),
            Self::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
            Self::Sha1 => hasher.sha1 = Some(Sha1::new()),
            Self::Sha256 => hasher.sha256 = Some(Sha256::new()),
        }
    }
}

/// Verifies the checksum that the writer sent for `body`, and computes the one of `also`.
///
/// # Errors
/// `InvalidRequest` for more than one checksum, `BadDigest` for a checksum that is not that of
/// the body.
pub(super) fn verify(body: &[u8], sent: &Checksum, also: Option<Algorithm>) -> S3Result<Checksum> {
    let given: Vec<Algorithm> =
        Algorithm::ALL.into_iter().filter(|each| each.value(sent).is_some()).collect();
    if given.len() > 1 {
        return Err(s3_error!(
            InvalidRequest,
            "expecting a single x-amz-checksum- header; multiple checksum types are not allowed"
        ));
    }
    let computed = compute(body, given.iter().copied().chain(also));
    for algorithm in given {
        if algorithm.value(sent) != algorithm.value(&computed) {
            return Err(bad_digest(algorithm));
        }
    }
    Ok(computed)
}

/// The checksum of a whole object: [`verify`], with CRC64NVME if the writer sent none.
pub(super) fn of_object(
    body: &[u8],
    sent: &Checksum,
    wanted: Option<Algorithm>,
) -> S3Result<Checksum> {
    let nothing_sent = Algorithm::ALL.into_iter().all(|each| each.value(sent).is_none());
    let also = wanted.or(nothing_sent.then_some(Algorithm::Crc64Nvme));
    let mut checksum = verify(body, sent, also)?;
    checksum.checksum_type = Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT));
    Ok(checksum)
}

pub(super) fn compute(body: &[u8], algorithms: impl IntoIterator<Item = Algorithm>) -> Checksum {
    let mut hasher = ChecksumHasher::default();
    for algorithm in algorithms {
        algorithm.enable(&mut hasher);
    }
    hasher.update(body);
    hasher.finalize()
}

/// The checksum of the parts' checksums, with the number of parts at its end: `…-3`.
///
/// # Errors
/// `InvalidPart` if a part has no checksum of this algorithm.
pub(super) fn composite(algorithm: Algorithm, parts: &[&Checksum]) -> S3Result<Checksum> {
    let mut joined = Vec::new();
    for part in parts {
        let digest = algorithm.value(part).and_then(|value| STANDARD.decode(value).ok());
        joined.extend(digest.ok_or_else(|| s3_error!(InvalidPart, "a part has no checksum"))?);
    }
    let mut checksum = compute(&joined, [algorithm]);
    let value = algorithm.value(&checksum).unwrap_or_default();
    let value = format!("{value}-{}", parts.len());
    algorithm.set(&mut checksum, value);
    checksum.checksum_type = Some(ChecksumType::from_static(ChecksumType::COMPOSITE));
    Ok(checksum)
}

pub(super) fn bad_digest(algorithm: Algorithm) -> s3s::S3Error {
    let name = algorithm.name();
    s3_error!(BadDigest, "the {name} you specified did not match the calculated checksum")
}

/// Verifies a `Content-MD5` header.
///
/// # Errors
/// `InvalidDigest` if it is no MD5 in base64, `BadDigest` if it is not that of the body.
pub(super) fn verify_md5(body: &[u8], sent: Option<&str>) -> S3Result<()> {
    let Some(sent) = sent else { return Ok(()) };
    match STANDARD.decode(sent) {
        Ok(digest) if digest.len() == 16 => {
            if Md5::digest(body)[..] == digest[..] {
                return Ok(());
            }
            Err(s3_error!(
                BadDigest,
                "the Content-MD5 you specified did not match what we received"
            ))
        }
        _ => Err(s3_error!(InvalidDigest, "the Content-MD5 you specified was invalid")),
    }
}
