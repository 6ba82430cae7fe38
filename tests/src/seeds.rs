//! Which adversaries a test runs against, as its arguments say.

use std::ops::Range;

/// `0..50`: from the first up to the last, which is not among them. At least one: a run without any would
/// pass.
///
/// # Errors
/// With what was expected.
pub fn seeds(text: &str) -> Result<Range<u64>, String> {
    let ends = text.split_once("..").and_then(|(from, to)| from.parse().ok().zip(to.parse().ok()));
    let seeds = ends.map(|(from, to)| from..to).filter(|seeds| !seeds.is_empty());
    seeds.ok_or_else(|| "expected seeds such as 0..200, at least one".to_owned())
}
