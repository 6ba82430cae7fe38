//! Colours, and whether the terminal gets any.

use runtime::env::Lookup;

use crate::options::Color;

pub(crate) const RED: &str = "1;31";
pub(crate) const YELLOW: &str = "33";
pub(crate) const GREEN: &str = "32";
pub(crate) const FAINT: &str = "2";

/// Whether to use colours. `NO_COLOR` turns them off if it is not empty (<https://no-color.org>).
pub(crate) fn is_coloured(choice: Color, is_terminal: bool, lookup: &dyn Lookup) -> bool {
    let is_refused = lookup.get("NO_COLOR").is_some_and(|value| !value.is_empty())
        || lookup.get("TERM").is_some_and(|value| value == "dumb");
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && !is_refused,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn colours_are_for_terminals_and_whoever_insists() {
        let none = BTreeMap::new();
        let refused: BTreeMap<&str, &str> = BTreeMap::from([("NO_COLOR", "1")]);
        let empty: BTreeMap<&str, &str> = BTreeMap::from([("NO_COLOR", "")]);
        assert!(is_coloured(Color::Auto, true, &none));
        assert!(is_coloured(Color::Auto, true, &empty));
        assert!(is_coloured(Color::Always, false, &refused));
        assert!(!is_coloured(Color::Auto, true, &refused));
        assert!(!is_coloured(Color::Auto, false, &none));
        assert!(!is_coloured(Color::Never, true, &none));
    }
}
