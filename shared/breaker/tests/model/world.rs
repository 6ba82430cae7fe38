//! The store, the dependency, and the environments between them.

use std::time::Duration;

use event::Timestamp;
use sluicegate_breaker::{
    Admission, Answer, Environment, Moment, Outcome, Pass, Publication, PublishOutcome, Record,
    ReplaceOutcome, Request, SharedCounts, Snapshot, State, StoreUnavailable,
};

use crate::fleet::{Broken, Faults};
use crate::settings;

/// The longest time that a call takes.
pub(crate) const LIMIT: Duration = Duration::from_secs(2);

/// How far the time advances in one step.
pub(crate) const TICK: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) tick: u8,
    pub(crate) store: Store,
    pub(crate) members: Vec<Member>,
    /// Writes that were delayed and may still arrive.
    pub(crate) late: Vec<Request>,
    pub(crate) is_dependency_up: bool,
    pub(crate) faults: Faults,
    pub(crate) seen: Seen,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    record: Option<Record>,
    shared: SharedCounts,
}

/// What no environment knows, and what the properties are judged by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    /// Since when the store has held this.
    open_since: Option<u8>,
    /// The probes that did well since the breaker became half-open.
    good_probes: u8,
    pub(crate) closed_without_probes: bool,
    pub(crate) called_while_open: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(crate) machine: Environment,
    /// How far its clock is ahead of the true time.
    offset: Duration,
    /// What it has asked the store, and why.
    pub(crate) asked: Option<Request>,
    pub(crate) call: Option<Call>,
    pub(crate) calls_left: u8,
    doing: Doing,
    lives: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    pass: Pass,
    began: u8,
}

/// What a member does once the store has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Doing {
    Nothing,
    Admitting,
    Ending,
}

impl Call {
    pub(crate) fn is_probe(&self) -> bool {
        matches!(self.pass, Pass::Probe { .. })
    }
}

fn machine(member: usize, lives: u8, broken: Broken) -> Environment {
    let mut settings = settings();
    if broken == Broken::Refresh {
        settings.refresh = Duration::from_secs(1_000);
    }
    Environment::new(format!("{member}.{lives}"), settings)
}

