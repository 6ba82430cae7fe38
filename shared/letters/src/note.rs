//! What operators say about a group of letters: that they know of it, or that nobody is to be notified of it for a
//! while.
//!
//! A group has at most one note. Whoever ends a mute replaces its note, and no note is ever removed. The note holds the
//! number of letters that the group had. If the group has more letters later, operators see the difference whatever the
//! note says.

use std::time::Duration;

use event::{FailureFingerprint, Timestamp};
use serde::{Deserialize, Serialize};

/// The version of the stored form of a [`GroupNote`].
pub const NOTE_FORMAT: u32 = 1;

/// The longest time for which a group can be muted, so that a forgotten mute ends.
pub const LONGEST_MUTE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The note of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupNote {
    /// The version of the stored form: [`NOTE_FORMAT`] when it was written.
    pub note_format: u32,
    /// The group that the note is about.
    pub group: FailureFingerprint,
    /// Raised by 1 with each write. A write is conditional on the version before it.
    pub version: u64,
    /// What the note says.
    pub state: NoteState,
    /// When the note ends; absent if it does not end. A mute always ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The ARN of the operator who wrote it.
    pub by: String,
    /// The reason that the operator gave.
    pub why: String,
    /// When it was written.
    pub at: Timestamp,
    /// How many dead letters the group had at that time.
    pub letters: u64,
}

/// What a note says about its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoteState {
    /// Somebody knows of the group.
    Acknowledged,
    /// Nobody is notified of the group.
    Muted,
}

impl GroupNote {
    /// Whether the note has ended at `now`.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    /// Whether the group is muted at `now`.
    #[must_use]
    pub fn is_muted(&self, now: Timestamp) -> bool {
        self.state == NoteState::Muted && !self.is_over(now)
    }

    /// By how many letters the group has grown since the note was written, if it has `letters` now.
    #[must_use]
    pub fn grown_by(&self, letters: u64) -> u64 {
        letters.saturating_sub(self.letters)
    }
}
