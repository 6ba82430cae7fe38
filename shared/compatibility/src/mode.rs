//! The modes of compatibility, as schema registries name them.

use std::fmt;
use std::str::FromStr;

/// Which versions must be able to read which documents.
///
/// The names and their meaning are those of Confluent's, AWS Glue's and Apicurio's registries:
/// <https://docs.confluent.io/platform/current/schema-registry/fundamentals/schema-evolution.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The new version reads what the last version wrote.
    Backward,
    /// The new version reads what every earlier version wrote.
    BackwardTransitive,
    /// The last version reads what the new version writes.
    Forward,
    /// Every earlier version reads what the new version writes.
    ForwardTransitive,
    /// Both directions, between the new version and the last one.
    Full,
    /// Both directions, between the new version and every earlier one.
    FullTransitive,
    /// Nothing is compared.
    None,
}

/// Who reads whose documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// A reader of the new version reads documents of an earlier one.
    NewReadsOld,
    /// A reader of an earlier version reads documents of the new one.
    OldReadsNew,
}

/// A name that is no [`Mode`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is no mode of compatibility: expected BACKWARD, FORWARD or FULL, each with or without \
     _TRANSITIVE, or NONE"
)]
pub struct UnknownMode {
    /// The name as it was written.
    pub name: String,
}

impl Mode {
    /// All modes, the weakest demands first.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Backward,
        Self::Forward,
        Self::Full,
        Self::BackwardTransitive,
        Self::ForwardTransitive,
        Self::FullTransitive,
    ];

    /// Who must be able to read whom.
    #[must_use]
    pub fn directions(self) -> &'static [Direction] {
        match self {
            Self::Backward | Self::BackwardTransitive => &[Direction::NewReadsOld],
            Self::Forward | Self::ForwardTransitive => &[Direction::OldReadsNew],
            Self::Full | Self::FullTransitive => &[Direction::NewReadsOld, Direction::OldReadsNew],
            Self::None => &[],
        }
    }

    /// Whether the mode demands something of every earlier version, and not of the last one alone.
    #[must_use]
    pub fn is_transitive(self) -> bool {
        match self {
            Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive => true,
            Self::Backward | Self::Forward | Self::Full | Self::None => false,
        }
    }

    /// The indexes of the earlier versions that a new one is compared with, the newest first, where
    /// `count` versions are there, oldest first.
    pub fn compared(self, count: usize) -> impl Iterator<Item = usize> {
        let most = match (self, self.is_transitive()) {
            (Self::None, _) => 0,
            (_, true) => count,
            (_, false) => 1,
        };
        (0..count).rev().take(most)
    }

    /// The name that registries use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
            Self::None => "NONE",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(name: &str) -> Result<Self, UnknownMode> {
        let found = Self::ALL.into_iter().find(|mode| mode.name() == name);
        found.ok_or_else(|| UnknownMode { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_written_as_it_is_read() {
        for mode in Mode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert!("backward".parse::<Mode>().is_err());
    }

    #[test]
    fn only_transitive_modes_look_beyond_the_last_version() {
        for mode in Mode::ALL {
            let compared: Vec<usize> = mode.compared(3).collect();
            let expected: &[usize] = match mode {
                Mode::None => &[],
                Mode::Backward | Mode::Forward | Mode::Full => &[2],
                _ => &[2, 1, 0],
            };
            assert_eq!(compared, expected, "{mode}");
            assert_eq!(mode.compared(0).count(), 0);
        }
    }
}
