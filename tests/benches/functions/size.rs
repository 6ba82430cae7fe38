//! How large a deployment package would be.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// The binary's size as a zip holds it, in MB (10^6 bytes): deflated at level 9.
pub(crate) fn zipped_mb(binary: &Path) -> f64 {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&std::fs::read(binary).unwrap()).unwrap();
    let bytes = u32::try_from(encoder.finish().unwrap().len()).unwrap();
    f64::from(bytes) / 1e6
}
