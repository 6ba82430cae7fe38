//! Shows breakers and changes them by hand: what each verb does.

use std::collections::BTreeMap;
use std::time::Duration;

use breaker::polling::{KnownBreakers, PollingRecord, PollingStore};
use breaker::{
    IllegalTransition, Moment, Record, ReplaceOutcome, Settings, Snapshot, Store, StoreUnavailable,
    step,
};
use contracts::{Catalog, Dependency};
use event::Timestamp;
use runtime::{
    Audit, AuditDetails, AuditEntry, AuditKeys, AuditPhase, AuditSubject, Clock, add_to_audit,
    unique_name,
};
use serde_json::{Value, json};

use crate::act::{Act, ActKind, refusal};
use crate::parked::{Depths, Parking};
use crate::polling::{PollingView, views};
use crate::problem::{Problem, ProblemKind};
use crate::request::Asked;
use crate::view::BreakerView;

/// The verbs on breakers, and the ports that they need.
pub(crate) struct Breakers<S, A, D, C> {
    pub(crate) store: S,
    pub(crate) audit: A,
    pub(crate) parking: Parking<D>,
    /// The contracts name dependencies, whether or not the store has a record of their breakers.
    pub(crate) contracts: Catalog,
    pub(crate) clock: C,
}

/// The most attempts to read from the store, or to write one act.
const TRIES: u32 = 5;

/// The pause before the second attempt. That before the third is twice as long, and so on.
const PAUSE: Duration = Duration::from_millis(50);

/// An act that has taken effect.
struct ChangeOutcome {
    before: Record,
    after: Record,
}

/// An act that has not taken effect, or of which that is not known.
struct Unchanged {
    problem: Problem,
    /// The record as it was last read.
    before: Record,
}

/// One act on one breaker, at a fixed time. So another attempt writes the same record.
struct Doing<'a> {
    breaker: &'a str,
    act: &'a Act,
    operator: &'a str,
    now: Timestamp,
    settings: Settings,
}

impl Doing<'_> {
    /// The record after the act.
    fn after(&self, record: &Record) -> Result<Record, Problem> {
        let Self { breaker, act, operator, now, settings } = self;
        let is_idle = act.kind == ActKind::Release && record.forced_at(*now).is_none();
        let stepped = match is_idle {
            true => Err(IllegalTransition::NotForced),
            false => {
                let at = Moment { now: *now, roll: 0 };
                step(record, act.event(operator, *now), at, settings)
            }
        };
        stepped.map_err(|illegal| {
            let detail = refusal(breaker, act.kind, illegal, record, *now);
            Problem::new(ProblemKind::Illegal, detail)
        })
    }

    fn view(&self, record: &Record) -> BreakerView {
        BreakerView::of_record(self.breaker, record, &self.settings, self.now)
    }
}

impl<S: Store + PollingStore, A: Audit, D: Depths, C: Clock> Breakers<S, A, D, C> {
    pub(crate) async fn list(&self) -> Result<Value, Problem> {
        let (snapshots, parked, stages) =
            tokio::join!(self.read(), self.parking.parked(), self.store.read_polling());
        let mut snapshots = snapshots?;
        for name in self.contracts.dependencies().into_keys() {
            snapshots.entry(name).or_default();
        }
        let now = self.clock.now();
        let mut breakers: Vec<BreakerView> = Vec::with_capacity(snapshots.len());
        for (name, snapshot) in &snapshots {
            breakers.push(BreakerView::new(name, snapshot, &self.settings_of(name), now));
        }
        let polling = self.polling(stages, &snapshots, now);
        Ok(json!({ "at": now, "breakers": breakers, "parked": parked, "polling": polling }))
    }

