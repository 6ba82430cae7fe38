//! Answers as a person reads them: within 80 columns, and wider where there is more to read.

mod acts;
mod audit;
mod counts;
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

pub(super) use self::acts::{
    format_letter_change, format_note, format_run_change, format_stop, format_triage_start,
    format_unmute,
};
pub(super) use self::groups::format_groups;
pub(super) use self::letter::format_letter;
pub(super) use self::letters::format_peek;
pub(super) use self::plan::format_plan;
pub(super) use self::reconcile::format_reconciliation;
pub(super) use self::run::{format_history, format_started_run, format_status};
pub(super) use self::stages::format_stages;
