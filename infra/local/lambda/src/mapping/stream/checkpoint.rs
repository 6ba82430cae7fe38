//! How far a mapping is with its stream, told to whoever keeps it.

use std::sync::{Arc, Mutex};

use super::super::super::locked;
use dynamodb::Position;

/// Where a mapping would go on, were it made anew: before the first record that it has to deal with
/// yet, be that read or not. Clones tell of the same mapping.
#[derive(Clone)]
pub struct Checkpoint(Arc<Mutex<Position>>);

impl Checkpoint {
    pub fn new(position: Position) -> Self {
        Self(Arc::new(Mutex::new(position)))
    }

    /// All that came of the records before it has taken effect.
    #[must_use]
    pub fn position(&self) -> Position {
        locked(&self.0).clone()
    }

    pub fn reach(&self, position: Position) {
        *locked(&self.0) = position;
    }
}
