#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod breaker_conformance;
mod breakers;
mod chunks;
mod claims;
mod claims_conformance;
mod clock;
pub mod csv;
mod dedupe_conformance;
mod effect;
mod evidence;
mod evidence_conformance;
mod host;
mod letter_conformance;
mod letters;
mod note_conformance;
mod polling_conformance;
mod queue;
mod samples;
mod simulated_queue;
mod store;
mod tables;
mod variables;

pub use breaker_conformance::breaker_conformance;
pub use breakers::{Calls, MemoryBreakers, StoreFault};
pub use chunks::cut;
pub use claims::MemoryClaims;
pub use claims_conformance::claims_conformance;
pub use clock::ManualClock;
pub use dedupe_conformance::{StoreUnderTest, dedupe_conformance};
pub use effect::{Meeting, TestEffect};
pub use evidence::MemoryEvidence;
pub use evidence_conformance::{EvidenceUnderTest, LeftRow, evidence_conformance};
pub use host::ManualHost;
pub use letter_conformance::{
    letter_index_conformance, letter_objects_conformance, runs_conformance, test_letter,
};
pub use letters::{LetterFault, MemoryLetters};
pub use note_conformance::{controls_conformance, notes_conformance};
pub use polling_conformance::polling_conformance;
pub use queue::MemoryQueue;
pub use samples::{Sample, contracts, sample, sample_bytes, sample_lines, samples_of};
pub use simulated_queue::SimulatedQueue;
pub use store::{Answer, MemoryStore};
pub use tables::Tables;
pub use variables::check_each_is_needed;
