#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod check;
mod compare;
mod difference;
mod document;
mod engine;
mod evaluate;
mod example;
mod limits;
mod mode;
mod number;
mod pattern;
mod prove;
mod schema;
#[cfg(test)]
mod tests;
mod types;

pub use check::{Finding, Report, check};
pub use compare::{Comparison, Verdict, compare};
pub use difference::{Difference, SchemaPlace};
pub use document::{Formats, SchemaDocument};
pub use limits::Limits;
pub use mode::{Direction, Mode, UnknownMode};
