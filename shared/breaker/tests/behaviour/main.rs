//! What a fleet's breakers do, as whoever makes the calls sees it.

mod faults;
mod fleet;
mod operators;
mod rules;
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use breaker::{Breakers, Outcome, Settings, StateName, Surroundings, Wait};
use event::Timestamp;
use futures_util::FutureExt;
use testkit::MemoryBreakers;

/// Time and chance, as a test sets them.
#[derive(Clone, Debug, Default)]
struct Hands(Arc<(AtomicI64, AtomicU64)>);

impl Surroundings for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_767_225_600_000 + self.0.0.load(Ordering::Relaxed))
    }

    fn roll(&self) -> u64 {
        self.0.1.load(Ordering::Relaxed)
    }
}

/// Environments that share a store.
struct Fleet {
    hands: Hands,
    store: MemoryBreakers,
    environments: Vec<Breakers<MemoryBreakers, Hands>>,
}

const LIMIT: Duration = Duration::from_secs(2);

impl Fleet {
    fn new(environments: usize, settings: &Settings) -> Self {
        let (hands, store) = (Hands::default(), MemoryBreakers::default());
        let mut fleet = Self { hands, store, environments: Vec::new() };
        for _ in 0..environments {
            fleet.add(settings);
        }
        fleet
    }

    fn add(&mut self, settings: &Settings) {
        let id = format!("environment-{}", self.environments.len());
        let settings = [("weather".to_owned(), settings.clone())];
        let (store, hands) = (self.store.clone(), self.hands.clone());
        self.environments.push(Breakers::new(store, hands, &id, settings));
    }

    fn now(&self) -> Timestamp {
        self.hands.now()
    }

    fn pass(&self, time: Duration) {
        self.hands.0.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    fn pass_s(&self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    fn roll(&self, roll: u64) {
        self.hands.0.1.store(roll, Ordering::Relaxed);
    }

    /// An environment makes one call, if it may.
    fn call(&self, environment: usize, outcome: Outcome) -> Result<(), Wait> {
        self.slow_call(environment, outcome, Duration::ZERO)
    }

    fn slow_call(&self, environment: usize, outcome: Outcome, took: Duration) -> Result<(), Wait> {
        let breakers = &self.environments[environment];
        let permit = breakers.admit("weather", LIMIT).now_or_never().unwrap()?;
        self.pass(took);
        permit.finish(outcome).now_or_never().unwrap();
        Ok(())
    }

    /// So many calls that may be made.
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

    /// One environment finds it away.
    fn trip(&self) {
        self.calls(0, 20, Outcome::Failed);
        assert_eq!(self.state(0), StateName::Open);
    }
}
