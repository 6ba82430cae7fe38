//! A stack's update by a change set: what it changes is known before anything is changed.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html>

use std::time::Duration;

use crate::cloudformation::answers::{
    ChangeSet, DescribedChangeSet, DescribedEvents, Done, ResourceChange, Stack, StackEvent,
};
use crate::cloudformation::{CallError, CloudFormation, Parameters};
use crate::failure::Failure;
use crate::output::Output;

/// How many calls in a row may fail while an update is followed.
const MOST_FAILED_CALLS: u32 = 10;

/// What CloudFormation and SAM say of a change set without changes.
const NOTHING_TO_DO: [&str; 2] = ["didn't contain changes", "No updates are to be performed"];

/// The resources that may be replaced or removed: each is a version that is never changed.
const VERSIONS: [&str; 2] = ["AWS::Lambda::LayerVersion", "AWS::Lambda::Version"];

/// One update of a stack.
pub(super) struct Update<'a> {
    pub(super) client: &'a CloudFormation,
    pub(super) stack: &'a str,
    /// The name of the change set, and the token of what executes it: a letter, then letters, digits and hyphens.
    pub(super) name: String,
    /// The time between two looks at what is under way.
    pub(super) poll: Duration,
    pub(super) output: &'a Output,
}

impl Update<'_> {
    /// Creates the change set, with all parameters, capabilities and tags that the stack has, and returns its changes.
    ///
    /// # Errors
    /// If it cannot be created.
    pub(super) async fn create(
        &self,
        template_url: &str,
        before: &Stack,
    ) -> Result<Vec<ResourceChange>, Failure> {
        let mut parameters = self
            .named()
            .with("ChangeSetType", "UPDATE")
            .with("Description", "Contracts")
            .with("TemplateURL", template_url);
        for (at, parameter) in (1..).zip(&before.parameters.member) {
            let name = |end: &str| format!("Parameters.member.{at}.{end}");
            parameters = parameters
                .with(&name("ParameterKey"), &parameter.parameter_key)
                .with(&name("UsePreviousValue"), "true");
        }
        for (at, capability) in (1..).zip(&before.capabilities.member) {
            parameters = parameters.with(&format!("Capabilities.member.{at}"), capability);
        }
        for (at, tag) in (1..).zip(&before.tags.member) {
            parameters = parameters
                .with(&format!("Tags.member.{at}.Key"), &tag.key)
                .with(&format!("Tags.member.{at}.Value"), &tag.value);
        }
        let created = self.client.call::<Done>("CreateChangeSet", parameters).await;
        created.map_err(|error| self.refused("CreateChangeSet", error))?;
        self.output.status("waiting for the change set");
        loop {
            let set = self.describe(None).await?;
            match set.status.as_str() {
                "CREATE_PENDING" | "CREATE_IN_PROGRESS" => tokio::time::sleep(self.poll).await,
                "CREATE_COMPLETE" => return self.all_changes(set).await,
                _ if NOTHING_TO_DO.iter().any(|words| set.status_reason.contains(words)) => {
                    self.delete().await?;
                    return Ok(Vec::new());
                }
                status => {
                    let what = format!("the change set of stack `{}` is {status}", self.stack);
                    let because = std::io::Error::other(set.status_reason.clone());
                    self.delete().await?;
                    return Err(Failure::new(what).because(because));
                }
            }
        }
    }

    /// The changes of all pages, beginning with this one.
    async fn all_changes(&self, first: ChangeSet) -> Result<Vec<ResourceChange>, Failure> {
        let (mut changes, mut page) = (Vec::new(), first);
        loop {
            let found = page.changes.member.into_iter();
            changes.extend(found.map(|change| change.resource_change));
            match page.next_token {
                Some(token) => page = self.describe(Some(&token)).await?,
                None => return Ok(changes),
            }
        }
    }

    async fn describe(&self, token: Option<&str>) -> Result<ChangeSet, Failure> {
        let mut parameters = self.named();
        if let Some(token) = token {
            parameters = parameters.with("NextToken", token);
        }
        let described = self.client.call::<DescribedChangeSet>("DescribeChangeSet", parameters);
        let described = described.await;
        Ok(described.map_err(|error| self.refused("DescribeChangeSet", error))?.result)
    }

    /// Deletes the change set. The stack stays as it is.
    ///
    /// # Errors
    /// If it cannot be deleted.
    pub(super) async fn delete(&self) -> Result<(), Failure> {
        let deleted = self.client.call::<Done>("DeleteChangeSet", self.named()).await;
        deleted.map(|_| ()).map_err(|error| self.refused("DeleteChangeSet", error))
    }

    /// Executes the change set, and follows the update until it is over.
    ///
    /// # Errors
    /// If it cannot be executed or followed, or if CloudFormation went back to what was before.
    pub(super) async fn execute(&self) -> Result<(), Failure> {
        let parameters = self.named().with("ClientRequestToken", &self.name);
        let executed = self.client.call::<Done>("ExecuteChangeSet", parameters).await;
        executed.map_err(|error| self.refused("ExecuteChangeSet", error))?;
        let mut failed_calls = 0;
        loop {
            let events = match self.events().await {
                Ok(events) => events,
                Err(_) if failed_calls < MOST_FAILED_CALLS => {
                    failed_calls += 1;
                    tokio::time::sleep(self.poll).await;
                    continue;
                }
                Err(failure) => return Err(failure.next(self.look())),
            };
            failed_calls = 0;
            // The newest is the first.
            if let Some(newest) = events.first() {
                let StackEvent { logical_resource_id, resource_status, .. } = newest;
                self.output.status(&format!("{logical_resource_id}: {resource_status}"));
                if logical_resource_id == self.stack && !resource_status.ends_with("_IN_PROGRESS") {
                    return self.ended(resource_status, &events);
                }
            }
            tokio::time::sleep(self.poll).await;
        }
    }

    fn ended(&self, status: &str, events: &[StackEvent]) -> Result<(), Failure> {
        if status == "UPDATE_COMPLETE" {
            return Ok(());
        }
        let mut failure = Failure::new(format!("stack `{}` was not updated: {status}", self.stack));
        // What failed first is why the rest was cancelled.
        let first = events.iter().rev().find(|event| event.resource_status.ends_with("_FAILED"));
        if let Some(event) = first {
            let why = format!("{}: {}", event.logical_resource_id, event.resource_status_reason);
            failure = failure.because(std::io::Error::other(why));
        }
        Err(failure.next(self.look()))
    }

    /// The events of this update, the newest first.
    async fn events(&self) -> Result<Vec<StackEvent>, Failure> {
        let named = Parameters::default().with("StackName", self.stack);
        let described = self.client.call::<DescribedEvents>("DescribeStackEvents", named).await;
        let described = described.map_err(|error| self.refused("DescribeStackEvents", error))?;
        let mut events = described.result.events.member;
        events.retain(|event| event.client_request_token == self.name);
        Ok(events)
    }

    fn look(&self) -> String {
        format!(
            "see what happened: aws cloudformation describe-stack-events --stack-name {}",
            self.stack
        )
    }

    fn named(&self) -> Parameters {
        Parameters::default().with("StackName", self.stack).with("ChangeSetName", &self.name)
    }

    fn refused(&self, action: &str, error: CallError) -> Failure {
        refused(self.stack, action, error)
    }
}

/// The failure of a call about a stack.
pub(super) fn refused(stack: &str, action: &str, error: CallError) -> Failure {
    let what = format!("{action} of stack `{stack}` failed");
    match error {
        CallError::NoAnswer(failure) => failure,
        CallError::NotUnderstood(status) => {
            Failure::new(format!("{what}: HTTP {status}, and not CloudFormation's answer"))
        }
        CallError::Refused(refusal) if refusal.is_denial() => Failure::new(what)
            .because(refusal.cause())
            .next("docs/deploying.md says which rights a deployment of contracts needs"),
        CallError::Refused(refusal) => Failure::new(what).because(refusal.cause()),
    }
}

/// The changes that new contracts cannot cause: something is removed or replaced that is no version.
pub(super) fn unexpected(changes: &[ResourceChange]) -> Vec<&ResourceChange> {
    let mut found = Vec::new();
    for change in changes {
        let is_lasting = change.action == "Remove" || change.replacement == "True";
        if is_lasting && !VERSIONS.contains(&change.resource_type.as_str()) {
            found.push(change);
        }
    }
    found
}
