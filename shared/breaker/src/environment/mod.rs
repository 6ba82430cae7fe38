//! One environment's part in one breaker: whether a call may be made, and what to ask the store.

mod answers;
mod exchange;
mod hold;
mod probes;
mod status;

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;

pub use self::exchange::{Admission, Answer, Outcome, Pass, Request, Wait, WaitReason};
use self::hold::Hold;
use self::probes::Probes;
pub use self::status::Status;
use crate::counts::Slot;
use crate::recent::Recent;
use crate::transition::{Verdict, verdict};
use crate::{
    Cause, Counts, EnvironmentId, Event, Mode, Moment, Record, Settings, SharedCounts, State,
    StateName, step,
};

/// How far clocks of two environments may be apart. AWS keeps them within a second.
pub const CLOCK_SKEW: Duration = Duration::from_secs(2);

/// A store that is away is asked again after the refresh interval, then after twice as long, up to this.
const LONGEST_AWAY: Duration = Duration::from_secs(10);

/// An environment probes by itself, beside what others may do, only once the store has been away for so
/// long: one lost answer is no reason to.
const ALONE_AFTER: Duration = Duration::from_secs(10);

/// How long to wait while probes are under way: as long as one takes, about.
const PROBING: Duration = Duration::from_secs(2);

/// The share of calls, in percent, that is let through at the beginning of a ramp.
const FIRST_SHARE: u128 = 10;

/// One environment's view of one breaker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Environment {
    id: EnvironmentId,
    settings: Settings,
    view: View,
    recent: Recent,
    /// Calls that the fleet was not told of.
    unpublished: BTreeMap<Slot, Counts>,
    /// Calls that the fleet is being told of.
    publishing: BTreeMap<Slot, Counts>,
    published_at: Option<Timestamp>,
    hold: Hold,
    probes: Option<Probes>,
    is_ending: bool,
}

/// What the environment knows of the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct View {
    record: Record,
    shared: SharedCounts,
    read_at: Option<Timestamp>,
    /// The record may not be what the store holds: it was not read yet, a write's outcome is not known, or
    /// the environment went on by itself.
    is_in_doubt: bool,
    /// When the version in the record was first seen, by the environment's own clock.
    seen_at: Timestamp,
    away: Option<StoreAway>,
}

/// The store is not asked until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct StoreAway {
    since: Timestamp,
    until: Timestamp,
    in_a_row: u32,
}

impl Environment {
    #[must_use]
    pub fn new(id: EnvironmentId, settings: Settings) -> Self {
        let view = View {
            record: Record::unwritten(),
            shared: SharedCounts::default(),
            read_at: None,
            is_in_doubt: true,
            seen_at: Timestamp::from_unix_ms(0),
            away: None,
        };
        Self {
            id,
            recent: Recent::new(settings.window),
            settings,
            view,
            unpublished: BTreeMap::new(),
            publishing: BTreeMap::new(),
            published_at: None,
            hold: Hold::default(),
            probes: None,
            is_ending: false,
        }
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The record as this environment knows it.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.view.record
    }

    /// Whether a call that takes no longer than `limit` may be made now.
    pub fn admit(&mut self, limit: Duration, at: Moment) -> Admission {
        self.is_ending = false;
        let age = self.view.read_at.map(|read_at| at.now.since(read_at));
        let is_old = age.is_none_or(|age| age >= self.settings.refresh);
        if is_old && !self.is_store_away(at.now) {
            return Admission::Ask(Request::Read);
        }
        if let Some(request) = self.news(at) {
            return Admission::Ask(request);
        }
        match self.view.record.state_name(&self.settings, at.now) {
            StateName::Disabled => Admission::Call(Pass::Uncounted),
            StateName::ForcedClosed | StateName::MetricsOnly => Admission::Call(self.pass()),
            StateName::ForcedOpen => {
                self.wait(self.forced_open_until(at.now), WaitReason::Open(Cause::Operator))
            }
            StateName::Closed => self.admit_closed(at),
            StateName::Open | StateName::HalfOpen => self.admit_probe(limit, at),
        }
    }

