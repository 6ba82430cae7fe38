//! `AddPermission` and `RemovePermission`: statements of the queue's access policy.
//!
//! The policy is stored and returned but not enforced, because the queues do not know who calls.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_AddPermission.html>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::input::Input;
use super::{OPERATIONS, empty_answer};
use crate::errors::{Code, Fault};
use crate::limits;
use crate::service::Service;
use crate::shared_queue::QueueState;

pub(super) fn add(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    let label = label(&mut input)?;
    let accounts = required_list(&mut input, "AWSAccountIds")?;
    let actions = required_list(&mut input, "Actions")?;
    for action in &actions {
        if action != "*" && !OPERATIONS.contains(&action.as_str()) {
            return Err(Fault::invalid(
                "ActionName",
                format!("SQS:{action}"),
                "Please refer to the appropriate WSDL for a list of valid actions. ",
            ));
        }
    }
    if actions.len() > limits::PERMISSION_ACTIONS {
        return Err(over_limit("7 actions is the most that a permission can name."));
    }
    let principals = accounts.iter().map(|account| format!("arn:aws:iam::{account}:root"));
    let statement = json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": { "AWS": one_or_many(principals.collect()) },
        "Action": one_or_many(actions.iter().map(|action| format!("SQS:{action}")).collect()),
        "Resource": *shared.arn,
    });

    let now_ms = service.now_ms();
    let mut state = shared.lock_existing()?;
    let mut policy = policy(&state);
    let mut statements = statements(&policy);
    if statements.iter().any(|statement| statement["Sid"] == label.as_str()) {
        return Err(Fault::invalid("Label", label, "Already exists."));
    }
    if statements.len() >= limits::PERMISSION_STATEMENTS {
        return Err(over_limit("20 statements is the most that a policy can have."));
    }
    statements.push(statement);
    if policy.is_null() {
        policy =
            json!({ "Version": "2008-10-17", "Id": format!("{}/SQSDefaultPolicy", shared.arn) });
    }
    policy["Statement"] = statements.into();
    store(&mut state, policy.to_string(), now_ms)?;
    Ok(empty_answer())
}

pub(super) fn remove(service: &Service, mut input: Input) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    let label = label(&mut input)?;
    let now_ms = service.now_ms();
    let mut state = shared.lock_existing()?;
    let mut policy = policy(&state);
    let mut statements = statements(&policy);
    let before = statements.len();
    statements.retain(|statement| statement["Sid"] != label.as_str());
    if statements.len() == before {
        return Err(Fault::invalid("Label", label, "can't find label."));
    }
    let text = if statements.is_empty() {
        String::new()
    } else {
        policy["Statement"] = statements.into();
        policy.to_string()
    };
    store(&mut state, text, now_ms)?;
    Ok(empty_answer())
}

fn label(input: &mut Input) -> Result<String, Fault> {
    let label = input.required("Label")?;
    let is_valid = label.len() <= limits::QUEUE_NAME_CHARS
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if is_valid {
        return Ok(label);
    }
    let reason =
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    Err(Fault::invalid("Label", label, reason))
}

fn required_list(input: &mut Input, name: &str) -> Result<Vec<String>, Fault> {
    let list = input.strings(name)?;
    if list.is_empty() { Err(Fault::missing(name)) } else { Ok(list) }
}

/// The queue's policy; null if it has none.
fn policy(state: &QueueState) -> Value {
    let text = state.queue.attributes().policy.as_deref();
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
}

/// The statements of a policy, which has either a list of statements or a single one.
fn statements(policy: &Value) -> Vec<Value> {
    match policy.get("Statement") {
        None => Vec::new(),
        Some(Value::Array(statements)) => statements.clone(),
        Some(one) => vec![one.clone()],
    }
}

fn store(state: &mut QueueState, policy: String, now_ms: u64) -> Result<(), Fault> {
    let change = BTreeMap::from([("Policy".to_owned(), policy)]);
    let next = state.queue.attributes().with_changes(&change)?;
    state.queue.set_attributes(next, now_ms);
    state.modified_ms = now_ms;
    Ok(())
}

fn one_or_many(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 { texts.remove(0).into() } else { texts.into() }
}

fn over_limit(message: &str) -> Fault {
    Fault::new(Code::OverLimit, message)
}
