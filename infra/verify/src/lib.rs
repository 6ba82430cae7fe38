//! What went in, what must come out, and whether it did.
//!
//! This is the witness of the demo and the soak, and shares no code with what it judges: it reads
//! files, JSON, numbers, times, contracts, dead letters and the lake's objects by readers of its own,
//! and depends on no other crate of the workspace. It does no IO and has no clock: what was sent and what
//! was seen is handed in.
//!
//! It does not foretell which events a contract refuses. Whichever happened must be whole: an event is in
//! each of its sinks as the sink's mode says, or it is a dead letter through a fault of its own, which is
//! looked for in the event.

pub mod contract;
mod csv;
mod decimal;
mod identity;
pub mod input;
mod instant;
mod json;
pub mod judge;
pub mod lake;
pub mod letters;

/// So much of a payload, or of a value, is shown where something is wrong.
const SHOWN: usize = 60;

/// The beginning of a text, on one line.
fn shown(text: &str) -> String {
    let line: String =
        text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() { format!("{line}…") } else { line }
}

pub use decimal::Decimal;
pub use instant::Instant;
pub use json::Json;
