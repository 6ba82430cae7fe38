//! Whether a mapping runs: said by its handle, heeded by its engine.

use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Running,
    Paused,
    Stopped,
}

pub(super) struct Switch {
    mode: watch::Sender<Mode>,
}

impl Switch {
    pub(super) fn new(is_enabled: bool) -> Self {
        let mode = if is_enabled { Mode::Running } else { Mode::Paused };
        Self { mode: watch::Sender::new(mode) }
    }

    /// What is stopped stays so.
    pub(super) fn set(&self, mode: Mode) {
        self.mode.send_if_modified(|now| {
            let changes = *now != Mode::Stopped && *now != mode;
            if changes {
                *now = mode;
            }
            changes
        });
    }

    pub(super) fn mode(&self) -> Mode {
        *self.mode.borrow()
    }

    pub(super) async fn until(&self, wanted: impl Fn(Mode) -> bool) -> Mode {
        match self.mode.subscribe().wait_for(|mode| wanted(*mode)).await {
            Ok(mode) => *mode,
            // The sender is in `self`; were it gone, so would be the reason to run.
            Err(_) => Mode::Stopped,
        }
    }
}
