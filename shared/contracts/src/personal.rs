//! The places of a payload that are personal data. They are JSON Pointers in which `*` stands for any item or member.

use crate::error::{ContractError, invalid};
use crate::pointer::pointer_tokens;

/// The token of a pointer that stands for each item of an array and each member of an object.
pub const ANY_TOKEN: &str = "*";

const FIELD: &str = "personal_data";

pub(crate) fn check(pointers: &[String]) -> Result<(), ContractError> {
    for (place, pointer) in pointers.iter().enumerate() {
        if pointer.is_empty() || pointer_tokens(pointer).is_none() {
            let problem = format!(
                "`{pointer}` is not a JSON Pointer such as /passenger/name or /legs/*/seat"
            );
            return Err(invalid(FIELD, &problem));
        }
        if pointers[..place].contains(pointer) {
            let problem = format!("`{pointer}` twice");
            return Err(invalid(FIELD, &problem));
        }
    }
    Ok(())
}

/// Whether a place is one of the personal places, is within one, or contains one. A text that is not a JSON Pointer
/// counts as personal, so that nothing is shown by mistake.
pub(crate) fn overlaps(personal: &[String], pointer: &str) -> bool {
    let Some(place) = pointer_tokens(pointer) else { return true };
    personal.iter().filter_map(|pointer| pointer_tokens(pointer)).any(|tokens| {
        tokens
            .iter()
            .zip(&place)
            .all(|(personal, token)| personal == ANY_TOKEN || personal == token)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pointer: &str, expected: bool) {
        let personal = ["/passenger/name", "/legs/*/seat"].map(str::to_owned);
        assert_eq!(overlaps(&personal, pointer), expected, "{pointer}");
    }

    #[test]
    fn a_place_is_personal_that_is_within_such_a_place_or_holds_one() {
        for pointer in [
            "",
            "/passenger",
            "/passenger/name",
            "/passenger/name/first",
            "/legs",
            "/legs/0",
            "/legs/7/seat",
        ] {
            check(pointer, true);
        }
        for pointer in ["/passengers", "/passenger/id", "/legs/0/origin", "/name"] {
            check(pointer, false);
        }
    }
}
