//! How the time of an event relates to the time at which it was taken in.

use serde::{Deserialize, Serialize};

/// What is said of an event whose time is further from its ingest time than its contract allows. The envelope has it as
/// the extension attribute `timeliness`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Timeliness {
    /// It was taken in later after it happened than the contract allows.
    Late,
    /// It is said to happen further in the future than the contract allows.
    Early,
}
