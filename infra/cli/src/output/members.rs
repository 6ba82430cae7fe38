//! Members of a JSON answer, in the form in which they are shown.

use serde_json::Value;

use super::escape::escape;
use super::text::group_digits;

/// The escaped text of a member. Empty if it is no text.
pub(crate) fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

/// The number of a member. 0 if it is no number.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// The formatted number of a member, or `?` if it is not known.
pub(crate) fn number_or_unknown(value: &Value) -> String {
    value.as_u64().map_or_else(|| "?".to_owned(), group_digits)
}

pub(crate) fn members(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
