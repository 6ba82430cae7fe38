//! Ticks with a store in memory and a mapping that changes as slowly as Lambda's.

mod crashes;
mod lambda;

use std::collections::BTreeSet;
use std::time::Duration;

use breaker::polling::{EvidenceStore as _, MappingState, Observation};
use breaker::{Cause, Forced, ForcedState, Record, Snapshot, State};
use event::Timestamp;
use futures_util::FutureExt;
use testkit::{ManualClock, MemoryBreakers};

use self::lambda::{Fault, TestMapping};
use super::*;

/// The time between two ticks.
const MINUTE: Duration = Duration::from_secs(60);
/// The time until a change of a mapping takes effect.
const TAKES_EFFECT: Duration = Duration::from_secs(90);

struct World {
    polling: QueuePolling<MemoryBreakers, TestMapping, ManualClock>,
}

impl World {
    fn new() -> Self {
        let clock = ManualClock::default();
        let polling = QueuePolling {
            store: MemoryBreakers::default(),
            mappings: TestMapping::new(clock.clone()),
            uuids: BTreeMap::from([("enrich".to_owned(), "1b-2c".to_owned())]),
            settings: BTreeMap::new(),
            clock,
        };
        Self { polling }
    }

    fn now(&self) -> Timestamp {
        self.polling.clock.now()
    }

    fn mapping(&self) -> &TestMapping {
        &self.polling.mappings
    }

    fn store(&self) -> &MemoryBreakers {
        &self.polling.store
    }

    fn put(&self, record: Record) {
        self.store().put("weather", Snapshot { record: Some(record), ..Snapshot::default() });
    }

    /// Opens the breaker of the weather for this long.
    fn open_for(&self, wait: Duration) {
        let (since, until) = (self.now(), self.now().plus(wait));
        let state = State::Open { since, until, cause: Cause::Operator };
        self.put(Record { version: 1, state, ..Record::unwritten() });
    }

    fn force_open(&self, until: Option<Timestamp>) {
        let (by, why) = ("ann".to_owned(), "planned".to_owned());
        let forced = Some(Forced { to: ForcedState::Open, by, why, since: self.now(), until });
        self.put(Record { version: 1, forced, ..Record::unwritten() });
    }

    fn close(&self) {
        self.put(Record { version: 2, ..Record::unwritten() });
    }

    /// A batch ends whose records all wait.
    fn all_wait(&self) {
        self.see(&Observation::AllWaited { dependency: "weather".to_owned() });
    }

    fn see(&self, observation: &Observation) {
        self.store().add("enrich", observation, self.now()).now_or_never().unwrap().unwrap();
    }

    /// Runs one invocation. It is cancelled where a call never answers.
    fn tick(&self) {
        let _ = self.polling.tick().now_or_never();
    }

    fn pass(&self, time: Duration) {
        self.polling.clock.advance(time);
    }

    fn paused(&self) -> Option<Pause> {
        match self.store().polling("enrich").polling {
            Polling::Paused(pause) => Some(pause),
            Polling::Running | Polling::LeftAlone { .. } => None,
        }
    }
}

#[test]
fn while_all_events_wait_a_mapping_is_disabled_and_enabled_in_time() {
    let world = World::new();
    let began = world.now();
    world.open_for(Duration::from_secs(300));
    world.all_wait();
    world.tick();
    assert_eq!(world.mapping().state(), MappingState::Disabling);
    let pause = world.paused().unwrap();
    assert_eq!((pause.since, pause.phase), (began, Phase::Disabled));
    assert_eq!(pause.waits_for, BTreeSet::from(["weather".to_owned()]));

    let mut enabled_at = None;
    for _ in 0..10 {
        world.pass(MINUTE);
        world.tick();
        if world.mapping().state() == MappingState::Enabling {
            enabled_at.get_or_insert(world.now());
        }
    }
    let enabled_after = enabled_at.unwrap().since(began);
    assert_eq!(enabled_after, Duration::from_secs(240), "it polls 30 s after the probe is due");
    assert_eq!((world.mapping().state(), world.paused()), (MappingState::Enabled, None));
    assert_eq!(world.mapping().asked(), (1, 1));
}

#[test]
fn while_nothing_waits_one_question_a_minute_is_all() {
    let world = World::new();
    world.open_for(Duration::from_secs(300));
    for _ in 0..10 {
        world.tick();
        world.pass(MINUTE);
    }
    let calls = world.store().take_calls();
    assert_eq!((calls.reads, calls.writes), (10, 0));
    assert_eq!((world.mapping().described(), world.mapping().asked()), (0, (0, 0)));
}

