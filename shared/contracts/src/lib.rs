#![doc = include_str!("../README.md")]

mod catalog;
mod contract;
mod dependencies;
mod enricher;
mod error;
mod intake;
mod keys;
mod patch;
mod personal;
mod place;
mod pointer;
mod retention;
mod schema;
mod secret;
mod sink;
mod text;
mod triage;
mod url;
mod variables;

pub use catalog::{Catalog, CatalogError};
pub use contract::{Contract, DEFAULT_REDRIVE_LIMIT};
pub use dependencies::{CallFailure, Dependencies, DependenciesError, Dependency, Limits, Retries};
pub use enricher::{
    AskMethod, CacheRule, CustomLookup, Enricher, HttpEnricher, KeyTemplate, LookupKey, Missing,
    ReferenceData, ReferenceFormat, Source, TableLookup, Unavailable, in_rounds,
};
pub use error::{ContractError, SchemaError};
pub use intake::{Accepted, EventOrigin};
pub use keys::{Keys, MIN_RETENTION_DAYS};
pub use patch::{Patch, PatchError};
pub use personal::ANY_TOKEN;
pub use place::UrlError;
pub use pointer::{pointer_index, pointer_tokens};
pub use retention::{MOST_CLOCK_SKEW, is_still_remembered};
pub use schema::{Property, Schema, ValueKind};
pub use secret::SecretReference;
pub use sink::{
    Accumulate, Compression, CustomSink, HttpBody, HttpMethod, HttpSink, LakeFormat, LakeSink,
    Opened, Order, RowKey, RowOrder, RowVersion, Sink, SinkKind, TableMode, TableSink, Target,
    Tombstone, Window,
};
pub use text::TextTemplate;
pub use triage::{TriageAction, TriageCause, TriageRule};
pub use url::UrlTemplate;
pub use variables::{NameError, Variables, VariablesError};
