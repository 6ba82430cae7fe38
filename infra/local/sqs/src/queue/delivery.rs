//! Delivering a message to a consumer: counting the receive, hiding the message, and delivering it a
//! second time if a fault asks for that.

use super::{Queue, Receive};
use crate::fifo::AttemptedReceive;
use crate::message::{Delivery, State};
use crate::receipt::Receipt;

impl Queue {
    pub(super) fn hand_out(&mut self, number: u64, until_ms: u64, now_ms: u64) -> AttemptedReceive {
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
        AttemptedReceive { message: number, receive }
    }

    /// Adds a delayed copy of a delivered message if it is to be delivered a second time. Consumers
    /// cannot tell the copy from the message, not even by its receive count.
    pub(super) fn schedule_redelivery(&mut self, number: u64, request: &Receive<'_>, now_ms: u64) {
        let asked = request.redelivery_after_ms.filter(|_| !self.is_fifo());
        let Some(after_ms) = asked.and_then(|redelivery_after_ms| redelivery_after_ms()) else {
            return;
        };
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

    /// Delivers the messages of an earlier receive with the same attempt id again and restarts their
    /// visibility timeout. Returns `None` if any of them has changed since.
    pub(super) fn repeat_attempt(
        &mut self,
        attempt: Option<&str>,
        until_ms: u64,
        now_ms: u64,
    ) -> Option<Vec<Delivery>> {
        let handed_out = self.store.fifo.as_mut()?.find_attempt(attempt?, now_ms)?;
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
