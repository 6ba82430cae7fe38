#![doc = include_str!("../README.md")]

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
