//! Counts by name, in one line.

use serde_json::Value;

use crate::output::escape::escape;
use crate::output::members::number;
use crate::output::text::group_digits;

/// Counts with their names: `deliver 1,200, sink 4`.
pub(super) fn counts(counts: &Value) -> String {
    let each = counts.as_object().into_iter().flatten();
    let each: Vec<String> = each
        .map(|(name, count)| format!("{} {}", escape(name), group_digits(number(count))))
        .collect();
    each.join(", ")
}
