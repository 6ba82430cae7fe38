//! Answers as a person reads them: within 80 columns, and wider where there is more to read.

mod acts;
mod forecast;
mod groups;
mod letter;
mod letters;
mod plan;
mod reconcile;
pub(super) mod run;
mod stages;
#[cfg(test)]
mod tests;

pub(super) use self::acts::{noted, on_letters, on_run, stopped, triage_started, unmuted};
pub(super) use self::groups::groups;
pub(super) use self::letter::letter;
pub(super) use self::letters::peek;
pub(super) use self::plan::plan;
pub(super) use self::reconcile::reconciled;
pub(super) use self::run::{begun, history, status};
pub(super) use self::stages::stages;
