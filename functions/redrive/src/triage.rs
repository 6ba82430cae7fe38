//! Carries out the rules that contracts have for their dead letters.
//!
//! Once a minute, one invocation goes through all dead letters, and finds for each the first rule that matches its
//! cause. Then each rule that has found letters acts. A rule can do what an operator can do: it plans and begins a run,
//! which has a pace and stops itself as any other run does, and each act has its entries in the audit log.

mod acts;
mod control;

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::{Contract, TriageAction, TriageRule};
use event::{FailureFingerprint, Timestamp};
use letters::{Indexed, Selection};
use runtime::Deadline;
use serde_json::{Value, json};

use crate::function::Redrive;
use crate::listings::Cursor;
use crate::ports::Ports;
use crate::problem::Problem;

/// The time that the invocation must have left to look at more letters, and to begin an act.
const RESERVE_TO_LOOK: Duration = Duration::from_secs(60);
const RESERVE_TO_ACT: Duration = Duration::from_secs(30);

/// How often a letter may have been redriven, by rules or by operators, before a rule redrives it. A letter that has
/// come back from two redrives is left to operators.
const MOST_REDRIVES: u32 = 1;

/// One rule of a contract.
#[derive(Clone, Copy)]
struct Rule<'a> {
    contract: &'a Contract,
    /// Its position in the contract, counted from 1.
    number: usize,
    rule: &'a TriageRule,
}

/// What a rule needs of the letters that it is for.
#[derive(Default)]
struct Found {
    letters: u64,
    /// The number of letters in each group, for a rule that notifies.
    groups: BTreeMap<FailureFingerprint, u64>,
    /// The letters themselves, for a rule that quarantines.
    indexed: Vec<Indexed>,
}

impl Rule<'_> {
    /// The rule's name for people, which is also the reason of its runs.
    fn name(&self) -> String {
        let action = match self.rule.then {
            TriageAction::RedriveWhenClosed => "redrive-when-closed",
            TriageAction::Redrive => "redrive",
            TriageAction::Quarantine => "quarantine",
            TriageAction::Notify => "notify",
        };
        format!("rule {} of the contract {}: {action}", self.number, self.contract.dataset)
    }

    /// Selects the letters that the rule may be for, by what the index has of them. An earlier rule may be for some of
    /// them.
    fn selection(&self, now: Timestamp) -> Selection {
        let when = &self.rule.when;
        Selection {
            datasets: vec![self.contract.dataset.clone()],
            groups: when.groups.clone(),
            codes: when.codes.clone(),
            stages: when.stages.clone(),
            failed_before: Some(now.minus(self.rule.wait)),
            most_redrives: self.is_of_redrives().then_some(MOST_REDRIVES),
            ..Selection::default()
        }
    }

    fn is_of_redrives(&self) -> bool {
        match self.rule.then {
            TriageAction::Redrive | TriageAction::RedriveWhenClosed => true,
            TriageAction::Quarantine | TriageAction::Notify => false,
        }
    }

    /// Whether this is the first rule of its contract for a letter.
    fn is_first_for(&self, indexed: &Indexed) -> bool {
        let entry = &indexed.entry;
        let first = self.contract.rule_for(&entry.stage, entry.code, &entry.group);
        first.is_some_and(|first| std::ptr::eq(first, self.rule))
    }
}

impl Found {
    fn add(&mut self, rule: &TriageRule, indexed: Indexed) {
        self.letters += 1;
        match rule.then {
            TriageAction::Notify => {
                *self.groups.entry(indexed.entry.group).or_default() += 1;
            }
            TriageAction::Quarantine if self.letters <= u64::from(rule.most) => {
                self.indexed.push(indexed);
            }
            TriageAction::Quarantine | TriageAction::Redrive | TriageAction::RedriveWhenClosed => {}
        }
    }
}

impl<P: Ports> Redrive<P> {
    /// Carries out the rules, and returns what each of them did; null if it is not time for a round.
    pub(crate) async fn triage(&self, deadline: &Deadline) -> Value {
        let rules = self.rules();
        if rules.is_empty() || deadline.remaining() < RESERVE_TO_LOOK {
            return Value::Null;
        }
        match self.round(&rules, deadline).await {
            Ok(acts) => json!(acts),
            Err(problem) => {
                tracing::error!(failure.reason = problem.detail, "a round of triage is not done");
                Value::Null
            }
        }
    }

    fn rules(&self) -> Vec<Rule<'_>> {
        let mut rules = Vec::new();
        for contract in self.contracts.iter() {
            for (index, rule) in contract.triage.iter().enumerate() {
                rules.push(Rule { contract, number: index + 1, rule });
            }
        }
        rules
    }

    async fn round(
        &self,
        rules: &[Rule<'_>],
        deadline: &Deadline,
    ) -> Result<Option<Vec<Value>>, Problem> {
        let (now, name) = (self.ports.now(), self.ports.unique_name());
        let ends_at = now.plus(deadline.remaining());
        let began = self.change_control(|control| control.begin_round(&name, now, ends_at)).await?;
        if began.is_none() {
            return Ok(None);
        }
        let acts = self.go_through(rules, now, deadline).await;
        if let Err(problem) = self.change_control(|control| control.end_round(&name)).await {
            let reason = problem.detail;
            tracing::warn!(failure.reason = reason, "the next round waits for this one's time");
        }
        acts.map(Some)
    }

    async fn go_through(
        &self,
        rules: &[Rule<'_>],
        now: Timestamp,
        deadline: &Deadline,
    ) -> Result<Vec<Value>, Problem> {
        let found = self.find_letters(rules, now, deadline).await?;
        let mut acts = Vec::new();
        for (rule, found) in rules.iter().zip(found) {
            if found.letters == 0 {
                continue;
            }
            if deadline.remaining() < RESERVE_TO_ACT || self.control().await?.halt.is_some() {
                break;
            }
            match self.act(rule, found, now).await {
                Ok(act) => acts.extend(act),
                // The other rules are carried out all the same, since they are for other letters.
                Err(problem) => tracing::error!(
                    rule = rule.name(),
                    failure.reason = problem.detail,
                    "a rule is not carried out"
                ),
            }
        }
        Ok(acts)
    }

    /// The dead letters that each rule is for. If time runs out, only a part of all dead letters is looked at.
    async fn find_letters(
        &self,
        rules: &[Rule<'_>],
        now: Timestamp,
        deadline: &Deadline,
    ) -> Result<Vec<Found>, Problem> {
        let selections: Vec<Selection> = rules.iter().map(|rule| rule.selection(now)).collect();
        let mut found: Vec<Found> = rules.iter().map(|_| Found::default()).collect();
        let mut cursor = Cursor::START;
        while deadline.remaining() >= RESERVE_TO_LOOK {
            let Some(page) = self.next_chosen(&Selection::default(), now, &mut cursor).await?
            else {
                break;
            };
            for indexed in page {
                let place = rules.iter().zip(&selections).position(|(rule, selection)| {
                    selection.includes(&indexed) && rule.is_first_for(&indexed)
                });
                if let Some(place) = place {
                    found[place].add(rules[place].rule, indexed);
                }
            }
        }
        Ok(found)
    }
}
