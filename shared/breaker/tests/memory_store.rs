//! The in-memory store passes the same conformance suite as the real one.

use testkit::{MemoryBreakers, breaker_conformance, polling_conformance};

#[test]
fn the_store_in_memory_is_a_store() {
    let suite = breaker_conformance(async || MemoryBreakers::default());
    futures_util::FutureExt::now_or_never(suite).unwrap();
}

#[test]
fn the_store_in_memory_keeps_what_is_known_of_polling() {
    let suite = polling_conformance(async || MemoryBreakers::default());
    futures_util::FutureExt::now_or_never(suite).unwrap();
}