#[test]
fn a_queue_in_which_something_goes_on_is_polled() {
    let world = World::new();
    world.force_open(None);
    for _ in 0..10 {
        world.all_wait();
        world.see(&Observation::WentOn);
        world.tick();
        world.pass(MINUTE);
    }
    assert_eq!(world.mapping().asked(), (0, 0));
}

#[test]
fn a_mapping_that_an_operator_disabled_is_left_as_it_is() {
    let world = World::new();
    world.mapping().operator_sets(false);
    world.pass(TAKES_EFFECT);
    world.force_open(None);
    for _ in 0..5 {
        world.all_wait();
        world.tick();
        world.pass(MINUTE);
    }
    world.close();
    for _ in 0..30 {
        world.tick();
        world.pass(MINUTE);
    }
    assert_eq!((world.mapping().state(), world.paused()), (MappingState::Disabled, None));
    assert_eq!(world.mapping().asked(), (0, 0));
}

/// Lambda refuses this function's request, since the operator's change is under way. So this function has no pause.
#[test]
fn an_operator_who_disables_a_mapping_at_the_same_time_was_first() {
    let world = World::new();
    world.force_open(None);
    world.all_wait();
    world.mapping().fail_next(Fault::AfterOperator);
    world.tick();
    assert_eq!((world.mapping().state(), world.paused()), (MappingState::Disabling, None));
    world.close();
    for _ in 0..10 {
        world.pass(MINUTE);
        world.tick();
    }
    assert_eq!(world.mapping().state(), MappingState::Disabled);
}

#[test]
fn an_operator_who_enables_a_mapping_during_a_pause_is_left_alone() {
    let world = World::new();
    world.force_open(None);
    world.all_wait();
    world.tick();
    world.pass(MINUTE * 2);
    world.tick();
    world.mapping().operator_sets(true);
    for _ in 0..30 {
        world.pass(MINUTE);
        world.all_wait();
        world.tick();
    }
    assert_eq!((world.mapping().state(), world.mapping().asked()), (MappingState::Enabled, (0, 1)));
    assert_eq!(world.paused(), None);
}

#[test]
fn what_an_operator_releases_is_polled_within_a_tick_and_the_time_that_lambda_takes() {
    let world = World::new();
    world.force_open(Some(world.now().plus(Duration::from_secs(7_200))));
    world.all_wait();
    world.tick();
    world.pass(MINUTE * 5);
    world.tick();
    assert_eq!(world.mapping().state(), MappingState::Disabled);
    world.close();
    world.pass(MINUTE);
    world.tick();
    world.pass(TAKES_EFFECT);
    assert_eq!(world.mapping().state(), MappingState::Enabled);
}

/// Between pauses the queue is polled once, since it may have got events that need not wait.
#[test]
fn a_long_outage_is_a_row_of_pauses_with_a_look_between_them() {
    let world = World::new();
    world.force_open(None);
    let mut polled = 0;
    for _ in 0..360 {
        if world.mapping().polls() {
            polled += 1;
            world.all_wait();
        }
        world.tick();
        world.pass(MINUTE);
    }
    assert!((36..=60).contains(&polled), "{polled} of 360 minutes");
    let (enabled, disabled) = world.mapping().asked();
    assert!(enabled >= 18 && disabled >= 18, "{enabled} {disabled}");
}

#[test]
fn a_fifo_queue_is_paused_as_soon_as_its_breaker_is_open() {
    let world = World::new();
    world.mapping().make_fifo();
    world.open_for(Duration::from_secs(100));
    world.all_wait();
    world.tick();
    assert_eq!(world.mapping().state(), MappingState::Disabling);
    for _ in 0..6 {
        world.pass(MINUTE);
        world.tick();
    }
    assert_eq!((world.mapping().state(), world.paused()), (MappingState::Enabled, None));
}

#[test]
fn of_two_invocations_at_a_time_one_decides() {
    let world = World::new();
    world.force_open(None);
    world.all_wait();
    let record = world.store().polling("enrich");
    let step = Step::WriteAndDisable(Pause {
        since: world.now(),
        asked_at: world.now(),
        waits_for: BTreeSet::from(["weather".to_owned()]),
        phase: Phase::Disabling,
    });
    for _ in 0..2 {
        world.polling.take("enrich", "1b-2c", &record, step.clone()).now_or_never().unwrap();
    }
    assert_eq!(world.mapping().asked(), (0, 1));
}
