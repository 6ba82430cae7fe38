//! The options that select letters.

use std::time::Duration;

use clap::ValueEnum;
use event::{Code, FailureFingerprint, Timestamp};
use letters::{LetterId, LetterStateName, PointedValue, Selection};
use serde_json::Value;

use super::edit_distance::distance;
use crate::options::parse_duration;

/// The letters to act on: those that match every given option, or all dead letters if none is given.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(
    next_help_heading = "Selecting letters (those that match every option, by any of its values)"
)]
pub(crate) struct SelectionArgs {
    /// The id of a letter; can be given several times
    #[arg(long, value_name = "ID")]
    letter: Vec<String>,
    /// The stage, such as sink; can be given several times
    #[arg(long, value_name = "NAME")]
    stage: Vec<String>,
    /// The group of failures of one cause, as `dlq groups` shows it
    #[arg(long, value_name = "ID", value_parser = group)]
    group: Vec<FailureFingerprint>,
    /// The code of the failure, such as contract.violation
    #[arg(long, value_name = "CODE", value_parser = code)]
    code: Vec<Code>,
    /// The dataset
    #[arg(long, value_name = "NAME")]
    dataset: Vec<String>,
    /// The tenant, if the contract of the dataset says how to find it
    #[arg(long, value_name = "NAME")]
    tenant: Vec<String>,
    /// The version of the contract that the event was checked against
    #[arg(long, value_name = "N")]
    contract_version: Vec<u32>,
    /// The last failure is at most this old, such as 2h, or not before this time, such as 2026-11-29T06:00:00Z
    #[arg(long, value_name = "AGE|TIME", value_parser = when)]
    since: Option<TimeOrAge>,
    /// The last failure is older than this, such as 10m, or before this time
    #[arg(long, value_name = "AGE|TIME", value_parser = when)]
    until: Option<TimeOrAge>,
    /// The letter was redriven at least this often
    #[arg(long, value_name = "N")]
    redrives_from: Option<u32>,
    /// The letter was redriven at most this often
    #[arg(long, value_name = "N")]
    redrives_to: Option<u32>,
    /// The run that redrove the letter before it came back
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// A value in the payload, such as /carrier=UA; it is JSON if it parses as that, and text otherwise
    #[arg(long = "where", value_name = "/POINTER=VALUE", value_parser = pointed)]
    value: Option<PointedValue>,
    /// The state [default: dead; quarantined for release; discarded for restore]
    #[arg(long, value_enum, value_name = "STATE")]
    state: Option<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    /// The letter waits for an operator
    Dead,
    /// The letter came back too often
    Quarantined,
    /// An operator has discarded the letter
    Discarded,
    /// A run has sent the letter, and it has not come back
    Redriven,
}

/// A point in time, or an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeOrAge {
    Ago(Duration),
    At(Timestamp),
}

impl TimeOrAge {
    pub(crate) fn time(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(age) => now.minus(age),
            Self::At(time) => time,
        }
    }
}

impl SelectionArgs {
    /// Whether no option but the state is given, so that all letters in it are selected.
    pub(crate) fn is_everything(&self, now: Timestamp) -> bool {
        Selection { state: None, ..self.selection(now) } == Selection::default()
    }

    /// The stages that are named.
    pub(super) fn stages(&self) -> &[String] {
        &self.stage
    }

    /// The datasets that are named.
    pub(super) fn datasets(&self) -> &[String] {
        &self.dataset
    }

    /// The selection as the function reads it.
    pub(crate) fn selection(&self, now: Timestamp) -> Selection {
        Selection {
            letters: self.letter.iter().cloned().map(LetterId).collect(),
            stages: self.stage.clone(),
            groups: self.group.clone(),
            codes: self.code.clone(),
            datasets: self.dataset.clone(),
            tenants: self.tenant.clone(),
            contract_versions: self.contract_version.clone(),
            failed_from: self.since.map(|since| since.time(now)),
            failed_before: self.until.map(|until| until.time(now)),
            fewest_redrives: self.redrives_from,
            most_redrives: self.redrives_to,
            run: self.run.clone(),
            value: self.value.clone(),
            state: self.state.map(|state| match state {
                State::Dead => LetterStateName::Dead,
                State::Quarantined => LetterStateName::Quarantined,
                State::Discarded => LetterStateName::Discarded,
                State::Redriven => LetterStateName::Redriven,
            }),
        }
    }
}

