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
//! ```
//!
//! A name is a resource's own, or what comes after the stack's: `SinkQueue` of
//! `sluicegate-SinkQueue`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// More would only slow every request down.
const MAX_RULES: usize = 256;
/// Longer than any fault that is of use.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A request is refused with the service's throttling error.
    Throttle,
    /// A request is answered with the service's 5xx, and has no effect.
    Error,
    /// A request's connection breaks before it has an effect.
    Reset,
    /// A request takes effect, and its connection breaks instead of an answer.
    LostAnswer,
    /// A request waits, up to `by`, before it is looked at.
    Slow,
    /// Some entries of a batch fail at the service's fault.
    Partial,
    /// The answer to a batch leaves some entries out; each of them was done, or was not.
    Unlisted,
    /// A transaction, or a write, meets another one.
    Conflict,
    /// A request is refused because its credentials have expired.
    ExpiredCredentials,
    /// A standard queue delivers a message again, up to `by` later, whatever becomes of the first.
    Twice,
    /// A message arrives in a standard queue up to `by` later than it was sent.
    Late,
    /// A standard queue puts a message before older ones, or behind newer ones.
    Disorder,
    /// A receive gives fewer messages than there are.
    Short,
    /// An environment of a function is killed, `at` some point.
    Kill,
    /// An environment's clock is wrong by up to `by`, before or behind.
    ClockSkew,
}

/// Of what a fault befalls, and so what `on` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Realm {
    Requests,
    Queues,
    Functions,
}

/// When an environment is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Before it asks for work.
    Start,
    /// As soon as it has its work.
    Taken,
    /// After one of its first ten calls has taken effect, before it has the answer.
    Call,
    /// When it has answered, before anybody heard it.
    Answer,
}

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub fault: Fault,
    /// A service or an operation, a queue, or a function; everything, if not given.
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
    /// The most that it amounts to, where it is an amount of time: `200ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Span>,
    /// For `kill`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Point>,
}

/// A duration as text: `200ms`, `30s`, `5m`, `2h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub Duration);

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
            return Err("`by` is for slow, twice, late and clock-skew".to_owned());
        }
        if self.at.is_some() && self.fault != Fault::Kill {
            return Err("`at` is for kill".to_owned());
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

impl Fault {
    pub(super) fn realm(self) -> Realm {
        match self {
            Self::Throttle
            | Self::Error
            | Self::Reset
            | Self::LostAnswer
            | Self::Slow
            | Self::Partial
            | Self::Unlisted
            | Self::Conflict
            | Self::ExpiredCredentials => Realm::Requests,
            Self::Twice | Self::Late | Self::Disorder | Self::Short => Realm::Queues,
            Self::Kill | Self::ClockSkew => Realm::Functions,
        }
    }

    /// Up to how much, if the rule does not say.
    fn default_amount(self) -> Option<Duration> {
        match self {
            Self::Slow => Some(Duration::from_millis(200)),
            Self::Twice => Some(Duration::from_secs(60)),
            Self::Late => Some(Duration::from_secs(10)),
            Self::ClockSkew => Some(Duration::from_secs(120)),
            _ => None,
        }
    }
}

/// As it is written.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit {
            "ms" => Some(1),
            "s" => Some(1_000),
            "m" => Some(60_000),
            "h" => Some(3_600_000),
            _ => None,
        };
        let number = number.parse::<u64>().ok();
        let span = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        let span = span.map(Duration::from_millis).filter(|span| *span <= LONGEST);
        span.map(Self)
            .ok_or_else(|| format!("`{text}` is no duration up to 12h, such as 200ms, 30s or 5m"))
    }
}

impl From<Span> for String {
    fn from(Span(span): Span) -> Self {
        let ms = span.as_millis();
        match ms {
            0 => "0s".to_owned(),
            _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
            _ if ms.is_multiple_of(1_000) => format!("{}s", ms / 1_000),
            _ => format!("{ms}ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_says_what_where_how_often_and_until_when() {
        let plan = Plan::parse(
            "seed: 7\nfaults:\n  - {fault: kill, on: SinkFunction, at: call, chance: 0.5, after: 2, \
             times: 3, for: 5m}\n  - fault: lost-answer\n",
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
        assert_eq!(plan, Plan { seed: 7, rules: vec![kill, Rule::new(Fault::LostAnswer)] });
        // As it is shown, it can be read again.
        let shown = serde_json::json!({"seed": 7, "faults": plan.rules}).to_string();
        assert_eq!(Plan::parse(&shown), Ok(plan));
    }

    #[test]
    fn the_sample_plan_can_be_read() {
        let sample = include_str!("../../../../events/faults.yaml");
        let plan = Plan::parse(sample).unwrap();
        assert_eq!((plan.seed, plan.rules.len()), (7, 4));
        // The faults that its comment names are all that there are.
        let all = Plan::storm(0).rules.into_iter().map(|rule| rule.fault.to_string());
        assert!(all.into_iter().all(|fault| sample.contains(&fault)));
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
        let many = format!("faults: [{}]", "{fault: error},".repeat(MAX_RULES + 1));
        assert_eq!(Plan::parse(&many), Err(PlanError::TooMany(MAX_RULES + 1)));
    }

    #[track_caller]
    fn check_span(text: &str, shown: &str) {
        assert_eq!(String::from(Span::try_from(text.to_owned()).unwrap()), shown);
    }

    #[test]
    fn a_duration_is_shown_as_it_is_written() {
        check_span("200ms", "200ms");
        check_span("1000ms", "1s");
        check_span("90s", "90s");
        check_span("120s", "2m");
        check_span("2h", "2h");
        check_span("0s", "0s");
    }
}
