//! See `check`: the same that `cargo test -p sluicegate-contracts --test hostile` calls.

#![no_main]

#[path = "../src/contracts.rs"]
mod contracts;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    contracts::check(data);
});
