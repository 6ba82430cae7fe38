//! Reads the body of a request up to a limit.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

/// How much of a body beyond its limit is read and discarded, so that the client sees the answer instead
/// of a broken connection.
const DISCARD_LIMIT: usize = 64 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge,
    /// The connection ended before the body did.
    Broken,
}

/// Reads a whole body of at most `limit` bytes.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut whole = BytesMut::new();
    let mut seen: usize = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        seen = seen.saturating_add(data.len());
        if seen <= limit {
            whole.extend_from_slice(data);
        } else if seen > limit.saturating_add(DISCARD_LIMIT) {
            return Err(BodyError::TooLarge);
        } else {
            whole = BytesMut::new();
        }
    }
    if seen > limit { Err(BodyError::TooLarge) } else { Ok(whole.freeze()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(length: usize, limit: usize, expected: Result<usize, BodyError>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = Body::from(vec![b'x'; length]);
        let read = runtime.block_on(read(body, limit)).map(|bytes| bytes.len());
        assert_eq!(read, expected, "{length} of {limit}");
    }

    #[test]
    fn a_body_is_read_up_to_its_limit_and_refused_above_it() {
        check(0, 0, Ok(0));
        check(10, 10, Ok(10));
        check(11, 10, Err(BodyError::TooLarge));
    }
}
