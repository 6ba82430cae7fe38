//! The time, as a port.

use event::Timestamp;

/// Tells the time; tests own theirs.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The machine's time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one adapter to the system's time")]
    fn now(&self) -> Timestamp {
        std::time::SystemTime::now().into()
    }
}
