//! The outputs of a CloudFormation stack.

use std::collections::BTreeMap;

use super::Endpoint;
use crate::cloudformation::answers::{DescribedStacks, Stack};
use crate::cloudformation::{CallError, CloudFormation, Parameters};
use crate::failure::Failure;

impl Endpoint {
    /// All outputs of the stack that was named. `None` if none was named.
    pub(crate) async fn outputs(&self) -> Result<Option<BTreeMap<String, String>>, Failure> {
        match &self.stack {
            Some(name) => describe_stack(self, name).await.map(Some),
            None => Ok(None),
        }
    }

    /// An output of the stack that was named; `flag` is the option that can replace it. `None` if
    /// no stack was named.
    pub(crate) async fn output(&self, name: &str, flag: &str) -> Result<Option<String>, Failure> {
        let (Some(stack), Some(mut outputs)) = (&self.stack, self.outputs().await?) else {
            return Ok(None);
        };
        let output = outputs.remove(name).filter(|value| !value.is_empty());
        let output = output.ok_or_else(|| {
            Failure::new(format!("stack `{stack}` has no output {name}")).next(format!(
                "is it a pipeline of this version? deploy template.yaml, or give {flag}"
            ))
        })?;
        Ok(Some(output))
    }
}

/// All outputs of a stack, by their names.
async fn describe_stack(
    endpoint: &Endpoint,
    stack: &str,
) -> Result<BTreeMap<String, String>, Failure> {
    let client = endpoint.cloudformation().await?;
    let described = find_stack(endpoint, &client, stack).await?;
    let outputs = described.outputs.member.into_iter();
    Ok(outputs.map(|output| (output.output_key, output.output_value)).collect())
}

/// Asks for a stack.
///
/// # Errors
/// If it is not there, or cannot be read.
pub(crate) async fn find_stack(
    endpoint: &Endpoint,
    client: &CloudFormation,
    stack: &str,
) -> Result<Stack, Failure> {
    let named = Parameters::default().with("StackName", stack);
    let described = client.call::<DescribedStacks>("DescribeStacks", named).await;
    let described = described.map_err(|error| failure(endpoint, client, stack, error))?;
    described.stack().ok_or_else(|| not_cloudformation(client, "an answer without a stack"))
}

fn not_cloudformation(client: &CloudFormation, found: &str) -> Failure {
    let what = format!("{} is not CloudFormation: {found}", client.url());
    Failure::new(what).next("--endpoint aws is AWS itself; the emulation needs no --stack")
}

fn failure(endpoint: &Endpoint, client: &CloudFormation, stack: &str, error: CallError) -> Failure {
    let refusal = match error {
        CallError::NoAnswer(failure) => return failure,
        CallError::NotUnderstood(status) => {
            return not_cloudformation(client, &format!("HTTP {status}"));
        }
        CallError::Refused(refusal) => refusal,
    };
    if refusal.is_missing_stack() {
        return Failure::new(format!("there is no stack `{stack}` in {}", endpoint.region()))
            .next("are --stack, --region and --profile those that you mean?");
    }
    let because = refusal.cause();
    if refusal.is_denial() {
        return Failure::new(format!(
            "the outputs of stack `{stack}` are not yours to read: DescribeStacks was denied"
        ))
        .because(because)
        .next("your role needs cloudformation:DescribeStacks on the stack");
    }
    if refusal.is_expired_session() {
        return Failure::new(format!("stack `{stack}` cannot be read: your session is over"))
            .because(because)
            .next("sign in again: aws sso login, or whatever gave the credentials");
    }
    Failure::new(format!("stack `{stack}` cannot be read")).because(because).next(endpoint.advice())
}

#[cfg(test)]
mod tests;
