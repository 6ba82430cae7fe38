//! A mapping as others may change it: its engine, and whether that polls.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::super::locked;
use super::Control;
use super::description::Description;
use super::lifecycle::{InTransition, Lifecycle};
use super::mode::Mode;
use clock::Clock;

pub(super) struct Controlled {
    pub(super) engine: Arc<dyn Control>,
    pub(super) description: Description,
    clock: Clock,
    lifecycle: Mutex<Lifecycle>,
}

impl Controlled {
    pub(super) fn new(
        engine: Arc<dyn Control>,
        description: Description,
        clock: Clock,
        enabled: bool,
    ) -> Self {
        let lifecycle = Mutex::new(Lifecycle::new(enabled, clock.now_ms()));
        Self { engine, description, clock, lifecycle }
    }

    /// How it is now.
    pub(super) fn lifecycle(&self) -> (Lifecycle, u64) {
        (*locked(&self.lifecycle), self.clock.now_ms())
    }

    /// As Lambda tells of it.
    pub(super) fn told(&self) -> Value {
        let (lifecycle, now_ms) = self.lifecycle();
        self.description.at(&lifecycle, now_ms)
    }

    /// Enables or disables it at once, as Lambda never does.
    pub(super) fn set(&self, enabled: bool) {
        *locked(&self.lifecycle) = Lifecycle::new(enabled, self.clock.now_ms());
        self.follow();
    }

    /// Begins a change, to what it is if nothing is wanted. It is made when its time has come.
    pub(super) fn update(self: &Arc<Self>, enabled: Option<bool>) -> Result<(), InTransition> {
        let mut lifecycle = locked(&self.lifecycle);
        let now_ms = self.clock.now_ms();
        let enabled = enabled.unwrap_or(lifecycle.polls(now_ms));
        let effective_ms = lifecycle.update(enabled, now_ms)?;
        drop(lifecycle);
        let (controlled, clock) = (Arc::downgrade(self), self.clock.clone());
        tokio::spawn(async move {
            clock.sleep_until(effective_ms).await;
            if let Some(controlled) = controlled.upgrade() {
                controlled.follow();
            }
        });
        Ok(())
    }

    /// Makes the engine do what the lifecycle says; one that is stopped stays so.
    fn follow(&self) {
        let lifecycle = locked(&self.lifecycle);
        let polls = lifecycle.polls(self.clock.now_ms());
        self.engine.set(if polls { Mode::Running } else { Mode::Paused });
    }
}
