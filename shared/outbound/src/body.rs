//! An answer's body: read up to a limit, and decoded up to the same.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

use crate::BodyError;

/// The longest answer of a service that is read.
pub(crate) const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// How a body is coded: <https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    /// One that was not asked for.
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

/// As it is sent and as it is decoded, in at most so many bytes.
///
/// # Errors
/// [`BodyError`].
pub(crate) async fn read(body: Incoming, coding: Coding, limit: usize) -> Result<Bytes, BodyError> {
    let sent = match Limited::new(body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(BodyError::TooLong { limit });
        }
        Err(_) => return Err(BodyError::BrokenOff),
    };
    match coding {
        // The answers to HEAD, and 204 and 304, have none.
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
    let malformed = |_| BodyError::Coding { coding: "gzip".to_owned() };
    reader.read_to_end(&mut decoded).map_err(malformed)?;
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
