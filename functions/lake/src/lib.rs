#![doc = include_str!("../README.md")]

mod bucket;
mod columns;
pub mod compact;
mod config;
mod file_writer;
mod handler;
mod lake;
mod manifest;
#[cfg(test)]
mod memory;
mod ndjson;
mod objects;
mod parquet_file;
mod place;
#[cfg(test)]
mod samples;
mod store;

pub use bucket::{Bucket, Condition, Found, S3Bucket, Shelves, Stored};
pub use config::Config;
pub use handler::{LakeStage, Line};
pub use lake::{Lake, Lakes, lakes};
pub use place::Partition;
pub use store::Limited;
