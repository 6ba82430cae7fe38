//! A message on its way to a consumer: counted, hidden, and perhaps delivered again.

use super::{Queue, Receive};
use crate::fifo::Attempted;
use crate::message::{Delivery, State};
use crate::receipt::Receipt;

impl Queue {
    pub(super) fn hand_out(&mut self, number: u64, until_ms: u64, now_ms: u64) -> Attempted {
        self.last_receive += 1;
        let receive = self.last_receive;
        self.store.transition(number, State::InFlight { until_ms }, |message| {
            message.receive = receive;
            message.is_touched = false;
            message.first_received_ms.get_or_insert(now_ms);
            message.last_received_ms = now_ms;
            message.receive_count = message.receive_count.saturating_add(1);
            message.receives_here = message.receives_here.saturating_add(1);
        });
        Attempted { message: number, receive }
    }

    /// Leaves a copy of a message that was handed out, if it is to be delivered again: the same
    /// message to whoever receives it, counts included.
    pub(super) fn deliver_again(&mut self, number: u64, request: &Receive<'_>, now_ms: u64) {
        let asked = request.again_after_ms.filter(|_| !self.is_fifo());
        let Some(after_ms) = asked.and_then(|again_after_ms| again_after_ms()) else { return };
        let Some(message) = self.store.get(number) else { return };
        let mut copy = message.clone();
        copy.state = State::Delayed { until_ms: now_ms.saturating_add(after_ms.max(1)) };
        self.store.insert(copy);
    }

    pub(super) fn delivery(&self, number: u64) -> Option<Delivery> {
        let message = self.store.get(number)?;
        let receipt = Receipt { queue: self.number, message: number, receive: message.receive };
        Some(message.delivery(receipt.handle()))
    }

    /// What the same attempt handed out before, hidden anew, if nothing of it was changed since.
    pub(super) fn repeat_attempt(
        &mut self,
        attempt: Option<&str>,
        until_ms: u64,
        now_ms: u64,
    ) -> Option<Vec<Delivery>> {
        let handed_out = self.store.fifo.as_mut()?.attempt(attempt?, now_ms)?;
        let is_unchanged = handed_out.iter().all(|attempted| {
            self.store.get(attempted.message).is_some_and(|message| {
                message.receive == attempted.receive
                    && !message.is_touched
                    && matches!(message.state, State::InFlight { .. })
            })
        });
        if !is_unchanged {
            return None;
        }
        for attempted in &handed_out {
            self.store.transition(attempted.message, State::InFlight { until_ms }, |_| {});
        }
        Some(handed_out.iter().filter_map(|attempted| self.delivery(attempted.message)).collect())
    }
}
