//! See `check`: the same that `cargo test -p sluicegate-local-emulation --test hostile` calls.

#![no_main]

#[path = "../src/templates.rs"]
mod templates;

libfuzzer_sys::fuzz_target!(|data: &[u8]| templates::check(data));
