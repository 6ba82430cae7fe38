//! The answers of CloudFormation, as far as they are read.

use serde::Deserialize;

/// A list in the form of the query protocol.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Members<T> {
    #[serde(default = "Vec::new")]
    pub(crate) member: Vec<T>,
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self { member: Vec::new() }
    }
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>
#[derive(Debug, Deserialize)]
pub(crate) struct DescribedStacks {
    #[serde(rename = "DescribeStacksResult")]
    result: Stacks,
}

#[derive(Debug, Deserialize)]
struct Stacks {
    #[serde(rename = "Stacks")]
    stacks: Members<Stack>,
}

impl DescribedStacks {
    /// The stack that was named.
    pub(crate) fn stack(self) -> Option<Stack> {
        self.result.stacks.member.into_iter().next()
    }
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html>
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Stack {
    pub(crate) stack_status: String,
    pub(crate) stack_status_reason: String,
    pub(crate) parameters: Members<Parameter>,
    pub(crate) capabilities: Members<String>,
    pub(crate) tags: Members<Tag>,
    pub(crate) outputs: Members<Output>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Parameter {
    pub(crate) parameter_key: String,
    /// Asterisks in place of a value that is not shown.
    pub(crate) parameter_value: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Output {
    pub(crate) output_key: String,
    pub(crate) output_value: String,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html>
#[derive(Debug, Deserialize)]
pub(crate) struct GotTemplate {
    #[serde(rename = "GetTemplateResult")]
    pub(crate) result: TemplateText,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TemplateText {
    #[serde(rename = "TemplateBody")]
    pub(crate) body: String,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html>
#[derive(Debug, Deserialize)]
pub(crate) struct DescribedChangeSet {
    #[serde(rename = "DescribeChangeSetResult")]
    pub(crate) result: ChangeSet,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ChangeSet {
    pub(crate) status: String,
    pub(crate) status_reason: String,
    pub(crate) changes: Members<Change>,
    /// Where the next page of changes begins.
    pub(crate) next_token: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Change {
    pub(crate) resource_change: ResourceChange,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html>
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ResourceChange {
    /// `Add`, `Modify` or `Remove`, among others.
    pub(crate) action: String,
    pub(crate) logical_resource_id: String,
    pub(crate) resource_type: String,
    /// `True`, `False` or `Conditional`, of a resource that is modified.
    pub(crate) replacement: String,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html>
#[derive(Debug, Deserialize)]
pub(crate) struct DescribedEvents {
    #[serde(rename = "DescribeStackEventsResult")]
    pub(crate) result: StackEvents,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StackEvents {
    #[serde(rename = "StackEvents", default)]
    pub(crate) events: Members<StackEvent>,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html>
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct StackEvent {
    pub(crate) logical_resource_id: String,
    pub(crate) resource_status: String,
    pub(crate) resource_status_reason: String,
    /// The token of the call that caused it.
    pub(crate) client_request_token: String,
}

/// An answer of which nothing is read.
#[derive(Debug, Deserialize)]
pub(crate) struct Done {}