    fn admit_closed(&self, at: Moment) -> Admission {
        if let Some(until) = self.hold.until(at.now) {
            return self.wait(until, WaitReason::Throttled);
        }
        let State::Closed { since, ramp_ends_at } = self.view.record.state else {
            return Admission::Call(self.pass());
        };
        let (whole, left) = (ramp_ends_at.since(since), ramp_ends_at.since(at.now));
        if !left.is_zero() && !whole.is_zero() {
            let done = (whole.as_millis()).saturating_sub(left.as_millis());
            let share = FIRST_SHARE + (100 - FIRST_SHARE) * done / whole.as_millis().max(1);
            if u128::from(at.roll % 100) >= share {
                return self.wait(at.now.plus(left / 2), WaitReason::Ramping);
            }
        }
        Admission::Call(self.pass())
    }

    fn admit_probe(&mut self, limit: Duration, at: Moment) -> Admission {
        if let State::Open { cause, .. } = self.view.record.state {
            let until = self.open_until();
            if at.now < until {
                return self.wait(until, WaitReason::Open(cause));
            }
        }
        if let Some(pass) = self.take_permit(limit, at.now) {
            return Admission::Call(pass);
        }
        let away_for = self.view.away.map(|away| at.now.since(away.since));
        let is_asking = !self.is_store_away(at.now);
        if self.probes.is_none() && (is_asking || away_for >= Some(ALONE_AFTER)) {
            let ends_at = Probes::end(at.now, limit);
            let lease = Event::Lease { environment: self.id.clone(), wanted: u32::MAX, ends_at };
            if let Some(request) = self.propose(lease, at) {
                return Admission::Ask(request);
            }
            // Leased, where the store is away.
            if let Some(pass) = self.take_permit(limit, at.now) {
                return Admission::Call(pass);
            }
        }
        self.wait(at.now.plus(PROBING), WaitReason::Probing)
    }

    fn take_permit(&mut self, limit: Duration, now: Timestamp) -> Option<Pass> {
        let probes = self.probes.as_mut()?;
        let lease_ends_at = probes.lease.ends_at;
        probes.take(limit, now).then_some(Pass::Probe { lease_ends_at })
    }

    /// The end of an open wait. However wrong the clock was that set it, it is no longer than the longest
    /// wait from when it was first seen.
    fn open_until(&self) -> Timestamp {
        let State::Open { until, .. } = self.view.record.state else { return self.view.seen_at };
        until.min(self.view.seen_at.plus(self.settings.wait.longest + CLOCK_SKEW))
    }

    /// Where an operator gave no end, it is looked again after the longest wait.
    fn forced_open_until(&self, now: Timestamp) -> Timestamp {
        let until = self.view.record.forced_at(now).and_then(|forced| forced.until);
        until.unwrap_or(now.plus(self.settings.wait.longest))
    }

    fn pass(&self) -> Pass {
        Pass::Counted { generation: self.view.record.generation, holds: self.hold.holds }
    }

    fn wait(&self, until: Timestamp, reason: WaitReason) -> Admission {
        Admission::Wait(Wait { until, reason, since: self.view.record.unavailable_since })
    }

    /// What came of a call, and how long it took.
    pub fn finish(&mut self, pass: &Pass, outcome: Outcome, took: Duration, now: Timestamp) {
        match *pass {
            Pass::Uncounted => {}
            Pass::Probe { lease_ends_at } => {
                let call = self.counted(outcome, took, outcome != Outcome::Answered);
                let probes = self.probes.as_mut();
                if let Some(probes) = probes.filter(|it| it.lease.ends_at == lease_ends_at) {
                    probes.finish(call);
                }
            }
            // What was begun in another life of the breaker says nothing of this one.
            Pass::Counted { generation, .. } if generation != self.view.record.generation => {}
            Pass::Counted { holds, .. } => {
                let is_failure = match outcome {
                    Outcome::Throttled { retry_after } => {
                        self.hold.throttled(holds, retry_after, now)
                    }
                    Outcome::Answered | Outcome::Absent => {
                        self.hold.answered(holds);
                        false
                    }
                    Outcome::Failed => true,
                    Outcome::Ignored => false,
                };
                if let Some(call) = self.counted(outcome, took, is_failure) {
                    self.recent.add(call, now);
                    let slot = self.settings.window.slot(now);
                    let counts = self.unpublished.entry(slot).or_default();
                    *counts = counts.plus(call);
                }
            }
        }
    }

