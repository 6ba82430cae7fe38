#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod backlog;
mod canary;
mod catalog;
mod changes;
mod contract;
mod decode;
mod dependencies;
mod enricher;
mod error;
mod event_time;
mod files;
mod intake;
mod keys;
mod migration;
mod objectives;
mod patch;
mod personal;
mod place;
mod pointer;
mod pointers;
mod positions;
mod retention;
mod schema;
mod secret;
mod sink;
mod sources;
mod text;
mod time_rules;
mod timeliness;
mod triage;
mod url;
mod variables;
mod versions;

pub use backlog::Backlog;
pub use canary::CanaryCount;
pub use catalog::{Catalog, CatalogError, ContractFiles, ContractTexts, PerDataset};
pub use changes::{
    Change, ChangeKind, ChangeMessage, Changes, Decoded, Incoming, NoChange, Operation,
};
pub use contract::{Contract, DEFAULT_REDRIVE_LIMIT};
pub use dependencies::{CallFailure, Dependencies, DependenciesError, Dependency, Limits, Retries};
pub use enricher::{
    AskMethod, CacheRule, CustomLookup, Enricher, HttpEnricher, KeyTemplate, LookupKey, Missing,
    ReferenceData, ReferenceFormat, Source, TableLookup, Unavailable, in_rounds,
};
pub use error::{CONTRACT_FILE, ContractError, SchemaError};
pub use event_time::EventTime;
pub use files::{CsvFiles, FileFormat, TextEncoding};
pub use intake::{Accepted, EventOrigin};
pub use keys::{Keys, MIN_RETENTION_DAYS};
pub use migration::{ConvertTo, Migration, MigrationError};
pub use objectives::Objectives;
pub use patch::{Patch, PatchError};
pub use personal::ANY_TOKEN;
pub use place::UrlError;
pub use pointer::{pointer_index, pointer_tokens};
pub use positions::Position;
pub use retention::{MOST_CLOCK_SKEW, is_still_remembered};
pub use schema::{Formats, Property, Schema, TimestampUnit, ValueKind};
pub use secret::SecretReference;
pub use sink::{
    Accumulate, ColumnType, Compression, CustomSink, HttpBody, HttpMethod, HttpSink, LakeFormat,
    LakeSink, Order, RowKey, RowOrder, RowVersion, Sink, SinkKind, TableMode, TableSink, Target,
    TimeWindow, Tombstone, Window,
};
pub use sources::{AllowedSource, Sender, SenderError, SourceKind, Sources};
pub use text::TextTemplate;
pub use time_rules::{Beyond, TimeRule, TimeRules};
pub use triage::{TriageAction, TriageCause, TriageRule};
pub use url::UrlTemplate;
pub use variables::{NameError, Variables, VariablesError};
pub use versions::{Compatibility, SchemaVersion, UpgradeError, VersionState, Versions};