/// An age such as `2h`, or a time.
pub(crate) fn when(text: &str) -> Result<TimeOrAge, String> {
    if let Ok(age) = parse_duration(text) {
        return Ok(TimeOrAge::Ago(age));
    }
    text.parse().map(TimeOrAge::At).map_err(|_| {
        "expected an age such as 10m, 2h or 3d, or a time such as 2026-11-29T06:00:00Z".to_owned()
    })
}

pub(super) fn group(text: &str) -> Result<FailureFingerprint, String> {
    let is_one = text.split_once('-').is_some_and(|(rule, digits)| {
        !rule.is_empty()
            && rule.chars().all(|c| c.is_ascii_digit())
            && digits.len() == 16
            && digits.chars().all(|c| c.is_ascii_hexdigit())
    });
    let group = is_one.then(|| serde_json::from_value(Value::from(text)).ok()).flatten();
    group.ok_or_else(|| {
        "expected a group's id such as 1-d7fbe72759a91ea3; `sluicegate dlq groups` shows them"
            .to_owned()
    })
}

fn code(text: &str) -> Result<Code, String> {
    if let Some(code) = Code::ALL.iter().find(|code| code.as_str() == text) {
        return Ok(*code);
    }
    let near = near(text);
    let known = match near.is_empty() {
        true => "`sluicegate dlq groups` shows which there are".to_owned(),
        false => format!("did you mean {}?", near.join(" or ")),
    };
    Err(format!("there is no such code; {known}"))
}

/// Codes with a similar spelling, the nearest first.
fn near(text: &str) -> Vec<&'static str> {
    const MOST: usize = 5;
    let mut near: Vec<(usize, &str)> = Vec::new();
    for code in Code::ALL {
        let code = code.as_str();
        let distance = distance(text, code);
        let shares_a_part = code.split('.').any(|part| text.split('.').any(|it| it == part));
        if distance <= 2 + code.len() / 4 {
            near.push((distance, code));
        } else if shares_a_part {
            near.push((code.len() + distance, code));
        }
    }
    near.sort_unstable();
    near.truncate(MOST);
    near.into_iter().map(|(_, code)| code).collect()
}

