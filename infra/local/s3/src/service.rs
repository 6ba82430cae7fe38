//! S3 over HTTP: what is done to a request before `s3s` gets it, and to the response afterwards.
//!
//! All credentials are accepted: neither signatures nor the expiry of presigned URLs are checked.
//! Bodies are read whole, up to a limit, and decoded from `aws-chunked`. What the emulation would
//! have to ignore (SSE-C, object locks, grants, versions) is refused by name instead.

use axum::body::Body;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use s3s::dto::Range;
use s3s::service::S3Service;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::chunked::{self, Malformed};
use super::object::hex;

/// The largest body in bytes. S3 accepts 5 GiB at once; the emulation holds bodies in memory.
const MAX_BODY_BYTES: usize = 512 << 20;

const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const DECODED_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const TRAILER: HeaderName = HeaderName::from_static("x-amz-trailer");

/// The beginnings of headers that ask for something that is not emulated.
const REFUSED: [&str; 11] = [
    "x-amz-bucket-object-lock",
    "x-amz-bypass-governance-retention",
    "x-amz-copy-source-server-side-encryption-customer",
    "x-amz-grant-",
    "x-amz-if-match-",
    "x-amz-mfa",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption-context",
    "x-amz-server-side-encryption-customer",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
];

/// Answers S3's HTTP requests. Clones share the objects.
#[derive(Clone)]
pub struct Service {
    inner: S3Service,
}

impl Service {
    pub(super) fn new(inner: S3Service) -> Self {
        Self { inner }
    }

    /// Answers one request with a path-style URL: `/bucket/key`. Every failure is a response.
    pub async fn call<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: hyper::body::Body<Data = Bytes> + Send,
        B::Error: Into<axum::BoxError>,
    {
        let answered = match prepare(request).await {
            Ok(request) => self.inner.call(request).await.map_err(|source| {
                tracing::debug!(?source, "s3 request failed");
                s3_error!(InternalError, "we encountered an internal error; please try again")
            }),
            Err(error) => Err(error),
        };
        let mut response = match answered.or_else(S3Error::to_http_response) {
            Ok(response) => response.map(Body::new),
            Err(_) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        };
        if response.status() == StatusCode::NOT_MODIFIED {
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        let id = Uuid::new_v4().simple().to_string().to_ascii_uppercase();
        if let Ok(id) = HeaderValue::try_from(&id[..16]) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }
}

async fn prepare<B>(request: Request<B>) -> S3Result<Request<s3s::Body>>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<axum::BoxError>,
{
    let (mut parts, body) = request.into_parts();
    refuse_unsupported(&parts.headers, &parts.uri)?;
    let body = read(body).await?;
    let body = unwrap_body(&mut parts.headers, body)?;
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    parts.headers.remove(AUTHORIZATION);
    parts.headers.remove(SECURITY_TOKEN);
    if let Some(uri) = without_signature(&parts.uri) {
        parts.uri = uri;
    }
    // S3 ignores a range that it cannot parse, and answers with the whole object.
    let range = parts.headers.get(RANGE);
    if range.is_some_and(|value| value.to_str().ok().is_none_or(|text| Range::parse(text).is_err()))
    {
        parts.headers.remove(RANGE);
    }
    Ok(Request::from_parts(parts, s3s::Body::from(body)))
}

/// Refuses headers and parameters that are not emulated.
///
/// # Errors
/// `NotImplemented` with the name of the header or parameter.
fn refuse_unsupported(headers: &HeaderMap, uri: &Uri) -> S3Result<()> {
    for name in headers.keys() {
        if REFUSED.iter().any(|refused| name.as_str().starts_with(refused)) {
            return Err(not_emulated(name.as_str()));
        }
    }
    let acl = headers.get("x-amz-acl").map(HeaderValue::as_bytes);
    if acl.is_some_and(|acl| acl != b"private" && acl != b"bucket-owner-full-control") {
        return Err(not_emulated("x-amz-acl other than private and bucket-owner-full-control"));
    }
    let class = headers.get("x-amz-storage-class").map(HeaderValue::as_bytes);
    if class.is_some_and(|class| class == b"GLACIER" || class == b"DEEP_ARCHIVE") {
        return Err(not_emulated("an archived storage class"));
    }
    let mut parameters = uri.query().unwrap_or_default().split('&');
    let version = parameters.find_map(|parameter| parameter.strip_prefix("versionId="));
    if version.is_some_and(|version| version != "null") {
        return Err(not_emulated("versionId"));
    }
    Ok(())
}

fn not_emulated(what: &str) -> S3Error {
    s3_error!(NotImplemented, "{what} is not emulated")
}

/// Reads the whole body.
///
/// # Errors
/// `EntityTooLarge`, `IncompleteBody`.
async fn read<B>(body: B) -> S3Result<Bytes>
where
    B: hyper::body::Body<Data = Bytes> + Send,
    B::Error: Into<axum::BoxError>,
{
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(s3_error!(
            EntityTooLarge,
            "your proposed upload exceeds the maximum allowed size, here {MAX_BODY_BYTES} bytes"
        )),
        Err(_) => Err(s3_error!(IncompleteBody, "the request body ended early")),
    }
}

