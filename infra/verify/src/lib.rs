#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

pub mod contract;
mod csv;
mod decimal;
mod documents;
mod event_time;
mod identity;
pub mod input;
mod instant;
mod json;
pub mod judge;
pub mod lake;
pub mod letters;
mod limits;

/// The number of characters of a payload or value that messages show.
const SHOWN: usize = 60;

/// The beginning of a text, on one line.
fn shown(text: &str) -> String {
    let line: String =
        text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() { format!("{line}…") } else { line }
}

pub use documents::NotJson;
pub use event_time::EventTime;
pub use instant::Instant;
pub use json::Json;
pub use limits::{Limit, Limits};
