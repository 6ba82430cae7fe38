//! What a dataset promises, and holding an event to it.
//!
//! A contract is a reviewed file, shipped with the functions. Pure: the files are read by whoever
//! calls, and no schema refers to a network.

mod catalog;
mod contract;
mod intake;
mod place;
mod schema;
mod secret;
mod sink;
mod text;
mod url;
mod variables;

pub use catalog::{Catalog, CatalogError};
pub use contract::{
    Contract, ContractError, Enricher, HttpEnricher, Keys, MIN_RETENTION_DAYS, Missing,
};
pub use intake::Accepted;
pub use schema::{Property, Schema, SchemaError, ValueKind};
pub use secret::SecretReference;
pub use sink::{
    Accumulate, Compression, CustomSink, HttpBody, HttpMethod, HttpSink, LakeFormat, LakeSink,
    Opened, Order, RowKey, Sink, SinkKind, TableMode, TableSink, Target, Tombstone, Window,
};
pub use text::TextTemplate;
pub use url::{UrlError, UrlTemplate};
pub use variables::{NameError, Variables, VariablesError};
