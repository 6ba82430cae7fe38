#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

#[cfg(feature = "s3")]
mod audit;
#[cfg(feature = "breakers")]
mod breakers;
#[cfg(feature = "s3")]
mod claims;
mod classify;
mod config;
mod counted;
#[cfg(feature = "lambda")]
mod event_source_mappings;
#[cfg(feature = "evidence")]
mod evidence;
#[cfg(feature = "lambda")]
mod functions;
#[cfg(feature = "letters")]
mod letters;
#[cfg(feature = "lookups")]
mod lookups;
#[cfg(feature = "s3")]
mod objects;
#[cfg(feature = "sqs")]
mod queues;
#[cfg(feature = "redrives")]
mod redrives;
#[cfg(feature = "secrets")]
mod secrets;
#[cfg(feature = "services")]
mod services;
#[cfg(feature = "dynamodb")]
mod table;

#[cfg(feature = "s3")]
pub use audit::AuditBucket;
#[cfg(feature = "breakers")]
pub use breakers::BreakerTable;
#[cfg(feature = "s3")]
pub use claims::{ClaimBucket, claims};
pub use classify::failure_of;
pub use config::{ConfigError, http_client, sdk_config, sdk_config_as};
pub use counted::count_calls;
#[cfg(feature = "lambda")]
pub use event_source_mappings::{EventSourceMapping, EventSourceMappings, NotUpdated};
#[cfg(feature = "evidence")]
pub use evidence::EvidenceTables;
#[cfg(feature = "lambda")]
pub use functions::{Functions, Invoked};
#[cfg(feature = "letters")]
pub use letters::{LetterBucket, LetterTable};
#[cfg(feature = "lookups")]
pub use lookups::{LookupTables, ReferenceBucket, TableLookup};
#[cfg(feature = "s3")]
pub use objects::{CopyLimits, CopySource, Objects};
#[cfg(feature = "sqs")]
pub use queues::{QueueDepth, Queues};
#[cfg(feature = "redrives")]
pub use redrives::cancelled_redrives;
#[cfg(feature = "secrets")]
pub use secrets::SecretsManager;
#[cfg(feature = "services")]
pub use services::{ServiceClient, ServiceSettings};
#[cfg(feature = "dynamodb")]
pub use table::{
    Accumulate, ClaimStore, Field, Head, Insert, Item, Merge, Row, TableEffect, TableStore, Upsert,
    expires_at,
};
