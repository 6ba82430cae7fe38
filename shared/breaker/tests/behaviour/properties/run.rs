//! A fleet to which anything can happen, and the properties that are checked after each step.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::Timestamp;
use futures_util::FutureExt;
use sluicegate_breaker::{
    Breakers, Event, Forced, ForcedState, HalfOpen, Host, Moment, OpenWait, Outcome, Permit,
    Publication, PublishOutcome, Record, ReplaceOutcome, Settings, Snapshot, StateName, Store,
    StoreUnavailable, WaitReason, Window, step,
};
use testkit::{MemoryBreakers, StoreFault};

use crate::{LIMIT, TestHost};

/// The store as one environment uses it.
#[derive(Clone)]
struct Watched {
    inner: MemoryBreakers,
    clock: TestHost,
    seen: Arc<Mutex<Seen>>,
}

/// What the store and one environment exchanged.
#[derive(Debug, Default)]
struct Seen {
    /// When the environment published counts.
    published_at: Vec<Timestamp>,
    /// The generation of the record that the environment decides by.
    generation: u64,
}

impl Watched {
    fn saw(&self, record: Option<&Record>) {
        self.seen.lock().unwrap().generation = record.map_or(0, |record| record.generation);
    }
}

impl Store for Watched {
    async fn read(&self) -> Result<BTreeMap<String, Snapshot>, StoreUnavailable> {
        let read = self.inner.read().await;
        if let Ok(snapshots) = &read {
            self.saw(snapshots.get("weather").and_then(|snapshot| snapshot.record.as_ref()));
        }
        read
    }

    async fn replace(&self, breaker: &str, expected: u64, record: &Record) -> ReplaceOutcome {
        let replaced = self.inner.replace(breaker, expected, record).await;
        match &replaced {
            ReplaceOutcome::Written => self.saw(Some(record)),
            ReplaceOutcome::Conflict(found) => self.saw(found.as_ref()),
            ReplaceOutcome::Unknown(_) => {}
        }
        replaced
    }

    async fn publish(
        &self,
        breaker: &str,
        window: Window,
        publication: &Publication,
    ) -> PublishOutcome {
        self.seen.lock().unwrap().published_at.push(self.clock.now());
        self.inner.publish(breaker, window, publication).await
    }
}

type Member = Breakers<Watched, TestHost>;

pub(super) struct Call {
    permit: Permit<'static, Watched, TestHost>,
    member: usize,
    began: Timestamp,
    /// For a probe, the generation of the breaker that it is made for. Once that breaker has closed, the call is like
    /// those that a closed breaker lets through, and nobody waits for it either.
    pub(super) probes_for: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Begin(usize),
    /// The oldest call that is under way ends.
    Finish(Outcome),
    /// All calls of an environment end, and then its invocation does.
    EndInvocation(usize, Outcome),
    /// An environment is gone with everything that it had not published, and another one takes its place.
    Crash(usize),
    Pass(u64),
    /// Nothing happens for a long time, because all environments are frozen between invocations.
    Freeze(u64),
    Fault(StoreFault),
    Force(ForcedState),
    Release,
    /// Sets by how many seconds this environment's clock is ahead.
    Clock(usize, i64),
}

const REFRESH: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    Settings {
        minimum_calls: 3,
        wait: OpenWait {
            first: Duration::from_secs(2),
            longest: Duration::from_secs(8),
            recovery: Duration::from_secs(60),
        },
        half_open: HalfOpen { permitted_calls: 2, longest: Duration::from_secs(12) },
        ramp: Duration::from_secs(2),
        refresh: REFRESH,
        ..Settings::default()
    }
}

pub(super) struct Run {
    hands: TestHost,
    pub(super) store: MemoryBreakers,
    members: Vec<&'static Member>,
    clocks: Vec<TestHost>,
    /// One for each environment that has ever existed.
    seen: Vec<Arc<Mutex<Seen>>>,
    pub(super) calls: Vec<Call>,
    /// Since when the stored breaker has been forced open.
    forced_open_since: Option<Timestamp>,
    /// Since when the store has failed.
    failing_since: Option<Timestamp>,
    /// When the store was available again after it had failed.
    right_since: Timestamp,
    lives: usize,
    /// How far each environment's clock is ahead, in ms.
    ahead_ms: Vec<i64>,
    /// The outcome of calls that reach their limit.
    pub(super) at_the_limit: Outcome,
    /// Whether all clocks have always been as close to the true time as is promised.
    were_clocks_right: bool,
}

