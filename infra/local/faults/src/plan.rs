//! What is to go wrong: where, how often, and until when.
//!
//! A plan is a list of rules, as YAML (or JSON, which is YAML too):
//!
//! ```yaml
//! faults:
//!   - fault: lost-answer               # takes effect, and the connection breaks
//!     on: dynamodb.TransactWriteItems  # a service, or one of its operations
//!     from: SinkFunction               # only when this function calls
//!     chance: 0.1
//!   - fault: kill
//!     on: EnrichFunction
//!     at: call                         # start, taken, call, or answer
//!     after: 20                        # not the first 20 invocations
//!     times: 3
//!     for: 5m                          # from when the plan is put in force
//!   - fault: host-failing              # a service that is not AWS's
//!     on: rates                        # by its name, of those that the emulation serves
//!     status: 429
//!     retry-after: 30s
//! ```
//!
//! A name is a resource's own, or what comes after the stack's: `SinkQueue` of
//! `sluicegate-SinkQueue`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::{Fault, Nonsense, Point, Realm};
use super::span::Span;

/// More would only slow every request down.
const MAX_RULES: usize = 256;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub fault: Fault,
    /// A service or an operation, a queue, a function, or a host; everything, if not given.
    #[serde(default = "everything")]
    pub on: String,
    /// The function that calls; whoever it is, if not given. For faults of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Of 1; always, if not given.
    #[serde(default = "always")]
    pub chance: f64,
    /// So many occasions pass first, in each stream.
    #[serde(default)]
    pub after: u64,
    /// At most so often, in each stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How long it is in force, on the emulation's clock: `30s`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// The most that it amounts to, where it is an amount of time: `200ms`. Of `host-slow` what it always
    /// amounts to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Span>,
    /// For `kill`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Point>,
    /// For `host-failing`: 503, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For `host-failing`: what the answer's `Retry-After` says, in whole seconds.
    #[serde(default, rename = "retry-after", skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
    /// For `host-nonsense`: any, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Nonsense>,
}

/// The rules in force, in their order: the first that fits decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Decides when a chance is met.
    pub seed: u64,
    pub rules: Vec<Rule>,
}

/// Why a text is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// With line and column.
    #[error("not a fault plan: {0}")]
    Malformed(String),
    #[error("fault {number} ({fault}): {problem}")]
    Senseless { number: usize, fault: Fault, problem: String },
    #[error("{0} faults; there may be {MAX_RULES}")]
    TooMany(usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    seed: u64,
    faults: Vec<Rule>,
}

fn everything() -> String {
    "*".to_owned()
}

fn always() -> f64 {
    1.0
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// With the place of what is not understood, or the rule that makes no sense.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let written: Written = serde_saphyr::from_str(text)
            .map_err(|error| PlanError::Malformed(error.to_string()))?;
        if written.faults.len() > MAX_RULES {
            return Err(PlanError::TooMany(written.faults.len()));
        }
        for (index, rule) in written.faults.iter().enumerate() {
            let number = index + 1;
            rule.check().map_err(|problem| PlanError::Senseless {
                number,
                fault: rule.fault,
                problem,
            })?;
        }
        Ok(Self { seed: written.seed, rules: written.faults })
    }
}

