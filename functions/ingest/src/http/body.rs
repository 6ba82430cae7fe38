//! A request's body: decoded, within its bound, and split into events.

use std::io::Read;

use aws_lambda_events::lambda_function_urls::LambdaFunctionUrlRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::{Code, Failure};
use flate2::read::MultiGzDecoder;
use serde_json::value::RawValue;

use super::Problem;

/// Events in one request, at most.
const MAX_EVENTS: usize = 1_000;

/// What a body may have when it is decoded, in bytes: as much as Lambda takes of one that is not
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;

/// U+FEFF in UTF-8, which a reader may skip (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The content codings that a request may have, as a refusal's `Accept-Encoding` names them
/// (RFC 9110, section 15.5.16).
pub(super) const CODINGS: &str = "gzip";

/// The bytes that a request's body stands for.
///
/// # Errors
/// 400 for what is not base64 or not gzip, 413 for more than is read, 415 for another coding.
pub(super) fn decoded(request: &LambdaFunctionUrlRequest) -> Result<Vec<u8>, Problem> {
    let codings = request.headers.get_all("content-encoding").iter();
    let codings: Vec<&str> = codings
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"))
        .collect();
    let bytes = transported(request)?;
    match codings[..] {
        [] => Ok(bytes),
        // The two are the same (RFC 9110, section 8.4.1.3).
        [one] if one.eq_ignore_ascii_case("gzip") || one.eq_ignore_ascii_case("x-gzip") => {
            gunzip(&mut &bytes[..])
        }
        _ => {
            let reason = format!("a Content-Encoding other than {CODINGS}");
            Err(Problem::new(415, Failure::permanent(Code::DecodeFormat, reason)))
        }
    }
}

fn transported(request: &LambdaFunctionUrlRequest) -> Result<Vec<u8>, Problem> {
    let body = request.body.as_deref().unwrap_or_default();
    if !request.is_base64_encoded {
        return Ok(body.as_bytes().to_vec());
    }
    STANDARD.decode(body).map_err(|_| {
        Problem::new(400, Failure::permanent(Code::DecodeFormat, "a body that is not base64"))
    })
}

/// Reads no more than one byte beyond the bound, whatever there is.
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

/// One object, an array, or a line for each event; each as its bytes came.
///
/// # Errors
/// 400 for none or for an array that is not JSON, 413 for too many.
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