impl Run {
    pub(super) fn new(ahead_ms: &[i64]) -> Self {
        let hands = TestHost::default();
        let mut run = Self {
            right_since: Timestamp::from_unix_ms(0),
            hands,
            store: MemoryBreakers::default(),
            members: Vec::new(),
            clocks: Vec::new(),
            seen: Vec::new(),
            calls: Vec::new(),
            forced_open_since: None,
            failing_since: None,
            lives: 0,
            ahead_ms: ahead_ms.to_vec(),
            at_the_limit: Outcome::Failed,
            were_clocks_right: true,
        };
        for member in 0..ahead_ms.len() {
            run.start(member);
        }
        run
    }

    /// Starts an environment. If there was one in this place, it is gone.
    fn start(&mut self, member: usize) {
        let clock = self.hands.other_clock();
        clock.ahead_ms.store(self.ahead_ms[member], std::sync::atomic::Ordering::Relaxed);
        let store =
            Watched { inner: self.store.clone(), clock: clock.clone(), seen: Arc::default() };
        self.seen.push(Arc::clone(&store.seen));
        let id = format!("environment-{}", self.lives);
        self.lives += 1;
        let settings = [("weather".to_owned(), settings())];
        let breakers: &'static Member =
            Box::leak(Box::new(Breakers::new(store, clock.clone(), &id, settings)));
        if member < self.members.len() {
            self.members[member] = breakers;
            self.clocks[member] = clock;
        } else {
            self.members.push(breakers);
            self.clocks.push(clock);
        }
    }

    pub(super) fn take(&mut self, action: Action) {
        match action {
            Action::Begin(member) => self.begin(member % self.members.len()),
            Action::Finish(outcome) if !self.calls.is_empty() => self.finish(0, outcome),
            Action::Finish(_) => {}
            Action::EndInvocation(member, outcome) => {
                self.end_invocation(member % self.members.len(), outcome);
            }
            Action::Crash(member) => self.crash(member % self.members.len()),
            Action::Pass(ms) => self.pass(Duration::from_millis(ms)),
            Action::Freeze(ms) => {
                for member in 0..self.members.len() {
                    self.end_invocation(member, Outcome::Ignored);
                }
                self.pass(Duration::from_millis(ms));
            }
            Action::Fault(fault) => self.set_fault(fault),
            Action::Force(to) => self.force(to),
            Action::Release => self.operate(Event::Release),
            Action::Clock(member, ahead_s) => {
                let member = member % self.members.len();
                self.set_clock(member, ahead_s * 1_000);
            }
        }
    }

    pub(super) fn set_clock(&mut self, member: usize, ahead_ms: i64) {
        let is_right = (0..=2_000).contains(&ahead_ms);
        self.were_clocks_right &= is_right;
        self.ahead_ms[member] = ahead_ms;
        self.clocks[member].ahead_ms.store(ahead_ms, std::sync::atomic::Ordering::Relaxed);
    }

    fn begin(&mut self, member: usize) {
        let breakers = self.members[member];
        let now = self.clocks[member].now();
        let admitted = breakers.admit("weather", LIMIT).now_or_never().unwrap();
        let state = breakers.status()["weather"].state;
        if !self.were_clocks_right {
            self.begin_unchecked(member, admitted.ok());
            return;
        }
        match admitted {
            Ok(permit) => {
                let generation = breakers.store().seen.lock().unwrap().generation;
                let probes_for = (state == StateName::HalfOpen).then_some(generation);
                self.calls.push(Call { permit, member, began: self.hands.now(), probes_for });
                let probes = self.calls.iter().filter(|call| call.probes_for == probes_for).count();
                assert!(probes_for.is_none() || probes <= 2, "{probes} probes are under way");
                self.check_not_forced_open();
            }
            Err(wait) => {
                let left = wait.until.since(now);
                let is_forced = state == StateName::ForcedOpen;
                let most = settings().wait.longest + sluicegate_breaker::CLOCK_SKEW;
                let is_open = matches!(wait.reason, WaitReason::Open(_));
                assert!(!is_open || is_forced || left <= most, "{wait:?}, at {now}");
            }
        }
    }

