//! What the breakers of a fleet do, as their callers see it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod cancelled;
mod clocks;
mod extremes;
mod faults;
mod fleet;
mod operators;
mod properties;
mod rules;
mod status;
mod store;
mod throttled;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use event::Timestamp;
use futures_util::FutureExt;
use sluicegate_breaker::{Breakers, Host, Outcome, Permit, Settings, StateName, Wait};
use testkit::MemoryBreakers;

/// A clock and random numbers that a test sets.
#[derive(Clone, Debug, Default)]
struct TestHost {
    world: Arc<(AtomicI64, AtomicU64)>,
    /// How far this clock is ahead of the true time, in ms.
    ahead_ms: Arc<AtomicI64>,
}

impl Host for TestHost {
    fn now(&self) -> Timestamp {
        let passed_ms = self.world.0.load(Ordering::Relaxed);
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        Timestamp::from_unix_ms(1_767_225_600_000 + passed_ms + ahead_ms)
    }

    fn random(&self) -> u64 {
        self.world.1.load(Ordering::Relaxed)
    }
}

impl TestHost {
    /// The same time and random numbers, seen by another clock.
    fn other_clock(&self) -> Self {
        Self { world: self.world.clone(), ahead_ms: Arc::default() }
    }
}

/// Environments that share a store.
struct Fleet {
    hands: TestHost,
    store: MemoryBreakers,
    environments: Vec<Breakers<MemoryBreakers, TestHost>>,
    /// One for each environment.
    clocks: Vec<TestHost>,
}

const LIMIT: Duration = Duration::from_secs(2);

impl Fleet {
    fn new(environments: usize, settings: &Settings) -> Self {
        let (hands, store) = (TestHost::default(), MemoryBreakers::default());
        let mut fleet = Self { hands, store, environments: Vec::new(), clocks: Vec::new() };
        for _ in 0..environments {
            fleet.add(settings);
        }
        fleet
    }

    fn add(&mut self, settings: &Settings) {
        let id = format!("environment-{}", self.environments.len());
        let settings = [("weather".to_owned(), settings.clone())];
        let clock = self.hands.other_clock();
        self.clocks.push(clock.clone());
        self.environments.push(Breakers::new(self.store.clone(), clock, &id, settings));
    }

    /// Sets how far this environment's clock is ahead of the true time, or behind it.
    fn set_clock(&self, environment: usize, ahead_s: i64) {
        self.clocks[environment].ahead_ms.store(ahead_s * 1_000, Ordering::Relaxed);
    }

    /// The time by this environment's clock.
    fn time_of(&self, environment: usize) -> Timestamp {
        self.clocks[environment].now()
    }

    fn now(&self) -> Timestamp {
        self.hands.now()
    }

    fn pass(&self, time: Duration) {
        self.hands.world.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    fn pass_s(&self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    fn roll(&self, roll: u64) {
        self.hands.world.1.store(roll, Ordering::Relaxed);
    }

    /// Begins a call in an environment, if it may be made.
    fn begin(&self, environment: usize) -> Result<Permit<'_, MemoryBreakers, TestHost>, Wait> {
        self.environments[environment].admit("weather", LIMIT).now_or_never().unwrap()
    }

    /// Makes a call in an environment, if it may be made.
    fn call(&self, environment: usize, outcome: Outcome) -> Result<(), Wait> {
        self.slow_call(environment, outcome, Duration::ZERO)
    }

    fn slow_call(&self, environment: usize, outcome: Outcome, took: Duration) -> Result<(), Wait> {
        let permit = self.begin(environment)?;
        self.pass(took);
        permit.finish(outcome).now_or_never().unwrap();
        Ok(())
    }

    /// Makes this many calls, which must all be permitted.
    #[track_caller]
    fn calls(&self, environment: usize, count: u32, outcome: Outcome) {
        for call in 0..count {
            let made = self.call(environment, outcome);
            assert!(made.is_ok(), "call {call}: {made:?}");
        }
    }

    fn end_invocation(&self, environment: usize) {
        self.environments[environment].end_invocation().now_or_never().unwrap();
    }

    fn state(&self, environment: usize) -> StateName {
        self.environments[environment].status()["weather"].state
    }

    /// One environment finds that the dependency is unavailable, and its breaker trips.
    fn trip(&self) {
        self.calls(0, 20, Outcome::Failed);
        assert_eq!(self.state(0), StateName::Open);
    }
}
