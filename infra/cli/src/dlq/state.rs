//! The states of letters and runs.

use crate::output::colour::{FAINT, GREEN, RED, YELLOW};
use crate::output::page::Page;

/// A state in the colour of its severity.
pub(super) fn paint_state(page: &Page, state: &str) -> String {
    page.paint(state, state_colour(state))
}

/// The colour of a letter's or run's state.
pub(super) fn state_colour(state: &str) -> Option<&'static str> {
    Some(match state {
        "dead" | "quarantined" | "paused" => RED,
        "redriven" | "done" => GREEN,
        "discarded" => FAINT,
        _ => YELLOW,
    })
}
