//! What becomes of dead letters once they are in their store, and of the runs that redrive them.
//!
//! A letter is one item, a run is another, and every write of either is conditional on the version that was
//! read. A run goes through the letters of its plan in their order:
//!
//! ```text
//!   read the run, and take its lease
//!     for each part of the plan:
//!       claim each letter            Dead ──> Claimed by this run     (what others have changed is left out)
//!       send those that are claimed                                   (with the run's id, and how often it was redriven)
//!       settle each letter           Claimed ──> Redriven by this run
//!       move the run's position past the part, with what was counted
//! ```
//!
//! A crash between any two of these steps leaves letters that are claimed by the run and may have been sent.
//! Whoever takes the lease next begins at the run's position, sends these again under the same redrive id, which
//! the sinks' idempotency makes one effect, and counts each letter once, since counting and moving on are one write.
//!
//! Pure: [`Worker`] says what to ask the stores and takes their answers. `tests/model` goes through every state that
//! two workers and an operator can reach.

mod letter;
mod run;
mod worker;

pub use letter::{IllegalLetter, Letter, LetterEvent, LetterId, LetterState, Redrive, step_letter};
pub use run::{IllegalRun, Lease, Run, RunEvent, RunId, RunState, step_run};
pub use worker::{Answer, LetterReplaced, Request, RunReplaced, Sent, Worker};
