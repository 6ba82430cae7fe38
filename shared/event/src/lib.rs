#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod attributes;
mod backoff;
mod canonical;
mod claim_check;
mod csv_header;
mod dead_letter;
mod decimal;
mod envelope;
mod equality;
mod failure;
mod json_error;
mod key;
mod noncharacters;
mod parked;
mod payload;
mod redriven;
mod reserved;
mod timeliness;
mod timestamp;
mod trace;

pub use attributes::{
    Attribute, Attributes, CLAIM_ATTRIBUTE, FAILURE_ATTRIBUTE, PROGRESS_ATTRIBUTE, attributes_size,
};
pub use backoff::{Backoff, jitter};
pub use canonical::{CanonicalError, Fingerprint, canonical_number, check_numbers, hex_sha256};
pub use claim_check::{CLAIMS_FOLDER, ClaimCheck, TextDigest};
pub use csv_header::{CSV_ATTRIBUTE, CsvHeader};
pub use dead_letter::{ContractRef, DeadLetter, Encoding, FailureFingerprint, Form, RedriveMark};
pub use decimal::{Decimal, DecimalError};
pub use envelope::{ENVELOPE_VERSION, Envelope, EnvelopeError, SPEC_VERSION};
pub use equality::is_same_value;
pub use failure::{Code, DEFAULT_LONGEST_WAIT, Failure, FailureKind, MAX_LONGEST_WAIT};
pub use json_error::json_problem;
pub use key::{IdempotencyKey, KeyError, row_key};
pub use noncharacters::escape_noncharacters;
pub use parked::{PARKED_ATTRIBUTE, Parked};
pub use payload::{
    MAX_DEPTH, MAX_PAYLOAD_BYTES, Payload, json_value, kind_of, pointer_to, too_large,
};
pub use redriven::{REDRIVE_ATTRIBUTE, Redriven};
pub use timeliness::Timeliness;
pub use timestamp::{Timestamp, TimestampError};
pub use trace::TraceParent;
