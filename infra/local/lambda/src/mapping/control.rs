//! The control of a mapping: its engine, and the lifecycle that decides whether the engine polls.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::super::lock;
use super::EngineControl;
use super::description::Description;
use super::lifecycle::{Lifecycle, UpdateInProgress};
use super::mode::Mode;
use clock::Clock;

pub(super) struct MappingControl {
    pub(super) engine: Arc<dyn EngineControl>,
    pub(super) description: Description,
    clock: Clock,
    lifecycle: Mutex<Lifecycle>,
}

impl MappingControl {
    pub(super) fn new(
        engine: Arc<dyn EngineControl>,
        description: Description,
        clock: Clock,
        enabled: bool,
    ) -> Self {
        let lifecycle = Mutex::new(Lifecycle::new(enabled, clock.now_ms()));
        Self { engine, description, clock, lifecycle }
    }

    /// The lifecycle and the current time.
    pub(super) fn lifecycle(&self) -> (Lifecycle, u64) {
        (*lock(&self.lifecycle), self.clock.now_ms())
    }

    /// The mapping as Lambda's API describes it.
    pub(super) fn to_json(&self) -> Value {
        let (lifecycle, now_ms) = self.lifecycle();
        self.description.at(&lifecycle, now_ms)
    }

    /// Enables or disables the mapping at once, which Lambda's API cannot do.
    pub(super) fn set_enabled(&self, enabled: bool) {
        *lock(&self.lifecycle) = Lifecycle::new(enabled, self.clock.now_ms());
        self.apply_to_engine();
    }

    /// Begins an update; `None` keeps the mapping enabled or disabled. The engine follows when the update
    /// takes effect.
    pub(super) fn update(self: &Arc<Self>, enabled: Option<bool>) -> Result<(), UpdateInProgress> {
        let mut lifecycle = lock(&self.lifecycle);
        let now_ms = self.clock.now_ms();
        let enabled = enabled.unwrap_or(lifecycle.is_polling(now_ms));
        let effective_ms = lifecycle.update(enabled, now_ms)?;
        drop(lifecycle);
        let (control, clock) = (Arc::downgrade(self), self.clock.clone());
        tokio::spawn(async move {
            clock.sleep_until(effective_ms).await;
            if let Some(control) = control.upgrade() {
                control.apply_to_engine();
            }
        });
        Ok(())
    }

    /// Whether the engine does not yet do what the lifecycle says. A change takes effect at a given time, and the
    /// engine's tasks run shortly after it.
    pub(super) fn is_engine_behind(&self) -> bool {
        let (lifecycle, now_ms) = self.lifecycle();
        match self.engine.mode() {
            Mode::Running => !lifecycle.is_polling(now_ms),
            Mode::Paused => lifecycle.is_polling(now_ms) || self.engine.is_receiving(),
            Mode::Stopped => false,
        }
    }

    /// Sets the mode of the engine that the lifecycle requires. A stopped engine stays stopped.
    fn apply_to_engine(&self) {
        let lifecycle = lock(&self.lifecycle);
        let polls = lifecycle.is_polling(self.clock.now_ms());
        self.engine.set(if polls { Mode::Running } else { Mode::Paused });
    }
}
