//! The pipeline end to end: the real binaries, from `template.yaml`, held to the promises.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod adapters;
mod archive;
mod breakers;
mod calls;
mod cancelled;
mod changes;
mod claims;
mod collect;
mod compaction;
mod contracts;
mod costs;
mod crashes;
mod deliver;
mod delivery;
mod evidence;
mod exact;
mod forecast;
mod inputs;
mod invoked;
mod late;
mod lineage;
mod lookups;
mod metrics;
mod operations;
mod operators;
mod outages;
mod poison;
mod polling;
mod reconcile;
mod remembered;
mod rights;
mod rows;
mod runbooks;
mod senders;
mod services;
mod slices;
mod time;
mod types;
