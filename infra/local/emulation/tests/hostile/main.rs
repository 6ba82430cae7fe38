//! What strangers may write, without a fuzzer: the properties of `fuzz/`, on its seeds, on changed
//! seeds, and on a table of malformed requests. The functions that are called are the fuzz targets' own.

#![expect(clippy::expect_used, reason = "a test fails by panicking, and so do its helpers")]

#[path = "../../../fuzz/src/requests.rs"]
mod requests;
#[path = "../../../fuzz/src/templates.rs"]
mod templates;

mod changed;
mod malformed;
mod seeds;
