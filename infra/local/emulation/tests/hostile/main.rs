//! Checks the properties of `tests/fuzz` without a fuzzer: with its seeds, with changed seeds, and with
//! a table of malformed requests. It calls the same functions as the fuzz targets.

#![expect(clippy::expect_used, reason = "a test fails by panicking, and so do its helpers")]

#[path = "../../../../../tests/fuzz/src/requests.rs"]
mod requests;
#[path = "../../../../../tests/fuzz/src/templates.rs"]
mod templates;

mod changed;
mod malformed;
mod seeds;
