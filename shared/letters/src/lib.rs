#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod control;
mod entry;
mod evidence;
mod fix;
mod forecast;
mod group;
mod keys;
mod ledger;
mod letter;
mod mask;
mod message_event;
mod note;
mod pace;
mod pace_duration;
mod payload;
mod plan;
mod run;
mod sample;
mod selection;
mod store;
mod worker;

pub use control::{CONTROL_FORMAT, Halt, Round, TriageControl};
pub use entry::{
    Entry, Indexed, LETTER_STORE_FORMAT, LetterStateName, Place, SHARDS, StoredMessage,
};
pub use evidence::{Evidence, Found, FoundProof, FoundRow, Proof, Seen, SentEvent, VersionedRow};
pub use fix::{
    DATASET, ENRICH, Fix, FixError, Fixed, INGEST, NEWEST_VERSION, apply_fix, enrich_again,
    reprocess, validate,
};
pub use forecast::{
    Coming, ComingEvent, Estimate, Findings, Forecast, MOST_LOOKED_AT, Questions, SinkForecast,
};
pub use group::{Group, Groups};
pub use keys::{EventAge, KeyStore, KeysLife, extended_life, extension_of, without_extension};
pub use ledger::{Forgiven, Ledger, RUN_FORMAT};
pub use letter::{IllegalLetter, Letter, LetterEvent, LetterId, LetterState, Redrive, step_letter};
pub use mask::{BodyKind, mask_body};
pub use note::{GroupNote, LONGEST_MUTE, NOTE_FORMAT, NoteState};
pub use pace::{CanarySeen, Next, OpenBreaker, Pace, Progress, Signals};
pub use payload::payload_of;
pub use plan::{
    BadPlan, LETTERS_IN_PAGE, PLAN_FORMAT, PlanHeader, PlanId, PlannedLetter, compact_time,
};
pub use run::{IllegalRun, Lease, Run, RunEvent, RunId, RunState, step_run};
pub use sample::Sample;
pub use selection::{PointedValue, Selection};
pub use store::{
    ControlWritten, Controls, IndexWrite, IndexWritten, LedgerWritten, LetterIndex, LetterObjects,
    LetterPage, NoteWritten, Notes, PagePosition, Runs,
};
pub use worker::{
    Answer, Given, LetterReplaced, LetterReplacement, Request, RunReplaced, Sending, Sent, Worker,
};
