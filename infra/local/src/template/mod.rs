//! `template.yaml` read into what the emulation starts.

mod model;

pub use model::*;
