//! What a message between stages says of the run of redrive that brought its event back.
//!
//! A redriven message has a mark in its failure ([`crate::RedriveMark`]), and what a stage makes of it has a failure no
//! more. Each stage passes this on instead, in one attribute: by the run a later stage knows an event whose run was
//! cancelled, and by the time until when its keys are remembered.

use serde::{Deserialize, Serialize};

use crate::{Attribute, Attributes, DeadLetter, RedriveMark, Timestamp};

/// The message attribute that holds a [`Redriven`] as JSON. Functions alone are believed in it.
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
    /// What a message's attributes say: that a run brought back the message itself, or that from which a stage made it;
    /// `None` where they say nothing that can be read.
    #[must_use]
    pub fn read(attributes: &Attributes) -> Option<Self> {
        if let Some(mark) = DeadLetter::read(attributes).and_then(|letter| letter.redrive) {
            return Some(Self::from(mark));
        }
        serde_json::from_str(&attributes.get(REDRIVE_ATTRIBUTE)?.value).ok()
    }

    /// Says it in these attributes.
    pub fn write(&self, attributes: &mut Attributes) {
        // Two texts: serde cannot fail on them.
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

    /// What a stage of another deployment wrote.
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
