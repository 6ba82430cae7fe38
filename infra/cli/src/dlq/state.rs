//! The states of letters and runs.

use crate::output::colour::{FAINT, GREEN, RED, YELLOW};
use crate::output::page::Page;

/// A state, in the colour of how bad it is.
pub(super) fn paint_state(page: &Page, state: &str) -> String {
    page.paint(state, state_colour(state))
}

/// Of a letter's state or a run's.
pub(super) fn state_colour(state: &str) -> Option<&'static str> {
    Some(match state {
        "dead" | "quarantined" | "paused" => RED,
        "redriven" | "done" => GREEN,
        "discarded" => FAINT,
        _ => YELLOW,
    })
}