/// The content of the body, verified against the hash that was signed with the request. The
/// headers are left as if the content had been sent without chunks.
fn unwrap_body(headers: &mut HeaderMap, body: Bytes) -> S3Result<Bytes> {
    let hash = headers.remove(CONTENT_SHA256);
    let hash = hash.as_ref().and_then(|value| value.to_str().ok()).unwrap_or("UNSIGNED-PAYLOAD");
    let chunked = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let chunked = chunked.is_some_and(|value| encodings(value).any(|each| each == "aws-chunked"));
    if hash.starts_with("STREAMING-") || chunked {
        return unchunk(headers, &body);
    }
    if hash != "UNSIGNED-PAYLOAD" && hash != hex(&Sha256::digest(&body)) {
        return Err(custom(
            "XAmzContentSHA256Mismatch",
            "the provided 'x-amz-content-sha256' header does not match what was computed",
        ));
    }
    Ok(body)
}

fn unchunk(headers: &mut HeaderMap, body: &Bytes) -> S3Result<Bytes> {
    let (body, trailers) = chunked::decode(body).map_err(|malformed| match malformed {
        Malformed::Incomplete => s3_error!(IncompleteBody, "{malformed}"),
        Malformed::ChunkSize => custom("InvalidChunkSizeError", "a chunk's size is not valid"),
        Malformed::Trailer => malformed_trailer(),
    })?;
    let announced = headers.remove(DECODED_LENGTH);
    let announced = announced.as_ref().and_then(|value| value.to_str().ok());
    let announced = announced.ok_or_else(|| {
        s3_error!(MissingContentLength, "you must provide x-amz-decoded-content-length")
    })?;
    if announced.parse() != Ok(body.len()) {
        return Err(s3_error!(
            IncompleteBody,
            "the body is not as long as x-amz-decoded-content-length says"
        ));
    }
    if let Some(names) = headers.remove(TRAILER) {
        let names = names.to_str().map_err(|_| malformed_trailer())?;
        for name in encodings(names) {
            let name = HeaderName::try_from(name).map_err(|_| malformed_trailer())?;
            let value = trailers.get(&name).ok_or_else(malformed_trailer)?;
            headers.insert(name, value.clone());
        }
    }
    let kept = headers.remove(CONTENT_ENCODING);
    let kept = kept.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kept: Vec<_> = encodings(kept).filter(|each| *each != "aws-chunked").collect();
    if let (false, Ok(kept)) = (kept.is_empty(), HeaderValue::try_from(kept.join(","))) {
        headers.insert(CONTENT_ENCODING, kept);
    }
    Ok(body)
}

/// The URI without the parameters of a presigned URL. `None` if it has none of them.
fn without_signature(uri: &Uri) -> Option<Uri> {
    let query = uri.query()?;
    let kept: Vec<_> = query.split('&').filter(|parameter| !is_signing(parameter)).collect();
    if kept.len() == query.split('&').count() {
        return None;
    }
    let path = uri.path();
    let text = if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    Uri::try_from(text).ok()
}

/// Whether a parameter (`name=value`) belongs to the signature of a presigned URL.
fn is_signing(parameter: &str) -> bool {
    const SIGNING: [&str; 7] = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
        "X-Amz-Security-Token",
    ];
    SIGNING.contains(&parameter.split_once('=').map_or(parameter, |(name, _)| name))
}

/// The items of a comma-separated header.
fn encodings(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|each| !each.is_empty())
}

fn malformed_trailer() -> S3Error {
    custom("MalformedTrailerError", "the request contained trailing data that was not well-formed")
}

fn custom(code: &'static str, message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(StatusCode::BAD_REQUEST);
    error
}
