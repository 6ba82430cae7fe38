//! Reads and decodes the body of an answer. One limit holds for the bytes that arrive and for the decoded ones.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use crate::BodyError;

/// The longest answer that is read from a service.
pub(crate) const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// The content coding of a body: <https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    /// A coding that the request did not accept.
    Other(String),
}

impl Coding {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut names = Vec::new();
        for value in headers.get_all(CONTENT_ENCODING) {
            let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
            names.extend(text.split(',').map(|name| name.trim().to_owned()));
        }
        names.retain(|name| !name.is_empty() && name != "identity");
        match names.as_slice() {
            [] => Self::Identity,
            [name] if name == "gzip" || name == "x-gzip" => Self::Gzip,
            _ => Self::Other(names.join(", ").chars().take(64).collect()),
        }
    }
}

/// Reads and decodes a body, each up to `limit` bytes.
///
/// # Errors
/// When it is longer, broke off, or cannot be decoded.
pub(crate) async fn read(body: Incoming, coding: Coding, limit: usize) -> Result<Bytes, BodyError> {
    let sent = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(BodyError::TooLong { limit });
        }
        Err(_) => return Err(BodyError::BrokenOff),
    };
    match coding {
        // The answers to HEAD, and those with status 204 or 304, have no body, whatever their headers say.
        _ if sent.is_empty() => Ok(sent),
        Coding::Identity => Ok(sent),
        Coding::Gzip => gunzip(&sent, limit),
        Coding::Other(coding) => Err(BodyError::Coding { coding }),
    }
}

fn gunzip(sent: &[u8], limit: usize) -> Result<Bytes, BodyError> {
    let mut decoded = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut reader = MultiGzDecoder::new(sent).take(most.saturating_add(1));
    if reader.read_to_end(&mut decoded).is_err() {
        return Err(BodyError::Coding { coding: "gzip".to_owned() });
    }
    if decoded.len() > limit {
        return Err(BodyError::TooLong { limit });
    }
    Ok(Bytes::from(decoded))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_coding_is_known_by_its_name() {
        #[track_caller]
        fn check(values: &[&'static str], expected: &Coding) {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(Coding::of(&headers), *expected, "{values:?}");
        }
        check(&[], &Coding::Identity);
        check(&["identity"], &Coding::Identity);
        check(&["GZIP"], &Coding::Gzip);
        check(&["x-gzip"], &Coding::Gzip);
        check(&["br"], &Coding::Other("br".to_owned()));
        check(&["gzip, gzip"], &Coding::Other("gzip, gzip".to_owned()));
        check(&["gzip", "br"], &Coding::Other("gzip, br".to_owned()));
    }
}
