//! The rules of a contract for its dead letters. They are carried out without an operator, and the first rule that
//! applies to a letter counts.

use std::time::Duration;

use event::{Code, FailureFingerprint};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{ContractError, invalid, is_name};
use crate::{Patch, Sink, SinkKind};

/// One rule for dead letters of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct TriageRule {
    /// The letters that the rule applies to.
    pub when: TriageCause,
    /// What is done with them.
    pub then: TriageAction,
    /// How long after its last failure a letter is left alone: at most 14 days, and nothing by default.
    pub wait: Duration,
    /// How many letters are handled at a time: 1 to 100,000, and 1,000 by default.
    pub most: u32,
    /// A change of each payload before it is redriven. It is only allowed with [`TriageAction::Redrive`].
    pub fix: Option<Patch>,
}

/// The letters that a rule applies to: those that are in every list that is not empty. At least one list is not empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TriageCause {
    /// The fingerprints of failures, such as `1-0123456789abcdef`.
    pub groups: Vec<FailureFingerprint>,
    /// The codes of failures.
    pub codes: Vec<Code>,
    /// The stages that failed: `ingest`, `enrich`, `sink`, `lake`, `deliver`, or the function of a custom sink.
    pub stages: Vec<String>,
}

/// What a rule does with its letters. In the file, the names have hyphens: `redrive-when-closed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TriageAction {
    /// Redrives them once the breakers of the dataset's dependencies are closed.
    RedriveWhenClosed,
    /// Redrives them.
    Redrive,
    /// Quarantines them: no run redrives them until an operator releases them.
    Quarantine,
    /// Writes a log line for each group of letters, at most once an hour.
    Notify,
}

/// A rule as it is written in the file.
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

/// The name of a code. It is read as text, so that the message can name a code that is not known.
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
    /// The elements as a list. An empty list in the file is refused, because it could mean all letters or none.
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

/// The longest wait of a rule, which is the longest time that SQS keeps a message.
const LONGEST_WAIT: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The stages of every deployment. The functions of custom sinks are stages too.
const STAGES: [&str; 5] = ["ingest", "enrich", "sink", "lake", "deliver"];

/// Checks the rules of a contract that has these sinks.
pub(crate) fn validate(
    raw: Vec<RawRule>,
    sinks: &[Sink],
) -> Result<Vec<TriageRule>, ContractError> {
    raw.into_iter().map(|rule| rule.validate(sinks)).collect()
}

/// The first of the rules that applies to letters of this stage, code and group.
pub(crate) fn first_for<'a>(
    rules: &'a [TriageRule],
    stage: &str,
    code: Code,
    group: &FailureFingerprint,
) -> Option<&'a TriageRule> {
    rules.iter().find(|rule| rule.when.includes(stage, code, group))
}

impl TriageCause {
    /// Whether the rule applies to letters of this stage, code and group.
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

/// Whether this is a [`FailureFingerprint`]: the version of its rule, a hyphen, and 16 hexadecimal digits.
fn is_group(group: &FailureFingerprint) -> bool {
    let Some((rule, print)) = group.as_str().split_once('-') else { return false };
    rule.parse::<u32>().is_ok()
        && print.len() == 16
        && print.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_stage(stage: &str, sinks: &[Sink]) -> bool {
    STAGES.contains(&stage)
        || is_name(stage)
            && sinks.iter().any(|sink| sink.kind() == SinkKind::Custom(stage.to_owned()))
}

/// Reads a wait, which is a whole number and a unit: `s`, `m`, `h` or `d`.
fn wait(text: &str) -> Result<Duration, ContractError> {
    match seconds_of(text).map(Duration::from_secs) {
        Some(wait) if wait <= LONGEST_WAIT => Ok(wait),
        _ => {
            let problem =
                format!("`{text}` is no time such as 30s, 10m, 6h or 2d, of 14 days at most");
            Err(invalid("triage.wait", &problem))
        }
    }
}

fn seconds_of(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return None,
    };
    let number = text.strip_suffix(unit)?;
    // `parse` would accept a plus sign.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(seconds)
}

/// Reads a patch, which is a list of operations or a text with the JSON of one.
fn fix(raw: &Value) -> Result<Patch, ContractError> {
    const FIELD: &str = "triage.fix";
    let from_text = match raw {
        Value::String(text) => {
            let parsed: Result<Value, _> = serde_json::from_str(text);
            Some(parsed.map_err(|error| invalid(FIELD, &format!("malformed JSON: {error}")))?)
        }
        // YAML reads a fraction as a double, which can lose digits.
        raw if has_fraction(raw) => {
            let expected = "write it as JSON in one text, so that a fraction keeps its digits";
            return Err(invalid(FIELD, expected));
        }
        _ => None,
    };
    Patch::parse(from_text.as_ref().unwrap_or(raw))
        .map_err(|error| invalid(FIELD, &error.to_string()))
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
