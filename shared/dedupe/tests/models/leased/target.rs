//! The service that the workers deliver to.

use std::collections::BTreeMap;

use event::{Code, Failure};
use sluicegate_dedupe::leased::Delivery as Delivered;

use super::super::world::Delivery;

/// A service. Only its effects change from state to state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Target {
    /// Whether a key that took effect does not take effect again.
    pub(super) honours_keys: bool,
    /// The payload that it never takes.
    pub(super) refuses: Option<u8>,
    /// The payloads that took effect under each key, in their order.
    pub(super) effects: BTreeMap<u8, Vec<u8>>,
}

impl Target {
    pub(super) fn deliver(&mut self, (key, payload): Delivery) -> Delivered {
        if self.refuses == Some(payload) {
            return Delivered::Refused(refused("never"));
        }
        let effects = self.effects.entry(key).or_default();
        if self.honours_keys && effects.first().is_some_and(|first| *first != payload) {
            return Delivered::Refused(refused("another payload has this key"));
        }
        if !(self.honours_keys && effects.contains(&payload)) {
            effects.push(payload);
        }
        Delivered::Taken
    }
}

fn refused(reason: &'static str) -> Failure {
    Failure::permanent(Code::DependencyRefused, reason)
}
