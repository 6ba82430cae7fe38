//! `sluicegate local faults`: the faults that a running emulation injects.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use bytes::Bytes;
use emulation::faults::Plan;
use emulation::server::FAULTS;
use http::Method;
use runtime::env::Process;
use serde_json::Value;

use super::args::FaultsVerb;
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::options::read_plan;
use crate::output::Output;
use crate::output::text::group_digits;

pub(super) async fn run(verb: FaultsVerb, output: &Output) -> Result<ExitCode, Failure> {
    let result = match verb {
        FaultsVerb::List(at) => {
            let endpoint = Endpoint::of(&at.pipeline(), &Process).await?;
            table(&endpoint.request(Method::GET, FAULTS, Bytes::new()).await?)
        }
        FaultsVerb::Add { file, at } => {
            let endpoint = Endpoint::of(&at.pipeline(), &Process).await?;
            let plan = plan(&file)?;
            let body = serde_json::json!({ "seed": plan.seed, "faults": plan.rules }).to_string();
            endpoint.request(Method::POST, FAULTS, Bytes::from(body)).await?;
            table(&endpoint.request(Method::GET, FAULTS, Bytes::new()).await?)
        }
        FaultsVerb::Clear { number, at } => {
            let endpoint = Endpoint::of(&at.pipeline(), &Process).await?;
            let path = number.map_or_else(|| FAULTS.to_owned(), |n| format!("{FAULTS}/{n}"));
            let answer = endpoint.request(Method::DELETE, &path, Bytes::new()).await?;
            format!("{} removed", answer["removed"].as_u64().unwrap_or(0))
        }
    };
    output.result(&result);
    Ok(ExitCode::SUCCESS)
}

fn plan(file: &Path) -> Result<Plan, Failure> {
    if file != Path::new("-") {
        return read_plan(file);
    }
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| Failure::new("standard input cannot be read").because(error))?;
    Plan::parse(&text).map_err(|error| Failure::new("standard input cannot be used").because(error))
}

/// One line for each rule: its number, how often it was applied, and its description.
fn table(status: &Value) -> String {
    let faults = status["faults"].as_array().map(Vec::as_slice).unwrap_or_default();
    if faults.is_empty() {
        return "no faults are injected".to_owned();
    }
    let mut text = format!("{:>6}  {:>9}  rule", "number", "struck");
    for fault in faults {
        let number = fault["number"].as_u64().unwrap_or(0);
        let done = group_digits(fault["done"].as_u64().unwrap_or(0));
        text.push_str(&format!("\n{number:>6}  {done:>9}  {}", rule(fault)));
    }
    text
}

/// `lost-answer on dynamodb from SinkFunction, chance 0.1, 25 s left`.
fn rule(fault: &Value) -> String {
    let mut rule = member(fault, "fault").unwrap_or_default().to_owned();
    let by = if rule == "host-slow" { "by" } else { "by up to" };
    let words = [("on", "on"), ("from", "from"), ("at", "at"), (by, "by"), ("with", "answer")];
    for (word, name) in words {
        if let Some(value) = member(fault, name) {
            rule.push_str(&format!(" {word} {value}"));
        }
    }
    if let Some(status) = fault["status"].as_u64() {
        rule.push_str(&format!(" with {status}"));
    }
    if let Some(after) = member(fault, "retry-after") {
        rule.push_str(&format!(", Retry-After {after}"));
    }
    if let Some(chance) = fault["chance"].as_f64().filter(|chance| *chance < 1.0) {
        rule.push_str(&format!(", chance {chance:.3}"));
    }
    if let Some(after) = fault["after"].as_u64().filter(|after| *after > 0) {
        rule.push_str(&format!(", after {after}"));
    }
    if let Some(times) = fault["times"].as_u64() {
        rule.push_str(&format!(", {times} times at most"));
    }
    if let Some(left_ms) = fault["left_ms"].as_u64() {
        rule.push_str(&format!(", {} s left", left_ms.div_ceil(1_000)));
    }
    rule
}

/// The text of a member. `None` if it means "all".
fn member<'a>(fault: &'a Value, name: &str) -> Option<&'a str> {
    fault[name].as_str().filter(|text| *text != "*")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_is_told_in_its_own_words() {
        assert_eq!(table(&json!({ "faults": [] })), "no faults are injected");
        let text = table(&json!({ "faults": [
            {"number": 1, "done": 1200, "fault": "slow", "on": "*", "chance": 1.0, "by": "200ms"},
            {"number": 2, "done": 0, "fault": "kill", "on": "Sink", "at": "call", "chance": 0.25,
             "after": 3, "times": 2, "left_ms": 1500},
            {"number": 3, "done": 4, "fault": "host-failing", "on": "weather", "status": 429,
             "retry-after": "30s"},
            {"number": 4, "done": 0, "fault": "host-slow", "on": "weather", "by": "2s"},
        ]}));
        let expected = "number     struck  rule\n     \
            1      1,200  slow by up to 200ms\n     \
            2          0  kill on Sink at call, chance 0.250, after 3, 2 times at most, 2 s left\n     \
            3          4  host-failing on weather with 429, Retry-After 30s\n     \
            4          0  host-slow on weather by 2s";
        assert_eq!(text, expected);
    }
}
