//! Fault plans: what goes wrong, where, how often and for how long.
//!
//! A plan is a list of rules in YAML, or in JSON, which is a subset of YAML:
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
//!   - fault: host-failing              # a service other than AWS's
//!     on: rates                        # one that the emulation serves, by its name
//!     status: 429
//!     retry-after: 30s
//! ```
//!
//! A name is that of a resource, or its part after the stack's name, such as `SinkQueue` for
//! `sluicegate-SinkQueue`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::{Fault, FaultTarget, Nonsense, Point};
use super::span::Span;

/// The maximum number of rules. More would slow down every request.
const MAX_RULES: usize = 256;

/// One rule of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The kind of fault.
    pub fault: Fault,
    /// The service, operation, queue, function or host that is affected. The default is `*`, which means
    /// all of them.
    #[serde(default = "everything")]
    pub on: String,
    /// For faults of requests: the calling function. `None` means any caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The probability of the fault at each occasion, from 0 to 1. The default is 1.
    #[serde(default = "always")]
    pub chance: f64,
    /// The number of occasions in each stream that pass before the first fault.
    #[serde(default)]
    pub after: u64,
    /// The maximum number of faults in each stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How long the rule is in force, on the emulation's clock, such as `30s`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// For faults with an amount of time: the maximum amount, such as `200ms`. For `host-slow` it is the
    /// exact amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Span>,
    /// For `kill`: when the environment is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Point>,
    /// For `host-failing`: the HTTP status. `None` means 503.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For `host-failing`: the value of `Retry-After`, in whole seconds.
    #[serde(default, rename = "retry-after", skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
    /// For `host-nonsense`: the kind of answer. `None` means any kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Nonsense>,
}

/// A list of rules. If several apply to an occasion, the first one decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The seed of all random decisions.
    pub seed: u64,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

/// Why a text is not a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The text is not valid YAML or has an unknown member. The message has the line and column.
    #[error("not a fault plan: {0}")]
    Malformed(String),
    /// A rule has members that do not fit its fault, or values out of range.
    #[error("fault {number} ({fault}): {problem}")]
    InvalidRule {
        /// The number of the rule, from 1.
        number: usize,
        /// The fault of the rule.
        fault: Fault,
        /// What is wrong with it.
        problem: String,
    },
    /// The plan has too many rules.
    #[error("the plan has {0} faults; the maximum is {MAX_RULES}")]
    TooMany(usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanDocument {
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
    /// Parses a plan.
    ///
    /// # Errors
    /// [`PlanError`], which names the line and column or the rule that is wrong.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let document: PlanDocument = serde_saphyr::from_str(text)
            .map_err(|error| PlanError::Malformed(error.to_string()))?;
        if document.faults.len() > MAX_RULES {
            return Err(PlanError::TooMany(document.faults.len()));
        }
        for (index, rule) in document.faults.iter().enumerate() {
            let number = index + 1;
            rule.check().map_err(|problem| PlanError::InvalidRule {
                number,
                fault: rule.fault,
                problem,
            })?;
        }
        Ok(Self { seed: document.seed, rules: document.faults })
    }
}

impl Rule {
    /// A rule that injects a fault at every occasion.
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
        let target = self.fault.target();
        if !(0.0..=1.0).contains(&self.chance) {
            return Err(format!("`chance` is {}, and must be from 0 to 1", self.chance));
        }
        if self.from.is_some() && target != FaultTarget::Requests {
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
        if target == FaultTarget::Requests && !known.contains(&service) {
            return Err(format!(
                "`on` is {}, and must be one of sqs, dynamodb, s3, secretsmanager, lambda, lambda-url \
                 and execute-api, alone or with an operation, such as sqs.SendMessage",
                self.on
            ));
        }
        Ok(())
    }

    /// The maximum amount of time of the fault.
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
