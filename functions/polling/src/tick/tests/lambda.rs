//! One event source mapping, which changes as slowly as Lambda's may, and can lose or delay requests.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws::NotUpdated;
use breaker::polling::{Mapping, MappingState};
use event::Timestamp;
use runtime::Clock as _;
use testkit::ManualClock;

use super::TAKES_EFFECT;
use crate::mappings::Mappings;

/// A fault of the next request for a change. The caller gets no answer, unless the variant says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The request is lost.
    Lost,
    /// The request takes effect.
    Taken,
    /// The request arrives after this time.
    Late(Duration),
    /// Lambda answers that the request has failed, which is true.
    Unavailable,
    /// Lambda answers that the request has failed, although it takes effect.
    TakenAndFailed,
    /// Late requests arrive right before it. It gets an answer.
    AfterLate,
    /// An operator disables the mapping right before it. It is refused, and gets that answer.
    AfterOperator,
}

#[derive(Debug, Default)]
struct Inner {
    enabled: bool,
    before: bool,
    effective_at: Option<Timestamp>,
    is_fifo: bool,
    fault: Option<Fault>,
    late: Vec<(Timestamp, bool)>,
    described: usize,
    asked_to_enable: usize,
    asked_to_disable: usize,
}

pub(super) struct TestMapping {
    clock: ManualClock,
    inner: Mutex<Inner>,
}

impl TestMapping {
    pub(super) fn new(clock: ManualClock) -> Self {
        let inner = Inner { enabled: true, before: true, ..Inner::default() };
        Self { clock, inner: Mutex::new(inner) }
    }

    pub(super) fn make_fifo(&self) {
        self.locked().is_fifo = true;
    }

    pub(super) fn fail_next(&self, fault: Fault) {
        self.locked().fault = Some(fault);
    }

    pub(super) fn forget_fault(&self) {
        self.locked().fault = None;
    }

    pub(super) fn operator_sets(&self, enabled: bool) {
        let now = self.clock.now();
        assert!(self.locked().update(enabled, now), "another change is under way");
    }

    pub(super) fn state(&self) -> MappingState {
        let now = self.clock.now();
        self.locked().state(now)
    }

    pub(super) fn polls(&self) -> bool {
        let now = self.clock.now();
        let inner = self.locked();
        if inner.is_changing(now) { inner.before } else { inner.enabled }
    }

    pub(super) fn described(&self) -> usize {
        self.locked().described
    }

    /// The number of requests to enable, and of those to disable.
    pub(super) fn asked(&self) -> (usize, usize) {
        let inner = self.locked();
        (inner.asked_to_enable, inner.asked_to_disable)
    }

    /// The inner state, after the late requests that have arrived by now.
    fn locked(&self) -> MutexGuard<'_, Inner> {
        let now = self.clock.now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, enabled) in std::mem::take(&mut inner.late) {
            if at <= now {
                inner.update(enabled, at);
            } else {
                inner.late.push((at, enabled));
            }
        }
        inner
    }

    async fn ask(&self, enabled: bool) -> Result<(), NotUpdated> {
        let now = self.clock.now();
        let fault = {
            let mut inner = self.locked();
            let count =
                if enabled { &mut inner.asked_to_enable } else { &mut inner.asked_to_disable };
            *count += 1;
            inner.fault.take()
        };
        match fault {
            Some(Fault::Lost) => std::future::pending().await,
            Some(Fault::Taken) => {
                self.locked().update(enabled, now);
                std::future::pending().await
            }
            Some(Fault::Late(by)) => {
                self.locked().late.push((now.plus(by), enabled));
                std::future::pending().await
            }
            Some(Fault::Unavailable) => Err(NotUpdated::Unknown("HTTP 500".to_owned())),
            Some(Fault::TakenAndFailed) => {
                self.locked().update(enabled, now);
                Err(NotUpdated::Unknown("HTTP 500".to_owned()))
            }
            Some(Fault::AfterLate) => {
                let late = std::mem::take(&mut self.locked().late);
                for (_, enabled) in late {
                    self.locked().update(enabled, now);
                }
                self.update(enabled, now)
            }
            Some(Fault::AfterOperator) => {
                self.operator_sets(false);
                self.update(enabled, now)
            }
            None => self.update(enabled, now),
        }
    }

    fn update(&self, enabled: bool, now: Timestamp) -> Result<(), NotUpdated> {
        if self.locked().update(enabled, now) {
            Ok(())
        } else {
            Err(NotUpdated::Refused("ResourceInUseException".to_owned()))
        }
    }
}

impl Inner {
    fn is_changing(&self, now: Timestamp) -> bool {
        self.effective_at.is_some_and(|at| now < at)
    }

    /// Begins a change, unless another is under way.
    fn update(&mut self, enabled: bool, now: Timestamp) -> bool {
        if self.is_changing(now) {
            return false;
        }
        (self.before, self.enabled) = (self.enabled, enabled);
        self.effective_at = Some(now.plus(TAKES_EFFECT));
        true
    }

    fn state(&self, now: Timestamp) -> MappingState {
        match (self.is_changing(now), self.before, self.enabled) {
            (false, _, true) => MappingState::Enabled,
            (false, _, false) => MappingState::Disabled,
            (true, false, true) => MappingState::Enabling,
            (true, true, false) => MappingState::Disabling,
            (true, true, true) | (true, false, false) => MappingState::Other,
        }
    }
}

impl Mappings for TestMapping {
    async fn describe(&self, _: &str) -> Result<Mapping, String> {
        let now = self.clock.now();
        let mut inner = self.locked();
        inner.described += 1;
        Ok(Mapping { state: inner.state(now), is_fifo: inner.is_fifo })
    }

    async fn enable(&self, _: &str) -> Result<(), NotUpdated> {
        self.ask(true).await
    }

    async fn disable(&self, _: &str) -> Result<(), NotUpdated> {
        self.ask(false).await
    }
}
