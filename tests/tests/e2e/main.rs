//! The pipeline end to end: the real binaries, from `template.yaml`, held to the promises.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod adapters;
mod crashes;
mod delivery;
mod operations;
mod poison;
