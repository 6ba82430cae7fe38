//! What a reader asks for.

/// Bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// How many bytes precede them.
    pub offset: u64,
    /// How many they are; one at least.
    pub length: u64,
}
