#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod audit;
mod backoff;
mod batch;
mod catalog;
mod claims;
mod clock;
mod dead_letters;
mod deadline;
pub mod env;
mod logs;
mod lookup;
mod measure;
mod names;
mod outbox;
mod panics;
mod queue;
mod random;
mod record;
mod redrives;
mod senders;
mod serve;
mod settings;
pub mod sink;
mod stage;
mod tally;

pub use audit::{
    Audit, AuditDetails, AuditEntry, AuditKeys, AuditPhase, AuditSubject, Operator, add_to_audit,
    check_reason,
};

pub use batch::{BatchItemFailure, BatchResponse, Batches, Policy};
pub use catalog::{
    ContractFolder, LoadError, contract_folders, load_contracts, load_variables, open_contracts,
    read_contract_folder,
};
pub use claims::{ClaimObjects, Claims};
pub use clock::{Clock, SystemClock};
pub use dead_letters::{DeadLetterQueue, RejectedMessage};
pub use deadline::Deadline;
pub use logs::{exit_code, init_logs};
pub use lookup::{FileRead, FileStore, Lookup, LookupAnswer, LookupError};
pub use measure::{count_dead_letter, count_done, count_refused, recorder};
pub use metrics::{Dimensions, Metric, Recorder};
pub use names::{time_of_name, unique_name};
pub use outbox::send_all;
pub use queue::{
    MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_CLAIMED_BYTES, MAX_STAGE_MESSAGE_BYTES, Outgoing,
    Queue, fair_group,
};
pub use record::Record;
pub use redrives::{CancelledRedrives, RedriveRuns};
pub use senders::TrustedSenders;
pub use serve::{invocation_span, serve, serve_batches};
pub use settings::Settings;
pub use stage::{EventCounts, Stage};
pub use tally::Tally;
