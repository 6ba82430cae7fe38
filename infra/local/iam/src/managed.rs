//! The policies of AWS that Lambda functions commonly have.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/permissions-managed-policies.html> and
//! <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>.

use super::pattern::{ActionPattern, ResourcePattern};
use super::policy::Policy;

const LOGS: &[&str] = &["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"];
const QUEUE: &[&str] = &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
const STREAM: &[&str] = &[
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
];
const TRACES: &[&str] = &[
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:GetSamplingStatisticSummaries",
];

/// The policy that AWS manages under this name, or under an ARN that ends with it. `None` if it
/// is not emulated. All of these policies allow their actions on all resources.
#[must_use]
pub fn managed(name: &str) -> Option<Policy> {
    let name = match name.starts_with("arn:") {
        true => name.split_once(":iam::aws:policy/")?.1,
        false => name,
    };
    let actions: &[&[&str]] = match name.strip_prefix("service-role/").unwrap_or(name) {
        "AWSLambdaBasicExecutionRole" => &[LOGS],
        "AWSLambdaSQSQueueExecutionRole" => &[QUEUE, LOGS],
        "AWSLambdaDynamoDBExecutionRole" => &[STREAM, LOGS],
        "AWSXRayDaemonWriteAccess" => &[TRACES],
        _ => return None,
    };
    let actions = actions.iter().flat_map(|each| each.iter());
    let actions = actions.filter_map(|action| ActionPattern::parse(action).ok()).collect();
    let resources = ResourcePattern::parse("*").into_iter().collect();
    Some(Policy::allowing(actions, resources))
}
