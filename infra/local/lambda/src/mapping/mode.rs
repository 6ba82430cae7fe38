//! Whether a mapping runs. The handle of the mapping sets the mode, and the engine obeys it.

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

    /// Changes the mode, unless it is already `Stopped`.
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

    pub(super) async fn wait_for_mode(&self, wanted: impl Fn(Mode) -> bool) -> Mode {
        match self.mode.subscribe().wait_for(|mode| wanted(*mode)).await {
            Ok(mode) => *mode,
            // This cannot happen, because `self` holds the sender.
            Err(_) => Mode::Stopped,
        }
    }
}