    pub(crate) async fn show(&self, breaker: &str) -> Result<Value, Problem> {
        let (snapshots, parked, stages) =
            tokio::join!(self.read(), self.parking.parked(), self.store.read_polling());
        let snapshots = snapshots?;
        self.check_known(breaker, &snapshots)?;
        let now = self.clock.now();
        let snapshot = snapshots.get(breaker).cloned().unwrap_or_default();
        let view = BreakerView::new(breaker, &snapshot, &self.settings_of(breaker), now);
        let longest_wait = self.dependency(breaker).longest_wait;
        Ok(json!({
            "at": now,
            "breaker": view,
            "parked": parked,
            "polling": self.polling(stages, &snapshots, now),
            "longest_wait_s": longest_wait.as_secs(),
            "first_dead_letter_at": view.first_dead_letter_at(longest_wait),
        }))
    }

    pub(crate) async fn act(
        &self,
        asked: &Asked,
        breaker: &str,
        act: &Act,
    ) -> Result<Value, Problem> {
        let now = self.clock.now();
        let mut snapshots = self.read().await?;
        if !act.is_new {
            self.check_known(breaker, &snapshots)?;
        }
        let settings = self.settings_of(breaker);
        let refresh = settings.refresh;
        let doing = Doing { breaker, act, operator: &asked.operator.arn, now, settings };
        let found = snapshots.remove(breaker).unwrap_or_default().record;
        let before = found.unwrap_or_else(Record::unwritten);
        let after = doing.after(&before)?;
        let keys = AuditKeys::new(now, &unique_name(now));
        let entry = AuditEntry {
            at: now,
            operator: &asked.operator,
            request_id: &asked.request_id,
            act: act.kind.as_str(),
            subject: AuditSubject { kind: "breaker", name: breaker },
            why: &act.why,
            until: act.until,
        };
        let intent = AuditDetails {
            phase: AuditPhase::Intent,
            before: json!(doing.view(&before)),
            after: Some(json!(doing.view(&after))),
            reason: None,
        };
        add_to_audit(&self.audit, &keys.intent, entry.body(intent)).await.map_err(|reason| {
            let detail = format!(
                "nothing was changed, since it could not be written down in the audit log: {reason}"
            );
            Problem::new(ProblemKind::AuditAway, detail)
        })?;
        let changed = self.change(&doing, before, after).await;
        let (before, after, problem) = match &changed {
            Ok(changed) => (&changed.before, Some(doing.view(&changed.after)), None),
            Err(unchanged) => (&unchanged.before, None, Some(&unchanged.problem)),
        };
        let before = doing.view(before);
        let phase = match problem.map(|problem| problem.kind) {
            None => AuditPhase::Done,
            Some(ProblemKind::OutcomeUnknown) => AuditPhase::Unknown,
            Some(_) => AuditPhase::NotDone,
        };
        let reason = problem.map(|problem| problem.detail.as_str());
        let outcome = AuditDetails {
            phase,
            before: json!(before),
            after: after.as_ref().map(|it| json!(it)),
            reason,
        };
        let written = add_to_audit(&self.audit, &keys.outcome, entry.body(outcome)).await;
        if let Err(reason) = &written {
            tracing::error!(
                audit.key = keys.outcome,
                failure.reason = reason,
                "the outcome is not in the audit log"
            );
        }
        if let Err(unchanged) = changed {
            return Err(unchanged.problem);
        }
        Ok(json!({
            "at": now,
            "act": act.kind,
            "by": asked.operator.arn,
            "why": act.why,
            "until": act.until,
            "before": before,
            "breaker": after,
            "reaches_fleet_within_ms": u64::try_from(refresh.as_millis()).unwrap_or(u64::MAX),
            "audit": { "intent": keys.intent, "outcome": written.is_ok().then_some(keys.outcome) },
        }))
    }

