//! What becomes of dead letters without an operator: a contract's rules, the first of which that applies counts.

use std::time::Duration;

use event::{Code, FailureFingerprint};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{ContractError, invalid, is_name};
use crate::{Patch, Sink, SinkKind};

/// One rule for letters of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct TriageRule {
    pub when: TriageCause,
    pub then: TriageAction,
    /// How long after a letter failed last.
    pub wait: Duration,
    /// For how many letters at a time, 1 to 100,000.
    pub most: u32,
    /// What is changed in each payload.
    pub fix: Option<Patch>,
}

/// Which letters a rule is for: those that every list lets through. An empty one lets through all; one at least is
/// not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TriageCause {
    pub groups: Vec<FailureFingerprint>,
    pub codes: Vec<Code>,
    pub stages: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TriageAction {
    /// As soon as the breakers of what the stage calls are closed.
    RedriveWhenClosed,
    Redrive,
    Quarantine,
    Notify,
}

/// A rule, as it is in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    when: RawCause,
    then: TriageAction,
    wait: Option<String>,
    #[serde(default = "default_most")]
    most: u32,
    fix: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCause {
    group: Option<OneOrMore<FailureFingerprint>>,
    code: Option<OneOrMore<CodeName>>,
    stage: Option<OneOrMore<String>>,
}

/// A code by its name, with the one that is not known in the message.
#[derive(Deserialize)]
#[serde(transparent)]
struct CodeName(String);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    /// An empty list would let through all, or none: who writes it means something else.
    fn list(this: Option<Self>) -> Result<Vec<T>, ContractError> {
        match this {
            None => Ok(Vec::new()),
            Some(Self::One(one)) => Ok(vec![one]),
            Some(Self::More(more)) if more.is_empty() => {
                Err(invalid("triage.when", "a list without anything in it"))
            }
            Some(Self::More(more)) => Ok(more),
        }
    }
}

fn default_most() -> u32 {
    1_000
}

const MOST_LETTERS: u32 = 100_000;

/// A letter that waits longer than this is nobody's to wait for: what SQS keeps a message for.
const LONGEST_WAIT: Duration = Duration::from_secs(14 * 24 * 60 * 60);

const STAGES: [&str; 5] = ["ingest", "enrich", "sink", "lake", "deliver"];

/// The rules of a contract with these sinks, checked.
pub(crate) fn validate(
    raw: Vec<RawRule>,
    sinks: &[Sink],
) -> Result<Vec<TriageRule>, ContractError> {
    raw.into_iter().map(|rule| rule.validate(sinks)).collect()
}

/// The first of the rules that is for letters of this cause.
pub(crate) fn first_for<'a>(
    rules: &'a [TriageRule],
    stage: &str,
    code: Code,
    group: &FailureFingerprint,
) -> Option<&'a TriageRule> {
    rules.iter().find(|rule| rule.when.includes(stage, code, group))
}

impl TriageCause {
    #[must_use]
    pub fn includes(&self, stage: &str, code: Code, group: &FailureFingerprint) -> bool {
        let Self { groups, codes, stages } = self;
        (groups.is_empty() || groups.contains(group))
            && (codes.is_empty() || codes.contains(&code))
            && (stages.is_empty() || stages.iter().any(|it| it == stage))
    }
}

impl RawRule {
    fn validate(self, sinks: &[Sink]) -> Result<TriageRule, ContractError> {
        let when = self.when.validate(sinks)?;
        let wait = self.wait.as_deref().map_or(Ok(Duration::ZERO), wait)?;
        if !(1..=MOST_LETTERS).contains(&self.most) {
            return Err(invalid("triage.most", "from 1 to 100000 letters"));
        }
        if self.fix.is_some() && self.then != TriageAction::Redrive {
            return Err(invalid("triage.fix", "only with `then: redrive`"));
        }
        let fix = self.fix.as_ref().map(fix).transpose()?;
        Ok(TriageRule { when, then: self.then, wait, most: self.most, fix })
    }
}

impl RawCause {
    fn validate(self, sinks: &[Sink]) -> Result<TriageCause, ContractError> {
        let groups = OneOrMore::list(self.group)?;
        if let Some(group) = groups.iter().find(|group| !is_group(group)) {
            let problem = format!("`{group}` is no group such as 1-0123456789abcdef");
            return Err(invalid("triage.when.group", &problem));
        }
        let stages = OneOrMore::list(self.stage)?;
        if let Some(stage) = stages.iter().find(|stage| !is_stage(stage, sinks)) {
            let problem = format!(
                "`{stage}` is none of {}, and no sink of one's own that this contract has",
                STAGES.join(", ")
            );
            return Err(invalid("triage.when.stage", &problem));
        }
        let codes = OneOrMore::list(self.code)?;
        let codes: Result<Vec<Code>, _> = codes.iter().map(code).collect();
        let when = TriageCause { groups, codes: codes?, stages };
        if when == TriageCause::default() {
            return Err(invalid("triage.when", "at least one of group, code and stage"));
        }
        Ok(when)
    }
}

fn code(CodeName(name): &CodeName) -> Result<Code, ContractError> {
    let found = Code::ALL.iter().find(|code| code.as_str() == name);
    found.copied().ok_or_else(|| {
        invalid(
            "triage.when.code",
            &format!("`{name}` is no code of a failure, such as dedupe.conflict"),
        )
    })
}

/// As [`FailureFingerprint`] says: the version of its rule, a hyphen, and 16 hexadecimal digits.
fn is_group(group: &FailureFingerprint) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    group.as_str().split_once('-').is_some_and(|(rule, print)| {
        rule.parse::<u32>().is_ok() && print.len() == 16 && print.bytes().all(is_digit)
    })
}

fn is_stage(stage: &str, sinks: &[Sink]) -> bool {
    let is_own = |sink: &Sink| matches!(sink.kind(), SinkKind::Custom(by) if by == stage);
    STAGES.contains(&stage) || is_name(stage) && sinks.iter().any(is_own)
}

/// A whole number and `s`, `m`, `h` or `d`.
fn wait(text: &str) -> Result<Duration, ContractError> {
    let refused = || {
        let problem = format!("`{text}` is no time such as 30s, 10m, 6h or 2d, of 14 days at most");
        invalid("triage.wait", &problem)
    };
    let unit = text.chars().last().ok_or_else(refused)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(refused()),
    };
    let number = text.strip_suffix(unit).unwrap_or_default();
    let is_whole = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: Option<u64> = if is_whole { number.parse().ok() } else { None };
    let wait = number.and_then(|number| number.checked_mul(seconds)).map(Duration::from_secs);
    wait.filter(|wait| *wait <= LONGEST_WAIT).ok_or_else(refused)
}

/// A list of operations, or its JSON as a text.
fn fix(raw: &Value) -> Result<Patch, ContractError> {
    let refused = |problem: &str| invalid("triage.fix", problem);
    let from_text = match raw {
        Value::String(text) => {
            let parsed: Result<Value, _> = serde_json::from_str(text);
            Some(parsed.map_err(|error| refused(&format!("malformed JSON: {error}")))?)
        }
        // YAML reads a fraction as a double, which has not all of its digits.
        raw if has_fraction(raw) => {
            return Err(refused(
                "write it as JSON in one text, so that a fraction keeps its digits",
            ));
        }
        _ => None,
    };
    Patch::parse(from_text.as_ref().unwrap_or(raw)).map_err(|error| refused(&error.to_string()))
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_str().contains(['.', 'e', 'E']),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(members) => members.values().any(has_fraction),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
