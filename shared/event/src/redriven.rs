//! What a message between stages says about the run of redrive that brought its event back.
//!
//! A redriven message has a mark in its failure ([`crate::RedriveMark`]). The messages that a stage makes from it have
//! no failure any more. Therefore each stage passes the run on in an attribute of its own. By it, a later stage
//! recognizes the events of a cancelled run, and knows until when their keys are remembered.

use serde::{Deserialize, Serialize};

use crate::{Attribute, Attributes, DeadLetter, RedriveMark, Timestamp};

/// The message attribute that holds a [`Redriven`] as JSON. It is trusted only in messages of functions.
pub const REDRIVE_ATTRIBUTE: &str = "sluicegate.redrive";

/// The run that brought an event back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redriven {
    /// The run's id.
    pub run: String,
    /// See [`RedriveMark::remembered_until`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remembered_until: Option<Timestamp>,
}

impl Redriven {
    /// The run that brought back the message itself, or the message that an earlier stage made it from. `None` if the
    /// attributes name none, or cannot be read.
    #[must_use]
    pub fn read(attributes: &Attributes) -> Option<Self> {
        if let Some(mark) = DeadLetter::read(attributes).and_then(|letter| letter.redrive) {
            return Some(Self::from(mark));
        }
        serde_json::from_str(&attributes.get(REDRIVE_ATTRIBUTE)?.value).ok()
    }

    /// Adds this to a message's attributes.
    pub fn write(&self, attributes: &mut Attributes) {
        // There are two texts only, for which serde cannot fail.
        let json = serde_json::to_string(self).unwrap_or_default();
        attributes.insert(REDRIVE_ATTRIBUTE.to_owned(), Attribute::string(json));
    }
}

impl From<RedriveMark> for Redriven {
    fn from(mark: RedriveMark) -> Self {
        Self { run: mark.run, remembered_until: mark.remembered_until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text was written by a stage of another deployment.
    #[test]
    fn what_a_message_carries_of_its_run_is_read_as_it_was_written() {
        let written =
            r#"{"run":"20261129T101500Z-4f2a9c","remembered_until":"2026-12-29T10:15:00.000Z"}"#;
        let mut attributes =
            Attributes::from([(REDRIVE_ATTRIBUTE.to_owned(), Attribute::string(written))]);
        let redriven = Redriven::read(&attributes).unwrap();
        assert_eq!(redriven.run, "20261129T101500Z-4f2a9c");
        redriven.write(&mut attributes);
        assert_eq!(attributes[REDRIVE_ATTRIBUTE].value, written);
        let without = r#"{"run":"a"}"#;
        attributes.insert(REDRIVE_ATTRIBUTE.to_owned(), Attribute::string(without));
        assert_eq!(Redriven::read(&attributes).unwrap().remembered_until, None);
        attributes.insert(REDRIVE_ATTRIBUTE.to_owned(), Attribute::string("a"));
        assert_eq!(Redriven::read(&attributes), None);
    }
}
