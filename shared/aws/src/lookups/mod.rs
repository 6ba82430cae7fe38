//! The lookups of enrichers: tables of DynamoDB, and files of reference data in S3.
//!
//! The first request creates a client, since a dataset without lookups makes none. The clients do not retry by
//! themselves, since each attempt counts against the dependency's retries.

mod bucket;
mod item;
mod table;

pub use self::bucket::ReferenceBucket;
pub use self::table::{LookupTables, TableLookup};
