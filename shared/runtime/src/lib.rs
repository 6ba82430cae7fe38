#![doc = include_str!("../README.md")]

mod audit;
mod backoff;
mod batch;
mod catalog;
mod clock;
mod dead_letters;
mod deadline;
pub mod env;
mod logs;
mod lookup;
mod names;
mod outbox;
mod panics;
mod queue;
mod record;
mod redrives;
mod rolls;
mod senders;
mod serve;
mod settings;
pub mod sink;
mod stage;
mod tally;
mod verdict;

pub use audit::{
    Audit, AuditEntry, AuditKeys, AuditPhase, AuditTold, Operator, add_to_audit, check_why,
};
pub use backoff::backoff;
pub use batch::{BatchResponse, Batches, Failed, Policy};
pub use catalog::{LoadError, load_contracts, load_variables};
pub use clock::{Clock, SystemClock};
pub use dead_letters::{DeadLetters, Refused};
pub use deadline::Deadline;
pub use logs::{exit_code, init_logs};
pub use lookup::{FileRead, FileStore, Found, Lookup, LookupError};
pub use names::{time_of_name, unique_name};
pub use outbox::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, send_all};
pub use queue::{MAX_STAGE_MESSAGE_BYTES, Outgoing, Queue};
pub use record::Record;
pub use redrives::{CancelledRedrives, RedriveRuns};
pub use senders::Senders;
pub use serve::{invocation_span, serve, serve_batches};
pub use settings::Settings;
pub use stage::{Done, Stage};
pub use tally::Tally;