impl Rule {
    /// A fault of everything, always.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        let (on, chance) = (everything(), always());
        Self {
            fault,
            on,
            from: None,
            chance,
            after: 0,
            times: None,
            lasts: None,
            by: None,
            at: None,
            status: None,
            retry_after: None,
            answer: None,
        }
    }

    fn check(&self) -> Result<(), String> {
        let realm = self.fault.realm();
        if !(0.0..=1.0).contains(&self.chance) {
            return Err(format!("`chance` is {}, and must be from 0 to 1", self.chance));
        }
        if self.from.is_some() && realm != Realm::Requests {
            return Err("`from` is for faults of requests".to_owned());
        }
        if self.by.is_some() && self.fault.default_amount().is_none() {
            return Err("`by` is for slow, twice, late, clock-skew and host-slow".to_owned());
        }
        if self.at.is_some() && self.fault != Fault::Kill {
            return Err("`at` is for kill".to_owned());
        }
        let is_answered = self.status.is_some() || self.retry_after.is_some();
        if is_answered && self.fault != Fault::HostFailing {
            return Err("`status` and `retry-after` are for host-failing".to_owned());
        }
        if let Some(status) = self.status.filter(|status| !(400..=599).contains(status)) {
            return Err(format!("`status` is {status}, and must be from 400 to 599"));
        }
        if self.answer.is_some() && self.fault != Fault::HostNonsense {
            return Err("`answer` is for host-nonsense".to_owned());
        }
        let known =
            ["*", "sqs", "dynamodb", "s3", "secretsmanager", "lambda", "lambda-url", "execute-api"];
        let service = self.on.split('.').next().unwrap_or_default();
        if realm == Realm::Requests && !known.contains(&service) {
            return Err(format!(
                "`on` is {}, and must be one of sqs, dynamodb, s3, secretsmanager, lambda, lambda-url \
                 and execute-api, alone or with an operation, such as sqs.SendMessage",
                self.on
            ));
        }
        Ok(())
    }

    /// Up to how much, where the fault is an amount of time.
    pub(super) fn amount(&self) -> Duration {
        let given = self.by.map(|Span(by)| by);
        given.or(self.fault.default_amount()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_says_what_where_how_often_and_until_when() {
        let plan = Plan::parse(
            "seed: 7\nfaults:\n  - {fault: kill, on: SinkFunction, at: call, chance: 0.5, after: 2, \
             times: 3, for: 5m}\n  - fault: lost-answer\n  - {fault: host-failing, on: weather, \
             status: 429, retry-after: 30s}\n  - {fault: host-nonsense, answer: wrong-coding}\n",
        )
        .unwrap();
        let kill = Rule {
            on: "SinkFunction".to_owned(),
            at: Some(Point::Call),
            chance: 0.5,
            after: 2,
            times: Some(3),
            lasts: Some(Span(Duration::from_secs(300))),
            ..Rule::new(Fault::Kill)
        };
        let failing = Rule {
            on: "weather".to_owned(),
            status: Some(429),
            retry_after: Some(Span(Duration::from_secs(30))),
            ..Rule::new(Fault::HostFailing)
        };
        let nonsense =
            Rule { answer: Some(Nonsense::WrongCoding), ..Rule::new(Fault::HostNonsense) };
        let rules = vec![kill, Rule::new(Fault::LostAnswer), failing, nonsense];
        assert_eq!(plan, Plan { seed: 7, rules });
        // As it is shown, it can be read again.
        let shown = serde_json::json!({"seed": 7, "faults": plan.rules}).to_string();
        assert_eq!(Plan::parse(&shown), Ok(plan));
    }

    #[test]
    fn the_sample_plan_can_be_read() {
        let sample = include_str!("../../../../events/faults.yaml");
        let plan = Plan::parse(sample).unwrap();
        assert_eq!((plan.seed, plan.rules.len()), (7, 5));
        // The faults that its comment names are all that there are.
        let all = Plan::storm(0).rules.into_iter().map(|rule| rule.fault.to_string());
        let of_hosts =
            ["host-away", "host-slow", "host-failing", "host-nonsense"].map(str::to_owned);
        assert!(all.chain(of_hosts).all(|fault| sample.contains(&fault)));
    }

    #[track_caller]
    fn check_refused(rule: &str, about: &str) {
        let error = Plan::parse(&format!("faults:\n  - {rule}\n")).unwrap_err().to_string();
        assert!(error.contains(about), "{error}");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        check_refused("fault: throtle", "line 2");
        check_refused("{fault: slow, chanse: 1}", "chanse");
        check_refused("{fault: slow, chance: 1.5}", "from 0 to 1");
        check_refused("{fault: slow, by: 5 minutes}", "200ms, 30s or 5m");
        check_refused("{fault: slow, by: 99h}", "up to 12h");
        check_refused("{fault: error, by: 5s}", "`by` is for");
        check_refused("{fault: error, at: call}", "`at` is for kill");
        check_refused("{fault: late, from: SinkFunction}", "`from` is for");
        check_refused("{fault: error, on: SinkQueue}", "must be one of sqs");
        check_refused("{fault: host-away, from: SinkFunction}", "`from` is for");
        check_refused("{fault: host-away, by: 5s}", "`by` is for");
        check_refused("{fault: host-away, status: 500}", "are for host-failing");
        check_refused("{fault: host-slow, retry-after: 5s}", "are for host-failing");
        check_refused("{fault: host-failing, status: 200}", "from 400 to 599");
        check_refused("{fault: host-failing, answer: html}", "`answer` is for");
        check_refused("{fault: host-nonsense, answer: xml}", "xml");
        let many = format!("faults: [{}]", "{fault: error},".repeat(MAX_RULES + 1));
        assert_eq!(Plan::parse(&many), Err(PlanError::TooMany(MAX_RULES + 1)));
    }
}
