//! The bytes of a file that have arrived, from which entries are cut.

/// Bytes of a file, as they arrive.
#[derive(Default)]
pub(super) struct Buffer {
    pub(super) bytes: Vec<u8>,
    /// Where the current entry begins. The next push removes all bytes before it in one move, so that a file of short
    /// entries is not moved for each of them.
    pub(super) start: usize,
    /// Up to where the bytes were scanned for the end of the current entry, without success.
    pub(super) scanned: usize,
}

impl Buffer {
    /// How many of the bytes belong to no entry yet.
    pub(super) fn unread(&self) -> u64 {
        (self.bytes.len() - self.start) as u64
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.scanned -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }
}
