//! Before letters are sent, extends how long sinks remember their keys.

use std::collections::BTreeMap;

use event::{Failure, Timestamp};
use letters::{EventAge, KeyStore as _, KeysLife, Proof, SentEvent, StoredMessage, extended_life};

use super::Driver;
use crate::ports::Ports;

/// Until when the keys of a letter's event are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remembered {
    /// As the contract says (`None`), or until the time to which a redrive has extended them.
    Until(Option<Timestamp>),
    /// They may be forgotten, and the plan does not include such letters.
    Forgotten,
}

/// The proofs to extend, by the time until which they must be kept.
type Extensions = BTreeMap<Timestamp, Vec<Proof>>;

impl<P: Ports> Driver<'_, P> {
    /// Extends keys that would be forgotten soon. Returns one answer for each message in their order, also for `None`.
    ///
    /// # Errors
    /// When the tables of the sinks could not be written. Nothing may be sent then.
    pub(super) async fn extend_keys(
        &self,
        messages: &[Option<(String, StoredMessage)>],
    ) -> Result<Vec<Remembered>, Failure> {
        let now = self.now();
        let mut extensions = Extensions::new();
        let mut answers = Vec::with_capacity(messages.len());
        for message in messages {
            let remembered = match message {
                Some((stage, message)) => self.remembered(stage, message, now, &mut extensions),
                None => Remembered::Until(None),
            };
            answers.push(remembered);
        }
        for (until, proofs) in extensions {
            self.redrive.ports.keys().extend(&proofs, until, now).await?;
        }
        Ok(answers)
    }

    fn remembered(
        &self,
        stage: &str,
        message: &StoredMessage,
        now: Timestamp,
        extensions: &mut Extensions,
    ) -> Remembered {
        let contracts = &self.redrive.contracts;
        let Some(age) = EventAge::of_message(stage, message) else {
            return Remembered::Until(None);
        };
        let Ok(contract) = contracts.get(&age.dataset) else {
            return Remembered::Until(age.extended_to);
        };
        match age.keys_life(contract, now) {
            KeysLife::Long => return Remembered::Until(age.extended_to),
            KeysLife::Over if !self.header.even_if_forgotten => return Remembered::Forgotten,
            KeysLife::Short | KeysLife::Over => {}
        }
        let event = SentEvent::of_message(stage, &message.body, &message.attributes, contracts);
        // The keys of an event that cannot be read from its message cannot be extended.
        let Some(event) = event else { return Remembered::Until(age.extended_to) };
        let keys = self.redrive.ports.keys();
        let has_unseen = event.has_unseen || event.proofs.iter().any(|proof| !keys.knows(proof));
        // The keys are kept as long as those of an event that is written now.
        extensions.entry(contract.remembered_until(now)).or_default().extend(event.proofs);
        let until = if has_unseen { age.extended_to } else { Some(extended_life(contract, now)) };
        Remembered::Until(until)
    }
}
