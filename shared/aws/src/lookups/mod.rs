//! What enrichers look things up in: tables of DynamoDB, and files of reference data in S3.
//!
//! Clients are made at the first question: a dataset without lookups asks none. They do not try again by
//! themselves, since each try counts against the dependency's retries.

mod bucket;
mod item;
mod table;

pub use self::bucket::ReferenceBucket;
pub use self::table::{LookupTables, TableLookup};
