//! Circuit breakers that all environments of a fleet share.
//!
//! Environments of a Lambda function share nothing and freeze between invocations: a breaker in memory
//! sees too few calls to trip, and each environment would find out for itself that a dependency is away.
//! So a breaker's [`Record`] is in a [`Store`], where every write is conditional on the version that was
//! read, and time passes on the next call.
//!
//! ```text
//!              a rate is reached
//!   Closed ───────────────────────> Open <──────────────┐
//!     ^                              │ its wait is over  │ a rate is reached,
//!     │                              v                   │ or half-open for too long
//!     └────────────────────────── HalfOpen ─────────────┘
//!        the permitted calls did well
//! ```
//!
//! - While no call fails nothing is written, and the store is read once in [`Settings::refresh`], with
//!   all breakers that an environment needs. Once an environment tells of a failure, each tells of its
//!   calls, at most once in that time, and the rates count over all of them.
//! - Half-open, at most [`HalfOpen::permitted_calls`] probes are under way in the whole fleet: permits
//!   are leased in the record, and what is not settled before its lease ends is given back.
//! - If the store is away, or is not written, an environment goes by what it saw itself
//!   ([`Environment::status`] says so): it trips at once, and probes after ten seconds.
//!
//! While all events of a queue would wait for open breakers, [`polling`] says when the queue need not be
//! polled.
//!
//! Pure: [`Environment`] says what to ask the store and takes its answer, [`Breakers`] is the loop that
//! does the asking. `tests/model` checks the protocol in every state that a small fleet can reach.

mod breakers;
mod counts;
mod environment;
pub mod polling;
mod recent;
mod record;
mod settings;
mod store;
mod transition;

pub use breakers::{Breakers, Permit, Surroundings};
pub use counts::{Counts, Publication, SLOTS, SharedCounts, Slot};
pub use environment::{
    Admission, Answer, CLOCK_SKEW, Environment, Outcome, Pass, Request, Status, Wait, WaitReason,
};
pub use record::{
    Cause, EnvironmentId, Forced, ForcedState, Lease, NextCall, Record, State, StateName,
};
pub use settings::{HalfOpen, Mode, NoPercent, OpenWait, Percent, Settings, Window, equal_jitter};
pub use store::{Away, Published, Replaced, Snapshot, Store};
pub use transition::{Event, Illegal, Moment, step};