impl World {
    pub(crate) fn new(calls: &[u8], faults: Faults, broken: Broken) -> Self {
        let member = |(at, calls_left): (usize, &u8)| Member {
            machine: machine(at, 0, broken),
            offset: if at == 0 { Duration::ZERO } else { sluicegate_breaker::CLOCK_SKEW },
            asked: None,
            call: None,
            calls_left: *calls_left,
            doing: Doing::Nothing,
            lives: 0,
        };
        Self {
            tick: 0,
            store: Store::default(),
            members: calls.iter().enumerate().map(member).collect(),
            late: Vec::new(),
            is_dependency_up: false,
            faults,
            seen: Seen::default(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_000_000).plus(TICK * u32::from(self.tick))
    }

    fn at(&self, member: usize) -> Moment {
        Moment { now: self.now().plus(self.members[member].offset), roll: 0 }
    }

    /// The member wants to make a call.
    pub(crate) fn admit(&mut self, member: usize) {
        let at = self.at(member);
        self.members[member].doing = Doing::Nothing;
        match self.members[member].machine.admit(LIMIT, at) {
            Admission::Call(pass) => {
                let is_counted = matches!(pass, Pass::Counted { .. });
                let status = self.members[member].machine.status(at.now);
                let reached = self.seen.open_since.is_some_and(|since| since < self.tick);
                self.seen.called_while_open |= is_counted && reached && !status.is_store_away;
                let left = self.members[member].calls_left.saturating_sub(1);
                self.members[member].calls_left = left;
                self.members[member].call = Some(Call { pass, began: self.tick });
            }
            Admission::Wait(_) => {}
            Admission::Ask(request) => self.ask(member, Some(request), Doing::Admitting),
        }
    }

    pub(crate) fn finish(&mut self, member: usize) {
        let at = self.at(member);
        let up = self.is_dependency_up;
        let Some(call) = self.members[member].call.take() else { return };
        let outcome = if up { Outcome::Answered } else { Outcome::Failed };
        if up && call.is_probe() {
            self.seen.good_probes += 1;
        }
        self.members[member].machine.finish(&call.pass, outcome, Duration::ZERO, at.now);
        self.end(member);
    }

    /// The member's invocation ends, and it writes what is still to be written, step by step.
    fn end(&mut self, member: usize) {
        let at = self.at(member);
        let request = self.members[member].machine.end_invocation(at);
        self.ask(member, request, Doing::Ending);
    }

    fn ask(&mut self, member: usize, request: Option<Request>, doing: Doing) {
        self.members[member].doing = if request.is_some() { doing } else { Doing::Nothing };
        self.members[member].asked = request;
    }

    fn answer(&mut self, member: usize, answer: Answer) {
        let now = self.at(member).now;
        self.members[member].asked = None;
        self.members[member].machine.apply_answer(answer, now);
        match self.members[member].doing {
            Doing::Nothing => {}
            Doing::Admitting => self.admit(member),
            Doing::Ending => self.end(member),
        }
    }

    /// Whether the store and the dependency have answered all members.
    pub(crate) fn is_quiet(&self) -> bool {
        self.members.iter().all(|member| member.asked.is_none() && member.call.is_none())
    }

    /// The request takes effect and is answered.
    pub(crate) fn serve(&mut self, member: usize, broken: Broken) {
        let Some(request) = self.members[member].asked.clone() else { return };
        let answer = self.take(&request, broken);
        self.answer(member, answer);
    }

    /// The request is not answered. It arrives late or never.
    pub(crate) fn delay(&mut self, member: usize) {
        let Some(request) = self.members[member].asked.clone() else { return };
        self.faults.delays -= 1;
        let away = StoreUnavailable { reason: String::new() };
        let answer = match request.clone() {
            Request::Read => Answer::Read(Err(away)),
            Request::Replace { record, .. } => {
                Answer::ReplaceOutcome(record, ReplaceOutcome::Unknown(away))
            }
            Request::Publish(publication) => {
                Answer::PublishOutcome(publication, PublishOutcome::Unknown(away))
            }
        };
        if request != Request::Read {
            self.late.push(request);
        }
        self.answer(member, answer);
    }

    pub(crate) fn arrive(&mut self, late: usize, broken: Broken) {
        let request = self.late.remove(late);
        let _ = self.take(&request, broken);
    }

    /// The member crashes and forgets everything. Its request may still arrive.
    pub(crate) fn crash(&mut self, member: usize, broken: Broken) {
        self.faults.crashes -= 1;
        let asked = self.members[member].asked.take();
        self.late.extend(asked.filter(|request| *request != Request::Read));
        let lives = self.members[member].lives + 1;
        let member_after = Member {
            machine: machine(member, lives, broken),
            call: None,
            doing: Doing::Nothing,
            lives,
            ..self.members[member].clone()
        };
        self.members[member] = member_after;
    }

    /// Whether no call under way would last longer than it may.
    pub(crate) fn may_tick(&self) -> bool {
        let calls = self.members.iter().filter_map(|member| member.call.as_ref());
        calls.into_iter().all(|call| call.began == self.tick)
    }

    pub(crate) fn probes_under_way(&self) -> usize {
        let calls = self.members.iter().filter_map(|member| member.call.as_ref());
        calls.filter(|call| call.is_probe()).count()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.store.record.as_ref().is_none_or(|it| matches!(it.state, State::Closed { .. }))
    }

    fn take(&mut self, request: &Request, broken: Broken) -> Answer {
        match request {
            Request::Read => Answer::Read(Ok(Snapshot {
                record: self.store.record.clone(),
                counts: [(settings().window.horizon(), self.store.shared.clone())].into(),
            })),
            Request::Replace { expected, record } => {
                let version = self.store.record.as_ref().map_or(0, |record| record.version);
                if version != *expected && broken != Broken::Versions {
                    let found = self.store.record.clone();
                    return Answer::ReplaceOutcome(record.clone(), ReplaceOutcome::Conflict(found));
                }
                self.write(record, broken);
                Answer::ReplaceOutcome(record.clone(), ReplaceOutcome::Written)
            }
            Request::Publish(publication) => self.publish(publication),
        }
    }

    fn publish(&mut self, publication: &Publication) -> Answer {
        let published = match publication.applied_to(&self.store.shared) {
            Some(shared) => {
                self.store.shared = shared;
                PublishOutcome::Added
            }
            None => PublishOutcome::Conflict,
        };
        Answer::PublishOutcome(publication.clone(), published)
    }

    fn write(&mut self, record: &Record, broken: Broken) {
        let was_closed = self.is_closed();
        let mut record = record.clone();
        match &mut record.state {
            State::Closed { .. } => {
                self.seen.closed_without_probes |= !was_closed && self.seen.good_probes == 0;
                self.seen.open_since = None;
            }
            State::Open { .. } => {
                self.seen.good_probes = 0;
                self.seen.open_since.get_or_insert(self.tick);
            }
            State::HalfOpen { leases, .. } => {
                self.seen.open_since = None;
                if broken == Broken::Leases {
                    leases.clear();
                }
            }
        }
        self.store.record = Some(record);
    }
}
