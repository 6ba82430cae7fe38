//! One environment's part in one breaker: whether a call may be made, and what to ask the store.

mod answers;
mod exchange;
mod hold;
mod outage;
mod probes;
mod status;
mod view;

use std::collections::BTreeMap;
use std::time::Duration;

use event::Timestamp;

pub use self::exchange::{Admission, Answer, Outcome, Pass, Request, Wait, WaitReason};
use self::hold::Hold;
use self::probes::Probes;
pub use self::status::Status;
use self::view::{Basis, View};
use crate::counts::Slot;
use crate::recent::Recent;
use crate::transition::is_half_open_too_long;
use crate::{
    CLOCK_SKEW, Cause, Counts, EnvironmentId, Event, Mode, Moment, Record, Settings, State,
    StateName, step,
};

/// An environment makes probes on its own, in addition to those of others, only after the store could not be read or
/// written for this long. One lost answer is no reason for that.
const ALONE_AFTER: Duration = Duration::from_secs(10);

/// How long to wait while others make probes: about as long as a probe takes.
const PROBING: Duration = Duration::from_secs(2);

/// The share of calls, in percent, that is let through at the begin of a ramp.
const FIRST_SHARE: u128 = 10;

/// One breaker as one environment sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Environment {
    id: EnvironmentId,
    settings: Settings,
    view: View,
    recent: Recent,
    /// The calls that were not published to the fleet.
    unpublished: BTreeMap<Slot, Counts>,
    /// The calls that are being published.
    publishing: BTreeMap<Slot, Counts>,
    published_at: Option<Timestamp>,
    hold: Hold,
    probes: Option<Probes>,
    is_ending: bool,
}

impl Environment {
    /// A breaker that is closed and that knows nothing of the store. `id` is unique among all environments that use the
    /// store.
    #[must_use]
    pub fn new(id: EnvironmentId, settings: Settings) -> Self {
        Self {
            id,
            recent: Recent::new(settings.window),
            settings,
            view: View::new(),
            unpublished: BTreeMap::new(),
            publishing: BTreeMap::new(),
            published_at: None,
            hold: Hold::default(),
            probes: None,
            is_ending: false,
        }
    }

