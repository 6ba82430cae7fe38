//! Decodes the body of a request, up to a limit, and splits it into events.

use std::io::Read;

use aws_lambda_events::lambda_function_urls::LambdaFunctionUrlRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{Code, Failure};
use flate2::read::MultiGzDecoder;
use serde_json::value::RawValue;

use super::problem::{CODINGS, Problem};

/// The most events in one request.
const MAX_EVENTS: usize = 1_000;

/// The most bytes of a decoded body. Lambda's limit for a body that is not compressed is the same
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;

/// U+FEFF in UTF-8, which a reader may skip (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The decoded body of a request.
///
/// # Errors
/// 400 if it is not the base64 or gzip that it should be, 413 if it is larger than [`MAX_BODY_BYTES`], 415 for another
/// content coding than gzip.
pub(super) fn decode_body(request: &LambdaFunctionUrlRequest) -> Result<Vec<u8>, Problem> {
    let codings = request.headers.get_all("content-encoding").iter();
    let codings: Vec<&str> = codings
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
        .collect();
    let bytes = client_body(request)?;
    match codings[..] {
        [] => Ok(bytes),
        // Both names mean the same coding (RFC 9110, section 8.4.1.3).
        [one] if one.eq_ignore_ascii_case("gzip") || one.eq_ignore_ascii_case("x-gzip") => {
            gunzip(&mut &bytes[..])
        }
        _ => {
            let reason = format!("a Content-Encoding other than {CODINGS}");
            Err(Problem::new(415, Failure::permanent(Code::DecodeFormat, reason)))
        }
    }
}

/// The body as the client sent it. Lambda encodes a binary one as base64.
fn client_body(request: &LambdaFunctionUrlRequest) -> Result<Vec<u8>, Problem> {
    let body = request.body.as_deref().unwrap_or_default();
    if !request.is_base64_encoded {
        return Ok(body.as_bytes().to_vec());
    }
    STANDARD.decode(body).map_err(|_| {
        Problem::new(400, Failure::permanent(Code::DecodeFormat, "a body that is not base64"))
    })
}

/// Inflates a body. It reads at most one byte beyond the limit.
fn gunzip(bytes: &mut impl Read) -> Result<Vec<u8>, Problem> {
    let bound = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX);
    let mut plain = Vec::new();
    let read = MultiGzDecoder::new(bytes).take(bound + 1).read_to_end(&mut plain);
    if plain.len() > MAX_BODY_BYTES {
        let reason = format!("more than {MAX_BODY_BYTES} bytes when it is decoded");
        return Err(Problem::new(413, Failure::permanent(Code::SizeExceeded, reason)));
    }
    read.map_err(|error| {
        let reason = format!("not a whole gzip stream: {error}");
        Problem::new(400, Failure::permanent(Code::DecodeGzip, reason))
    })?;
    Ok(plain)
}

/// The events of a body, which is one object, an array, or one line for each event. Their bytes are not changed.
///
/// # Errors
/// 400 for no event or for an array that is not JSON, 413 for more than [`MAX_EVENTS`].
pub(super) fn split(body: &[u8]) -> Result<Vec<Vec<u8>>, Problem> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body).trim_ascii();
    let events: Vec<Vec<u8>> = if body.starts_with(b"[") {
        let items: Vec<Box<RawValue>> = serde_json::from_slice(body).map_err(|error| {
            let reason = format!("malformed JSON: {error}");
            Problem::new(400, Failure::permanent(Code::DecodeJson, reason))
        })?;
        items.iter().map(|item| item.get().as_bytes().to_vec()).collect()
    } else if serde_json::from_slice::<&RawValue>(body).is_ok() {
        vec![body.to_vec()]
    } else {
        let lines = body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
    };
    match events.len() {
        0 => {
            let failure = Failure::permanent(Code::InputEmpty, "no event in the request");
            Err(Problem::new(400, failure))
        }
        1..=MAX_EVENTS => Ok(events),
        count => {
            let reason = format!("{count} events in one request; at most {MAX_EVENTS}");
            Err(Problem::new(413, Failure::permanent(Code::SizeExceeded, reason)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::gzip;

    #[test]
    fn a_bomb_is_not_read_beyond_the_bound() {
        let bomb = gzip(&vec![b' '; 1024 * 1024]).repeat(100);
        let mut unread = &bomb[..];
        assert_eq!(gunzip(&mut unread).unwrap_err().status, 413);
        assert!(unread.len() > bomb.len() / 2, "{} of {} left", unread.len(), bomb.len());
    }
}
