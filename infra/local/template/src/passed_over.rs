//! Resource types that make no difference to what the emulation does: whoever watches a stack, is told of it, or
//! keeps its keys.
//!
//! Each type is one warning. Its properties are those of
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html>: any
//! other is an error, since a deployment would fail for it. Their values are resolved, so that what they refer to
//! must exist, and not looked at any further.

use super::Options;

/// A resource type that is read, warned of and left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PassedOver {
    pub(super) type_name: &'static str,
    /// What a warning calls it: `an alarm`.
    pub(super) what: &'static str,
    /// The property that declares its physical name.
    pub(super) name: Option<&'static str>,
    pub(super) properties: &'static [&'static str],
    reference: Reference,
}

/// What `Ref` gives, and `Fn::GetAtt` for an ARN.
#[derive(Debug, PartialEq, Eq)]
enum Reference {
    /// The name. The ARN has the service, and what comes before the name.
    Name { service: &'static str, prefix: &'static str },
    /// The ARN, of the same parts.
    Arn { service: &'static str, prefix: &'static str },
    /// Nothing that is known before the resource exists, or that the type has an ARN for.
    NameOnly,
}

const ALARM: Reference = Reference::Name { service: "cloudwatch", prefix: "alarm:" };

static TYPES: [PassedOver; 13] = [
    PassedOver {
        type_name: "AWS::CloudWatch::Alarm",
        what: "an alarm",
        name: Some("AlarmName"),
        properties: &[
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluateLowSampleCountPercentile",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "InsufficientDataActions",
            "MetricName",
            "Metrics",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Tags",
            "Threshold",
            "ThresholdMetricId",
            "TreatMissingData",
            "Unit",
        ],
        reference: ALARM,
    },
    PassedOver {
        type_name: "AWS::CloudWatch::CompositeAlarm",
        what: "an alarm of alarms",
        name: Some("AlarmName"),
        properties: &[
            "ActionsEnabled",
            "ActionsSuppressor",
            "ActionsSuppressorExtensionPeriod",
            "ActionsSuppressorWaitPeriod",
            "AlarmActions",
            "AlarmDescription",
            "AlarmRule",
            "InsufficientDataActions",
            "OKActions",
            "Tags",
        ],
        reference: ALARM,
    },
    PassedOver {
        type_name: "AWS::CloudWatch::Dashboard",
        what: "a dashboard",
        name: Some("DashboardName"),
        properties: &["DashboardBody"],
        reference: Reference::NameOnly,
    },
    PassedOver {
        type_name: "AWS::SNS::Topic",
        what: "a topic",
        name: Some("TopicName"),
        properties: &[
            "ArchivePolicy",
            "ContentBasedDeduplication",
            "DataProtectionPolicy",
            "DeliveryStatusLogging",
            "DisplayName",
            "FifoThroughputScope",
            "FifoTopic",
            "KmsMasterKeyId",
            "SignatureVersion",
            "Subscription",
            "Tags",
            "TracingConfig",
        ],
        reference: Reference::Arn { service: "sns", prefix: "" },
    },
    PassedOver {
        type_name: "AWS::SNS::TopicPolicy",
        what: "a topic's access control",
        name: None,
        properties: &["PolicyDocument", "Topics"],
        reference: Reference::NameOnly,
    },
    PassedOver {
        type_name: "AWS::SNS::Subscription",
        what: "a topic's subscription",
        name: None,
        properties: &[
            "DeliveryPolicy",
            "Endpoint",
            "FilterPolicy",
            "FilterPolicyScope",
            "Protocol",
            "RawMessageDelivery",
            "RedrivePolicy",
            "Region",
            "ReplayPolicy",
            "SubscriptionRoleArn",
            "TopicArn",
        ],
        reference: Reference::NameOnly,
    },
    PassedOver {
        type_name: "AWS::KMS::Key",
        what: "a key",
        name: None,
        properties: &[
            "BypassPolicyLockoutSafetyCheck",
            "Description",
            "EnableKeyRotation",
            "Enabled",
            "KeyPolicy",
            "KeySpec",
            "KeyUsage",
            "MultiRegion",
            "Origin",
            "PendingWindowInDays",
            "RotationPeriodInDays",
            "Tags",
        ],
        reference: Reference::Name { service: "kms", prefix: "key/" },
    },
    PassedOver {
        type_name: "AWS::KMS::Alias",
        what: "a key's alias",
        name: Some("AliasName"),
        properties: &["TargetKeyId"],
        reference: Reference::NameOnly,
    },
    PassedOver {
        type_name: "AWS::Logs::MetricFilter",
        what: "a filter of logs",
        name: Some("FilterName"),
        properties: &[
            "ApplyOnTransformedLogs",
            "EmitSystemFieldDimensions",
            "FieldSelectionCriteria",
            "FilterPattern",
            "LogGroupName",
            "MetricTransformations",
        ],
        reference: Reference::NameOnly,
    },
    PassedOver {
        type_name: "AWS::Logs::SubscriptionFilter",
        what: "a subscription to logs",
        name: Some("FilterName"),
        properties: &[
            "ApplyOnTransformedLogs",
            "DestinationArn",
            "Distribution",
            "EmitSystemFields",
            "FieldSelectionCriteria",
            "FilterPattern",
            "LogGroupName",
            "RoleArn",
        ],
        reference: Reference::NameOnly,
    },
    PassedOver {
        type_name: "AWS::Logs::QueryDefinition",
        what: "a saved query of logs",
        name: Some("Name"),
        properties: &["LogGroupNames", "Parameters", "QueryLanguage", "QueryString"],
        reference: Reference::NameOnly,
    },
    PassedOver {
        type_name: "AWS::Lambda::Version",
        what: "a function's version",
        name: None,
        properties: &[
            "CodeSha256",
            "Description",
            "FunctionName",
            "FunctionScalingConfig",
            "ProvisionedConcurrencyConfig",
            "RuntimePolicy",
        ],
        reference: Reference::Arn { service: "lambda", prefix: "function:" },
    },
    PassedOver {
        type_name: "AWS::Lambda::Alias",
        what: "a function's alias",
        name: None,
        properties: &[
            "Description",
            "FunctionName",
            "FunctionVersion",
            "Name",
            "ProvisionedConcurrencyConfig",
            "RoutingConfig",
        ],
        reference: Reference::Arn { service: "lambda", prefix: "function:" },
    },
];