    /// The settings that it was made with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The record as this environment knows it.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.view.record
    }

    /// Whether the store can be read, and was last read at least `age` ago.
    #[must_use]
    pub fn is_older_than(&self, age: Duration, now: Timestamp) -> bool {
        self.view.is_older_than(age, now)
    }

    /// Whether a call that takes at most `limit` may be made now, or what to ask the store first. In that case, call
    /// this again after [`Environment::apply_answer`] has taken the answer.
    pub fn admit(&mut self, limit: Duration, at: Moment) -> Admission {
        self.is_ending = false;
        self.notice_clock(at.now);
        if self.view.is_read_due(&self.settings, at.now) {
            return Admission::Ask(Request::Read);
        }
        if let Some(request) = self.next_request(at) {
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
        let Some((ramp_ends_at, whole)) = self.view.ramp(&self.settings) else {
            return Admission::Call(self.pass());
        };
        let left = ramp_ends_at.since(at.now);
        if !left.is_zero() && u128::from(at.roll % 100) >= share_of_calls(left, whole) {
            return self.wait(at.now.plus(left / 2), WaitReason::Ramping);
        }
        Admission::Call(self.pass())
    }

    fn admit_probe(&mut self, limit: Duration, at: Moment) -> Admission {
        if let State::Open { until, cause, .. } = self.view.record.state {
            let until = self.settings.open_until(until, self.view.seen_since);
            if at.now < until {
                return self.wait(until, WaitReason::Open(cause));
            }
        }
        if let Some(until) = self.hold.until(at.now) {
            return self.wait(until, WaitReason::Throttled);
        }
        if let Some(pass) = self.take_permit(limit, at.now) {
            return Admission::Call(pass);
        }
        if self.probes.is_none() {
            let lease = Event::Lease {
                environment: self.id.clone(),
                wanted: u32::MAX,
                ends_at: at.now.plus(lease_length(limit)),
                seen_since: self.view.seen_since,
            };
            if let Some(request) = self.propose(lease, at) {
                return Admission::Ask(request);
            }
            // If the store cannot be written for long, the environment leases a permit on its own.
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

    /// When to ask again while an operator has forced the breaker open. If the act has no end, that is after the
    /// longest wait.
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

    /// Takes what came of a call, and how long the call took.
    pub fn finish(&mut self, pass: &Pass, outcome: Outcome, took: Duration, now: Timestamp) {
        match *pass {
            Pass::Uncounted => {}
            Pass::Probe { lease_ends_at } => {
                if let Outcome::Throttled { retry_after } = outcome {
                    self.hold.note_throttled(self.hold.holds, retry_after, now);
                }
                let call = self.counts_of(outcome, took, outcome != Outcome::Answered);
                let probes = self.probes.as_mut();
                if let Some(probes) = probes.filter(|it| it.lease.ends_at == lease_ends_at) {
                    probes.finish(call);
                }
            }
            // A call that was admitted in another generation does not count in this one.
            Pass::Counted { generation, .. } if generation != self.view.record.generation => {}
            Pass::Counted { holds, .. } => {
                let is_failure = match outcome {
                    Outcome::Throttled { retry_after } => {
                        self.hold.note_throttled(holds, retry_after, now)
                    }
                    Outcome::Answered | Outcome::Absent => {
                        self.hold.note_answer(holds);
                        false
                    }
                    Outcome::Failed => true,
                    Outcome::Ignored => false,
                };
                if let Some(call) = self.counts_of(outcome, took, is_failure) {
                    self.recent.add(call, now);
                    self.count_unpublished(call, now);
                }
            }
        }
    }

    /// Counts a call in its slot. When a slot begins, those that are outside the window are dropped.
    fn count_unpublished(&mut self, call: Counts, now: Timestamp) {
        let window = self.settings.window;
        let slot = window.slot(now);
        if let Some(counts) = self.unpublished.get_mut(&slot) {
            *counts = counts.plus(call);
            return;
        }
        self.unpublished.insert(slot, call);
        self.unpublished.retain(|slot, _| window.has(*slot, now));
    }

    /// A call as counts; `None` if it does not count.
    fn counts_of(&self, outcome: Outcome, took: Duration, is_failure: bool) -> Option<Counts> {
        let is_absent = outcome == Outcome::Absent;
        (outcome != Outcome::Ignored).then(|| Counts {
            calls: 1,
            failures: u32::from(is_failure && !is_absent),
            slow: u32::from(self.settings.slow_call.is_some_and(|slow| took >= slow)),
            absent: u32::from(is_absent),
        })
    }

    /// What to ask the store, as [`Environment::next_request`], when no call is under way any more and the environment
    /// may freeze.
    pub fn end_invocation(&mut self, at: Moment) -> Option<Request> {
        self.is_ending = true;
        self.next_request(at)
    }

    /// What to ask the store now. Call it again after its answer was taken, until it returns `None`. If it is not known
    /// what the store holds, the store is read first.
    pub fn next_request(&mut self, at: Moment) -> Option<Request> {
        self.notice_clock(at.now);
        if self.is_quiet() {
            return None;
        }
        if self.view.is_read_needed(&self.settings, at.now) {
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
        if self.view.can_write(at.now) { self.publication(at.now) } else { None }
    }

    /// Whether the breaker is closed, as the store has it, and no known call counts towards a rate. This is so most of
    /// the time. There is nothing to ask the store then, and this check is much faster than the others.
    pub(crate) fn is_quiet(&self) -> bool {
        let generation = self.view.record.generation;
        let is_closed = matches!(self.view.record.state, State::Closed { .. });
        let mut not_shared = self.unpublished.values().chain(self.publishing.values());
        is_closed
            && self.view.basis == Basis::Stored
            && !self.recent.has_sign(&self.settings)
            && !self.view.shared.has_sign(generation, &self.settings)
            && !not_shared.any(|counts| counts.has_sign(&self.settings))
    }

    /// Forgets times that were taken before the clock went back, because they do not say how long ago something was.
    fn notice_clock(&mut self, now: Timestamp) {
        self.view.notice_clock(now);
        let latest = now.plus(CLOCK_SKEW);
        self.published_at = self.published_at.filter(|at| *at <= latest);
        self.hold.notice_clock(latest);
    }

    /// What is to happen to the record, by what this environment knows.
    fn next_event(&self, now: Timestamp) -> Option<Event> {
        if let Some(results) = self.finished_probes(now) {
            return Some(Event::Settle { environment: self.id.clone(), results });
        }
        match self.view.record.state {
            State::HalfOpen { since, .. } if self.settings.mode == Mode::Enforced => {
                let seen_since = self.view.seen_since;
                is_half_open_too_long(since, seen_since, now, &self.settings)
                    .then_some(Event::Expire { seen_since })
            }
            State::Closed { .. } if self.settings.mode == Mode::Enforced => {
                self.cause(now).map(|cause| Event::Trip { cause })
            }
            State::Closed { .. } | State::Open { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// What came of this environment's probes, if there is something to write or to give back.
    fn finished_probes(&self, now: Timestamp) -> Option<Counts> {
        let probes = self.probes.as_ref()?;
        probes.are_over(now, self.is_ending).then_some(probes.results)
    }

    /// Why the breaker trips, by this environment's own calls or by those of the fleet.
    fn cause(&self, now: Timestamp) -> Option<Cause> {
        let shared = self.view.shared.slots(self.view.record.generation);
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

    /// A request to write the record after an event, if the event is legal. If nothing can be written, the record
    /// changes for this environment alone: at once for a trip, and otherwise only if the store has been unavailable for
    /// long.
    fn propose(&mut self, event: Event, at: Moment) -> Option<Request> {
        let is_trip = matches!(event, Event::Trip { .. });
        let record = step(&self.view.record, event, at, &self.settings).ok()?;
        if self.view.can_write(at.now) {
            return Some(Request::Replace { expected: self.view.record.version, record });
        }
        if is_trip || self.view.is_left_alone(at.now) {
            self.view.go_on_alone();
            self.set_record(record, at.now);
        }
        None
    }
}

/// For how long permits are leased. Each call can end before others take its permit to be free, even if it begins as
/// late as another one ends, and even if the clocks differ.
pub(crate) fn lease_length(limit: Duration) -> Duration {
    limit.saturating_mul(2).saturating_add(CLOCK_SKEW * 2)
}

/// The share of calls, in percent, that is let through when so much of a whole ramp is left.
fn share_of_calls(left: Duration, whole: Duration) -> u128 {
    let done = whole.saturating_sub(left).as_millis();
    FIRST_SHARE + (100 - FIRST_SHARE) * done / whole.as_millis().max(1)
}