/// `/pointer=VALUE`: the value is JSON if it can be read as that, else a text.
fn pointed(text: &str) -> Result<PointedValue, String> {
    let expected = "expected a JSON Pointer and a value, such as /carrier=UA or /legs/0/miles=2475";
    let (pointer, value) = text.split_once('=').ok_or(expected)?;
    let is_escaped = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if !(pointer.is_empty() || pointer.starts_with('/')) || !is_escaped {
        return Err(expected.to_owned());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok(PointedValue { pointer: pointer.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use serde_json::json;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Words {
        #[command(flatten)]
        chosen: SelectionArgs,
    }

    fn selection(words: &[&str]) -> Selection {
        let words = Words::try_parse_from(["dlq"].iter().chain(words)).unwrap();
        words.chosen.selection("2026-11-29T03:00:00Z".parse().unwrap())
    }

    #[track_caller]
    fn check(words: &[&str], expected: Value) {
        let selection = selection(words);
        assert_eq!(json!(selection), expected, "{words:?}");
        let read: Selection = serde_json::from_value(expected).unwrap();
        assert_eq!(read, selection);
    }

    #[test]
    fn each_option_is_a_member_of_the_selection() {
        let group = "1-d7fbe72759a91ea3";
        for (words, expected) in [
            (vec![], json!({})),
            (vec!["--letter", "a1", "--letter", "b2"], json!({ "letters": ["a1", "b2"] })),
            (vec!["--stage", "sink", "--stage", "lake"], json!({ "stages": ["sink", "lake"] })),
            (vec!["--group", group], json!({ "groups": [group] })),
            (vec!["--code", "decode.json"], json!({ "codes": ["decode.json"] })),
            (vec!["--dataset", "flights"], json!({ "datasets": ["flights"] })),
            (vec!["--tenant", "UA"], json!({ "tenants": ["UA"] })),
            (vec!["--contract-version", "2"], json!({ "contract_versions": [2] })),
            (vec!["--since", "2h"], json!({ "failed_from": "2026-11-29T01:00:00.000Z" })),
            (
                vec!["--since", "2026-11-28T06:00:00+01:00"],
                json!({ "failed_from": "2026-11-28T05:00:00.000Z" }),
            ),
            (vec!["--until", "10m"], json!({ "failed_before": "2026-11-29T02:50:00.000Z" })),
            (
                vec!["--redrives-from", "1", "--redrives-to", "3"],
                json!({ "fewest_redrives": 1, "most_redrives": 3 }),
            ),
            (vec!["--run", "r-1"], json!({ "run": "r-1" })),
            (vec!["--state", "quarantined"], json!({ "state": "quarantined" })),
            (vec!["--state", "redriven"], json!({ "state": "redriven" })),
        ] {
            check(&words, expected);
        }
    }

    #[test]
    fn a_state_alone_chooses_everything_in_it() {
        let now = "2026-11-29T03:00:00Z".parse().unwrap();
        for (words, is_everything) in [
            (vec![], true),
            (vec!["--state", "dead"], true),
            (vec!["--stage", "sink"], false),
            (vec!["--until", "10m"], false),
            (vec!["--redrives-to", "3"], false),
            (vec!["--where", "/carrier=UA"], false),
            (vec!["--state", "dead", "--letter", "a1"], false),
        ] {
            let parsed = Words::try_parse_from(["dlq"].iter().chain(&words)).unwrap();
            assert_eq!(parsed.chosen.is_everything(now), is_everything, "{words:?}");
        }
    }

    #[test]
    fn a_value_is_json_or_else_a_text() {
        for (text, pointer, value) in [
            ("/carrier=UA", "/carrier", json!("UA")),
            ("/miles=2475", "/miles", json!(2475)),
            ("/carrier=\"1\"", "/carrier", json!("1")),
            ("/gone=null", "/gone", json!(null)),
            ("/a~1b/0=x=y", "/a~1b/0", json!("x=y")),
            ("=3", "", json!(3)),
            ("/empty=", "/empty", json!("")),
        ] {
            check(&["--where", text], json!({ "value": { "pointer": pointer, "value": value } }));
        }
        let value = selection(&["--where", "/a=1.00000000000000000001"]).value.unwrap().value;
        assert_eq!(value.to_string(), "1.00000000000000000001");
    }

    #[test]
    fn mistakes_are_told_with_what_would_be_right() {
        for (words, about) in [
            (["--code", "contract.violated"], "did you mean contract.violation or "),
            (["--code", "decode.jsn"], "did you mean decode.json"),
            (["--code", "dependency"], "dependency.unavailable"),
            (["--code", "zzzzzzzzzzzzzzzzzzzzzz"], "dlq groups"),
            (["--group", "1-xyz"], "1-d7fbe72759a91ea3"),
            (["--since", "yesterday"], "such as 10m"),
            (["--until", "2026-13-01"], "2026-11-29T06:00:00Z"),
            (["--where", "carrier=UA"], "/carrier=UA"),
            (["--where", "/carrier"], "/carrier=UA"),
            (["--where", "/a~2=1"], "JSON Pointer"),
            (["--state", "gone"], "dead, quarantined, discarded, redriven"),
            (["--contract-version", "one"], "invalid digit"),
        ] {
            let error = Words::try_parse_from(["dlq"].iter().chain(&words)).unwrap_err();
            let message = error.to_string();
            assert!(message.contains(about), "{message}");
        }
    }
}