    /// The call as it is counted, if it is.
    fn counted(&self, outcome: Outcome, took: Duration, is_failure: bool) -> Option<Counts> {
        let is_absent = outcome == Outcome::Absent;
        (outcome != Outcome::Ignored).then(|| Counts {
            calls: 1,
            failures: u32::from(is_failure && !is_absent),
            slow: u32::from(self.settings.slow_call.is_some_and(|slow| took >= slow)),
            absent: u32::from(is_absent),
        })
    }

    /// What the store is to be told once no call is under way any more, and the environment may freeze.
    pub fn end_invocation(&mut self, at: Moment) -> Option<Request> {
        self.is_ending = true;
        self.news(at)
    }

    /// What the store is to be told now, if anything. Where it is not known what it holds, that is asked
    /// first.
    pub fn news(&mut self, at: Moment) -> Option<Request> {
        let is_away = self.is_store_away(at.now);
        if self.view.is_in_doubt && !is_away {
            return Some(Request::Read);
        }
        while let Some(event) = self.next_event(at.now) {
            let before = self.view.record.version;
            if let Some(request) = self.propose(event, at) {
                return Some(request);
            }
            if self.view.record.version == before {
                break;
            }
        }
        if is_away { None } else { self.publication(at.now) }
    }

    fn is_store_away(&self, now: Timestamp) -> bool {
        self.view.away.is_some_and(|away| now < away.until)
    }

    /// What is to happen to the record, by what this environment knows.
    fn next_event(&self, now: Timestamp) -> Option<Event> {
        if let Some(results) = self.settled(now) {
            return Some(Event::Settle { environment: self.id.clone(), results });
        }
        match self.view.record.state {
            State::HalfOpen { since, .. } => {
                let is_too_long = since.plus(self.settings.half_open.longest) <= now;
                (is_too_long && self.settings.mode == Mode::Enforced).then_some(Event::Expire)
            }
            State::Closed { .. } if self.settings.mode == Mode::Enforced => {
                self.cause(now).map(|cause| Event::Trip { cause })
            }
            State::Closed { .. } | State::Open { .. } => None,
        }
    }

    /// What came of this environment's probes, once it is all that will come of them, or enough to decide.
    fn settled(&self, now: Timestamp) -> Option<Counts> {
        let State::HalfOpen { permitted, results, .. } = self.view.record.state else {
            return None;
        };
        let probes = self.probes.as_ref()?;
        let verdict = verdict(results.plus(probes.results), permitted, &self.settings);
        let is_decided = verdict != Verdict::Undecided && probes.are_none_under_way();
        (is_decided || probes.are_over(now, self.is_ending)).then_some(probes.results)
    }

    /// Why the breaker trips, by this environment's own calls or by those of the fleet.
    fn cause(&self, now: Timestamp) -> Option<Cause> {
        let shared = self.view.shared.slots(self.view.record.generation);
        let is_told_of = shared.values().any(|counts| counts.has_sign(&self.settings));
        if !is_told_of && !self.recent.has_sign(&self.settings) {
            return None;
        }
        let own = self.recent.sum(now).cause(&self.settings);
        own.or_else(|| self.fleet(shared, now).cause(&self.settings))
    }

    fn fleet(&self, mut slots: BTreeMap<Slot, Counts>, now: Timestamp) -> Counts {
        for (slot, counts) in self.unpublished.iter().chain(&self.publishing) {
            let sum = slots.entry(*slot).or_default();
            *sum = sum.plus(*counts);
        }
        self.settings.window.sum(&slots, now)
    }

    /// A request to write what follows from an event. Where the store is away it follows at once, and
    /// for this environment alone.
    fn propose(&mut self, event: Event, at: Moment) -> Option<Request> {
        let record = step(&self.view.record, event, at, &self.settings).ok()?;
        if self.is_store_away(at.now) {
            self.saw(record, at.now);
            self.view.is_in_doubt = true;
            return None;
        }
        Some(Request::Replace { expected: self.view.record.version, record })
    }
}
