//! Each idempotency key takes effect once in each sink.
//!
//! Pure: the protocol decides, a [`Store`] writes. Here is the transactional form: dedupe record and
//! effect in one transaction, so that there is no state between the two and nothing to recover.

mod batch;
mod protocol;
mod record;

pub use protocol::{Limits, write_once};
pub use record::{Completed, RecordId, Verdict};
pub use store::{Reason, Store, Write, WriteError};

mod store;
