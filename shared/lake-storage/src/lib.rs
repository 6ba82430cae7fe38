#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod bucket;
mod columns;
pub mod compact;
mod file_writer;
mod lake;
mod manifest;
mod ndjson;
mod objects;
mod parquet_file;
mod place;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod write;

pub use bucket::{Bucket, BucketAdmin, Condition, PutOutcome, S3Bucket, StoredObject};
pub use lake::{Lake, Lakes, LakesOfDataset, Row};
pub use place::Partition;
pub use store::ConcurrencyLimit;
pub use write::{BatchWriter, LakeRow};