    /// Writes the record after the act. If others have changed the record meanwhile, applies the act to theirs.
    async fn change(
        &self,
        doing: &Doing<'_>,
        mut before: Record,
        mut after: Record,
    ) -> Result<ChangeOutcome, Unchanged> {
        let mut is_in_doubt = false;
        for attempt in 0..TRIES {
            pause(attempt).await;
            let found = match self.store.replace(doing.breaker, before.version, &after).await {
                ReplaceOutcome::Written => return Ok(ChangeOutcome { before, after }),
                ReplaceOutcome::Conflict(found) => found.unwrap_or_else(Record::unwritten),
                // The record may have been written. Reading it shows whether it was.
                ReplaceOutcome::Unknown(_) => {
                    is_in_doubt = true;
                    match self.store.read().await {
                        Ok(mut found) => {
                            let found = found.remove(doing.breaker).and_then(|it| it.record);
                            found.unwrap_or_else(Record::unwritten)
                        }
                        Err(_) => continue,
                    }
                }
            };
            if found == after {
                return Ok(ChangeOutcome { before, after });
            }
            if found.version != before.version {
                before = found;
                after = match doing.after(&before) {
                    Ok(after) => after,
                    Err(problem) => return Err(Unchanged { problem, before }),
                };
            }
        }
        let problem = match is_in_doubt {
            true => Problem::new(
                ProblemKind::OutcomeUnknown,
                format!(
                    "the breakers' table did not say whether it was written; show `{}`, and try again \
                     if it is not as you want it",
                    doing.breaker
                ),
            ),
            false => Problem::new(
                ProblemKind::Contended,
                format!("`{}` was changed {TRIES} times meanwhile; try again", doing.breaker),
            ),
        };
        Err(Unchanged { problem, before })
    }

    async fn read(&self) -> Result<BTreeMap<String, Snapshot>, Problem> {
        let mut reason = String::new();
        for attempt in 0..TRIES {
            pause(attempt).await;
            match self.store.read().await {
                Ok(snapshots) => return Ok(snapshots),
                Err(StoreUnavailable { reason: why }) => reason = why,
            }
        }
        let detail = format!(
            "the breakers' table did not answer ({reason}): each environment goes by what it sees itself \
             meanwhile; try again"
        );
        Err(Problem::new(ProblemKind::StoreAway, detail))
    }

    /// The queues that are not polled; `None` if the store did not answer.
    fn polling(
        &self,
        stages: Result<BTreeMap<String, PollingRecord>, StoreUnavailable>,
        snapshots: &BTreeMap<String, Snapshot>,
        now: Timestamp,
    ) -> Option<Vec<PollingView>> {
        match stages {
            Ok(stages) => {
                let settings = self.contracts.declared_dependencies().breakers();
                let known = KnownBreakers { snapshots, settings: &settings, now };
                Some(views(&stages, &known))
            }
            Err(StoreUnavailable { reason }) => {
                tracing::warn!(failure.reason = reason, "not known which queues are polled");
                None
            }
        }
    }

    /// The dependency as a contract declares it, or with the defaults. The latter is for a sink of one's own, whose
    /// settings are in its own function.
    fn dependency(&self, breaker: &str) -> Dependency {
        self.contracts.dependency(breaker)
    }

    fn settings_of(&self, breaker: &str) -> Settings {
        self.dependency(breaker).breaker
    }

    /// Refuses a name that is not known: an act on a mistyped name would seem to work and have no effect.
    fn check_known(
        &self,
        breaker: &str,
        snapshots: &BTreeMap<String, Snapshot>,
    ) -> Result<(), Problem> {
        let named = self.contracts.dependencies();
        if snapshots.contains_key(breaker) || named.contains_key(breaker) {
            return Ok(());
        }
        let mut known: Vec<String> = snapshots.keys().map(|name| format!("`{name}`")).collect();
        known.extend(named.keys().map(|name| format!("`{name}`")));
        known.sort();
        known.dedup();
        let known = match known.is_empty() {
            true => "none is known so far".to_owned(),
            false => format!("there are {}", known.join(", ")),
        };
        let detail = format!(
            "no breaker `{breaker}` is known: {known}. A breaker is known if a contract names its \
             dependency; any other, from its first failed call on, or from an act with `new`"
        );
        Err(Problem::new(ProblemKind::UnknownBreaker, detail))
    }
}

async fn pause(attempt: u32) {
    if attempt > 0 {
        tokio::time::sleep(PAUSE * attempt).await;
    }
}

#[cfg(test)]
mod tests;