    fn begin_unchecked(
        &mut self,
        member: usize,
        permit: Option<Permit<'static, Watched, TestHost>>,
    ) {
        let began = self.hands.now();
        self.calls.extend(permit.map(|permit| Call { permit, member, began, probes_for: None }));
    }

    /// No call is made more than one interval after the breaker was forced open, if the store could be read.
    fn check_not_forced_open(&self) {
        let Some(since) = self.forced_open_since else { return };
        // A store that was unavailable is asked again after at most ten seconds.
        let known_since = since.max(self.right_since.plus(Duration::from_secs(10)));
        let is_known = known_since.plus(REFRESH) <= self.hands.now();
        assert!(self.failing_since.is_some() || !is_known, "forced open since {since}");
    }

    fn finish(&mut self, call: usize, outcome: Outcome) {
        let call = self.calls.remove(call);
        call.permit.finish(outcome).now_or_never().unwrap();
    }

    fn end_invocation(&mut self, member: usize, outcome: Outcome) {
        while let Some(call) = self.calls.iter().position(|call| call.member == member) {
            self.finish(call, outcome);
        }
        self.members[member].end_invocation().now_or_never().unwrap();
    }

    fn crash(&mut self, member: usize) {
        while let Some(call) = self.calls.iter().position(|call| call.member == member) {
            std::mem::forget(self.calls.remove(call));
        }
        self.start(member);
    }

    /// Whether calls end within their limit and the store is not unavailable for long.
    fn pass(&mut self, time: Duration) {
        let after = self.hands.now().plus(time);
        while let Some(call) = self.calls.iter().position(|it| after.since(it.began) > LIMIT) {
            self.finish(call, self.at_the_limit);
        }
        let is_long = |since: Timestamp| after.since(since) >= Duration::from_secs(5);
        if self.failing_since.is_some_and(is_long) {
            self.set_fault(StoreFault::None);
        }
        let ms = i64::try_from(time.as_millis()).unwrap();
        self.hands.world.0.fetch_add(ms, std::sync::atomic::Ordering::Relaxed);
        let roll = u64::from(time.subsec_millis()) * 7_919;
        self.hands.world.1.store(roll, std::sync::atomic::Ordering::Relaxed);
    }

    fn set_fault(&mut self, fault: StoreFault) {
        // For an environment that rarely asks, faults that follow each other are one outage.
        let was_right_for = self.hands.now().since(self.right_since);
        if self.failing_since.is_none() && was_right_for < Duration::from_secs(20) {
            return;
        }
        self.store.set_fault(fault);
        if fault == StoreFault::None {
            if self.failing_since.take().is_some() {
                self.right_since = self.hands.now();
            }
        } else {
            self.failing_since.get_or_insert(self.hands.now());
        }
    }

    fn force(&mut self, to: ForcedState) {
        let (by, why, since) = ("ann".to_owned(), "work".to_owned(), self.hands.now());
        self.operate(Event::Force(Forced { to, by, why, since, until: None }));
    }

    fn operate(&mut self, event: Event) {
        let record = self.store.snapshot("weather").record.unwrap_or_else(Record::unwritten);
        let at = Moment { now: self.hands.now(), roll: 0 };
        let Ok(next) = step(&record, event, at, &settings()) else { return };
        let replaced = self.store.replace("weather", record.version, &next).now_or_never();
        if replaced != Some(ReplaceOutcome::Written) {
            return;
        }
        let is_forced_open = next.state_name(&settings(), at.now) == StateName::ForcedOpen;
        self.forced_open_since = is_forced_open.then_some(at.now);
    }

    /// From now on the dependency and the store are available, and no operator acts.
    pub(super) fn recovers_within(&mut self, bound_s: u64) -> bool {
        self.set_fault(StoreFault::None);
        self.operate(Event::Release);
        for _ in 0..bound_s {
            for member in 0..self.members.len() {
                self.begin(member);
                self.end_invocation(member, Outcome::Answered);
            }
            let record = self.store.snapshot("weather").record.unwrap_or_else(Record::unwritten);
            if record.state.name() == StateName::Closed {
                return true;
            }
            self.pass(Duration::from_secs(1));
        }
        false
    }

    pub(super) fn check_publications(&self) {
        for seen in &self.seen {
            for pair in seen.lock().unwrap().published_at.windows(2) {
                assert!(pair[1].since(pair[0]) >= REFRESH, "published at {pair:?}");
            }
        }
    }
}
