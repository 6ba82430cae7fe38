//! The position of a mapping in its stream, as it is saved with the emulation's state.

use std::sync::{Arc, Mutex};

use super::super::super::lock;
use dynamodb::Position;

/// The position at which a mapping continues when it is created again: before the first record that is
/// not finished. Clones share the position.
#[derive(Clone)]
pub struct Checkpoint(Arc<Mutex<Position>>);

impl Checkpoint {
    /// A checkpoint at a position.
    pub fn new(position: Position) -> Self {
        Self(Arc::new(Mutex::new(position)))
    }

    /// The current position. All records before it are finished.
    #[must_use]
    pub fn position(&self) -> Position {
        lock(&self.0).clone()
    }

    /// Moves the checkpoint to another position.
    pub fn set_position(&self, position: Position) {
        *lock(&self.0) = position;
    }
}
