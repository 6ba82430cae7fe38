//! What people have said of a group of letters: that it is known, or that it is not to be told of for a while.
//!
//! A group has one note at most. Whoever ends a mute leaves a note of that in its place, so that a note is replaced and
//! never removed. It says how many letters there were: more of them are news, whatever the note says.

use std::time::Duration;

use event::{FailureFingerprint, Timestamp};
use serde::{Deserialize, Serialize};

/// The version in which a note is written.
pub const NOTE_FORMAT: u32 = 1;

/// No mute lasts longer: whoever muted a group and forgot it is told again.
pub const LONGEST_MUTE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The note of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupNote {
    pub note_format: u32,
    pub group: FailureFingerprint,
    /// Of each write; a write is conditional on the one before it.
    pub version: u64,
    pub state: NoteState,
    /// When it is over; without it, it never is. A mute always has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    pub by: String,
    pub why: String,
    pub at: Timestamp,
    /// How many dead letters the group had then.
    pub letters: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoteState {
    /// Somebody knows of it.
    Acknowledged,
    /// Nobody is told of it.
    Muted,
}

impl GroupNote {
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    #[must_use]
    pub fn is_muted(&self, now: Timestamp) -> bool {
        self.state == NoteState::Muted && !self.is_over(now)
    }

    /// How many letters the group has more than when it was noted.
    #[must_use]
    pub fn grown_by(&self, letters: u64) -> u64 {
        letters.saturating_sub(self.letters)
    }
}
