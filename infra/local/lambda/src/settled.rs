//! Changes that are complete.

/// Notices a change once the same new state was seen twice in a row, so that nothing is half written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled<T> {
    current: T,
    /// A different state that was seen once.
    candidate: Option<T>,
}

impl<T: PartialEq> Settled<T> {
    /// Starts with the present state.
    pub fn new(current: T) -> Self {
        Self { current, candidate: None }
    }

    /// Compares a state with the known one. Returns true once for each new state that was seen twice.
    pub fn check(&mut self, seen: T) -> bool {
        if seen == self.current {
            self.candidate = None;
            return false;
        }
        let is_settled = self.candidate.take().is_some_and(|candidate| candidate == seen);
        if is_settled {
            self.current = seen;
        } else {
            self.candidate = Some(seen);
        }
        is_settled
    }

    /// Forgets a different state that was seen once.
    pub fn forget(&mut self) {
        self.candidate = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_changed_once_it_was_seen_twice_and_only_once() {
        let mut settled = Settled::new(1);
        let looks = [(1, false), (2, false), (3, false), (3, true), (3, false), (1, false)];
        for (at, (seen, has_changed)) in looks.into_iter().enumerate() {
            assert_eq!(settled.check(seen), has_changed, "look {at}");
        }
        assert!(!settled.check(3) && !settled.check(1), "it is as it was");
    }
}
