//! Decodes `aws-chunked` bodies, in which SDKs send a body whose checksum they know only at its
//! end.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>. The signatures
//! of chunks are not checked, like all other signatures.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The longest line: the size and extension of a chunk, or the name and value of a trailer.
const MAX_LINE_BYTES: usize = 4 << 10;
const MAX_TRAILERS: usize = 16;

/// What is wrong with a body that is declared as `aws-chunked`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the body ends within a chunk")]
    Incomplete,
    #[error("a chunk's size is not a hexadecimal number followed by a line break")]
    ChunkSize,
    #[error("a trailer is not well-formed")]
    Trailer,
}

/// The body without the chunks' framing, and the trailers after it.
pub(super) fn decode(body: &Bytes) -> Result<(Bytes, HeaderMap), Malformed> {
    let mut rest = body.clone();
    let mut chunks: Vec<Bytes> = Vec::new();
    loop {
        let line = take_line(&mut rest).ok_or(Malformed::ChunkSize)?;
        let size = size(&line).ok_or(Malformed::ChunkSize)?;
        if size == 0 {
            break;
        }
        if rest.len() < size {
            return Err(Malformed::Incomplete);
        }
        chunks.push(rest.split_to(size));
        let end = take_line(&mut rest).ok_or(Malformed::Incomplete)?;
        if !end.is_empty() {
            return Err(Malformed::ChunkSize);
        }
    }
    Ok((join(chunks), trailers(rest)?))
}

fn trailers(mut rest: Bytes) -> Result<HeaderMap, Malformed> {
    let mut trailers = HeaderMap::new();
    while !rest.is_empty() {
        let line = take_line(&mut rest).ok_or(Malformed::Trailer)?;
        if line.is_empty() {
            continue;
        }
        let colon = line.iter().position(|&byte| byte == b':').ok_or(Malformed::Trailer)?;
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        let (Ok(name), Ok(value)) = (name, value) else { return Err(Malformed::Trailer) };
        if trailers.len() == MAX_TRAILERS {
            return Err(Malformed::Trailer);
        }
        trailers.insert(name, value);
    }
    Ok(trailers)
}

/// Joins the chunks. A single chunk is not copied.
fn join(mut chunks: Vec<Bytes>) -> Bytes {
    if chunks.len() < 2 {
        return chunks.pop().unwrap_or_default();
    }
    let mut joined = BytesMut::with_capacity(chunks.iter().map(Bytes::len).sum());
    for chunk in chunks {
        joined.extend_from_slice(&chunk);
    }
    joined.freeze()
}

/// The next line without its end, which the last line may lack. `None` if the line is too long,
/// or if there is none.
fn take_line(rest: &mut Bytes) -> Option<Bytes> {
    if rest.is_empty() {
        return None;
    }
    let window = &rest[..rest.len().min(MAX_LINE_BYTES)];
    let end = match window.iter().position(|&byte| byte == b'\n') {
        Some(end) => end,
        None if window.len() == rest.len() => return Some(std::mem::take(rest)),
        None => return None,
    };
    let mut line = rest.split_to(end + 1);
    line.truncate(end);
    if line.last() == Some(&b'\r') {
        line.truncate(end - 1);
    }
    Some(line)
}

fn size(line: &[u8]) -> Option<usize> {
    let digits = line.split(|&byte| byte == b';').next()?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    usize::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Trailers<'a> = &'a [(&'a str, &'a str)];

    #[track_caller]
    fn check(body: &str, expected: Result<(&str, Trailers<'_>), Malformed>) {
        let decoded = decode(&Bytes::copy_from_slice(body.as_bytes()));
        let expected = expected.map(|(body, trailers)| {
            let trailers = trailers.iter().map(|(name, value)| {
                (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
            });
            (Bytes::copy_from_slice(body.as_bytes()), trailers.collect::<HeaderMap>())
        });
        assert_eq!(decoded, expected);
    }

    #[test]
    fn chunks_are_joined_and_trailers_told() {
        check("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", Ok(("hello world", &[])));
        check("0\r\n\r\n", Ok(("", &[])));
        check(
            "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n",
            Ok(("hello world", &[("x-amz-checksum-crc32", "DUoRhQ==")])),
        );
        check(
            "2;chunk-signature=ab\r\n\r\n\r\n0;chunk-signature=cd\r\nX-Amz-Trailer-Signature: ef",
            Ok(("\r\n", &[("x-amz-trailer-signature", "ef")])),
        );
    }

    #[test]
    fn what_is_malformed_is_refused() {
        check("", Err(Malformed::ChunkSize));
        check("hello", Err(Malformed::ChunkSize));
        check("-1\r\nx\r\n0\r\n", Err(Malformed::ChunkSize));
        check("ffffffffffffffffff\r\nx", Err(Malformed::ChunkSize));
        check("ffffffff\r\nx", Err(Malformed::Incomplete));
        check("1\r\nxy\r\n0\r\n", Err(Malformed::ChunkSize));
        check("1\r\nx", Err(Malformed::Incomplete));
        check("1\r\nx\r\n", Err(Malformed::ChunkSize));
        check("0\r\nno colon\r\n", Err(Malformed::Trailer));
        check(&format!("0\r\nx:{}\r\n", "y".repeat(MAX_LINE_BYTES)), Err(Malformed::Trailer));
    }
}
