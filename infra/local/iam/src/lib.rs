#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod document;
mod managed;
mod pattern;
mod policy;
mod role;
#[cfg(test)]
mod tests;
mod trust;

pub use self::document::Refusal;
pub use self::managed::managed;
pub use self::policy::{Decision, Grant, Policy};
pub use self::role::Role;
pub use self::trust::check_trust;
