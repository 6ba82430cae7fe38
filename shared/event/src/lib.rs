//! What every stage shares about one event: its envelope, its idempotency key, how it can fail, and
//! what a dead letter says.
//!
//! Pure: no IO, no clock, no AWS type. Whoever calls passes the time in.

mod attributes;
mod canonical;
mod dead_letter;
mod decimal;
mod envelope;
mod equality;
mod failure;
mod key;
mod noncharacters;
mod parked;
mod payload;
mod reserved;
mod timestamp;
mod trace;

pub use attributes::{Attribute, Attributes, attributes_size};
pub use canonical::{CanonicalError, Fingerprint, canonical_number, check_numbers, hex_sha256};
pub use dead_letter::{DeadLetter, Encoding, FAILURE_ATTRIBUTE, Form};
pub use decimal::{Decimal, DecimalError};
pub use envelope::{ENVELOPE_VERSION, Envelope, EnvelopeError, SPEC_VERSION};
pub use equality::is_same_value;
pub use failure::{Code, DEFAULT_LONGEST_WAIT, Failure, FailureKind, MAX_LONGEST_WAIT};
pub use key::{IdempotencyKey, KeyError, row_key};
pub use parked::{PARKED_ATTRIBUTE, Parked};
pub use payload::{MAX_DEPTH, MAX_PAYLOAD_BYTES, Payload, kind_of, pointer_to, too_large};
pub use timestamp::{Timestamp, TimestampError};
pub use trace::TraceParent;
