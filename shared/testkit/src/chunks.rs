//! Cuts bytes into chunks, as they arrive over a network.

/// Cuts bytes into chunks. Each cut is the length of a chunk, modulo one more than what is left. The last chunk has the
/// rest. A cut of zero is an empty chunk.
#[must_use]
pub fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let (mut rest, mut chunks) = (bytes, Vec::new());
    for cut in cuts {
        let (chunk, after) = rest.split_at(cut % (rest.len() + 1));
        chunks.push(chunk);
        rest = after;
    }
    chunks.push(rest);
    chunks
}
