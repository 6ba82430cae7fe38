//! A bucket in memory, and sample events.

mod bucket;
mod events;

pub use bucket::{Answer, MemoryBucket};
pub use events::{envelope, envelope_at, envelope_text};
