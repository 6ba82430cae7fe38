//! Sends claimed letters to their queues.

use std::collections::{BTreeMap, HashMap};

use event::{Code, Failure, FailureKind};
use letters::{Entry, LetterId, Sending, Sent, StoredMessage};
use runtime::{Outgoing, send_all};

use super::Driver;
use super::keys::Remembered;
use crate::message::{check_in, revive};
use crate::parts::parts_by_bytes;
use crate::ports::Ports;

/// The most concurrent calls that send to one queue, each with up to ten messages.
const CONCURRENCY: usize = 16;

impl<P: Ports> Driver<'_, P> {
    /// Sends letters, and returns the outcome of each in their order.
    pub(super) async fn send(&self, all: &[Sending]) -> Vec<Sent> {
        let mut outcomes = Vec::with_capacity(all.len());
        for part in parts_by_bytes(all, |sending| self.message_bytes(sending)) {
            match self.send_part(part).await {
                Ok(sent) => outcomes.extend(sent),
                Err(failure) => {
                    tracing::warn!(failure.reason = %failure.reason, "letters are not sent yet");
                    outcomes.extend(part.iter().map(|_| Sent::Unknown));
                }
            }
        }
        outcomes
    }

    fn message_bytes(&self, sending: &Sending) -> u64 {
        self.part.get(&sending.letter).map_or(0, |held| held.entry.held_bytes())
    }

    /// Sends letters whose messages can be held at the same time.
    ///
    /// # Errors
    /// When nothing was sent, since the messages could not be read or their keys could not be extended.
    async fn send_part(&self, part: &[Sending]) -> Result<Vec<Sent>, Failure> {
        let mut entries: Vec<&Entry> = Vec::with_capacity(part.len());
        for Sending { letter, .. } in part {
            // The worker has read each letter in this part of the run.
            let held = self.part.get(letter).ok_or_else(|| {
                Failure::transient(Code::InputNotFound, "a letter that was not read")
            })?;
            entries.push(&held.entry);
        }
        let messages = self.redrive.messages(&entries).await?;
        let treated: Vec<Option<(String, StoredMessage)>> =
            part.iter().zip(messages).map(|(it, message)| self.treat(it, message)).collect();
        let remembered = self.extend_keys(&treated).await?;
        let mut by_queue: BTreeMap<&str, Vec<(LetterId, Outgoing)>> = BTreeMap::new();
        for ((sending, treated), remembered) in part.iter().zip(treated).zip(remembered) {
            if remembered == Remembered::Forgotten {
                let reason = "what became of its event may be forgotten by now";
                tracing::warn!(letter = sending.letter.0, failure.reason = reason, "not sent");
            }
            let route = treated
                .and_then(|(stage, message)| Some((self.redrive.routes.get(&stage)?, message)));
            if let (Some((route, message)), Remembered::Until(until)) = (route, remembered) {
                let message = check_in(message, self.redrive.ports.claims()).await?;
                let outgoing = revive(message, sending.redrive.clone(), until, &route.queue);
                by_queue.entry(&route.queue).or_default().push((sending.letter.clone(), outgoing));
            }
        }
        let mut sent: HashMap<LetterId, Sent> = HashMap::new();
        for (queue, letters) in by_queue {
            let (ids, messages): (Vec<LetterId>, Vec<Outgoing>) = letters.into_iter().unzip();
            // A letter without a result may have been sent. Only a letter without a queue is known not to be.
            sent.extend(ids.iter().map(|id| (id.clone(), Sent::Unknown)));
            let results =
                send_all(self.redrive.ports.queues(), queue, &messages, CONCURRENCY).await;
            for (id, result) in ids.into_iter().zip(results) {
                sent.insert(id, outcome(result));
            }
        }
        let mut outcomes = Vec::with_capacity(part.len());
        for sending in part {
            outcomes.push(sent.get(&sending.letter).copied().unwrap_or(Sent::Refused));
        }
        Ok(outcomes)
    }

    /// The stage that a letter goes to, and its message as it is sent; `None` if it cannot be sent as planned.
    fn treat(&self, sending: &Sending, message: StoredMessage) -> Option<(String, StoredMessage)> {
        let treated = self.treatment.apply(message, &self.redrive.contracts);
        treated
            .inspect_err(|error| {
                tracing::warn!(letter = sending.letter.0, failure.reason = %error, "not sent");
            })
            .ok()
    }
}

/// The outcome of a send. Only a message that is larger than SQS allows is refused for good. All others may have been
/// sent, or may still be.
fn outcome(result: Result<(), Failure>) -> Sent {
    match result {
        Ok(()) => Sent::Sent,
        Err(failure) => {
            tracing::warn!(failure.reason = %failure.reason, "not sent");
            let is_for_good =
                failure.kind == FailureKind::Permanent && failure.code == Code::SizeExceeded;
            if is_for_good { Sent::Refused } else { Sent::Unknown }
        }
    }
}
