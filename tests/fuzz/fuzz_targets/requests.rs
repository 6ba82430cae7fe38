//! See `check`: the same that `cargo test -p sluicegate-local-emulation --test hostile` calls.

#![no_main]

#[path = "../src/requests.rs"]
mod requests;

libfuzzer_sys::fuzz_target!(|data: &[u8]| requests::check(data));