/// The type of this name.
pub(super) fn of(type_name: &str) -> Option<&'static PassedOver> {
    TYPES.iter().find(|known| known.type_name == type_name)
}

impl PassedOver {
    /// What `Ref` gives.
    pub(super) fn reference(&self, name: &str, options: &Options) -> String {
        match self.reference {
            Reference::Arn { service, prefix } => options.arn(service, &format!("{prefix}{name}")),
            Reference::Name { .. } | Reference::NameOnly => name.to_owned(),
        }
    }

    /// What `Fn::GetAtt` gives; `None` if nothing is known of such an attribute.
    pub(super) fn attribute(
        &self,
        attribute: &str,
        name: &str,
        options: &Options,
    ) -> Option<String> {
        let arn = match self.reference {
            Reference::Name { service, prefix } | Reference::Arn { service, prefix } => {
                Some(options.arn(service, &format!("{prefix}{name}")))
            }
            Reference::NameOnly => None,
        };
        match (self.type_name, attribute) {
            ("AWS::CloudWatch::Alarm" | "AWS::CloudWatch::CompositeAlarm", "Arn")
            | ("AWS::KMS::Key", "Arn")
            | ("AWS::SNS::Topic", "TopicArn") => arn,
            ("AWS::SNS::Topic", "TopicName") | ("AWS::KMS::Key", "KeyId") => Some(name.to_owned()),
            _ => None,
        }
    }
}
