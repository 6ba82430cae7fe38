//! Resource types, their physical names, and what `Ref` and `Fn::GetAtt` give of them.
//!
//! If the template declares no name, AWS makes one with random characters. Here it is
//! `{stack}-{LogicalId}`, which people can type.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::Options;
use super::passed_over::{self, PassedOver};

/// A resource type that is emulated, or that is harmless to ignore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    Layer,
    Queue,
    QueuePolicy,
    Table,
    Bucket,
    BucketPolicy,
    Mapping,
    LogGroup,
    Role,
    Policy,
    /// A type that makes no difference here, such as an alarm.
    PassedOver(&'static PassedOver),
    /// A stack within the stack, which may only have types that make no difference.
    NestedStack,
    /// The same, as SAM names it.
    Application,
    /// The alias or the version that SAM makes of a function's `AutoPublishAlias`.
    FunctionVersion,
    /// The URL that SAM makes of a function's `FunctionUrlConfig`.
    FunctionUrl,
    /// The API that SAM makes of functions' `HttpApi` events.
    HttpApi,
}

/// The logical id of the API that SAM makes of the `HttpApi` events that name no API.
pub(super) const IMPLICIT_HTTP_API: &str = "ServerlessHttpApi";

/// The last part of every stream's ARN. On AWS it is the time at which the stream was enabled;
/// here ARNs are known before a stream exists.
const STREAM_LABEL: &str = "2020-01-01T00:00:00.000";

/// Every type that a template may declare.
const DECLARABLE: [Kind; 13] = [
    Kind::Function,
    Kind::Layer,
    Kind::Queue,
    Kind::QueuePolicy,
    Kind::Table,
    Kind::Bucket,
    Kind::BucketPolicy,
    Kind::Mapping,
    Kind::LogGroup,
    Kind::Role,
    Kind::Policy,
    Kind::NestedStack,
    Kind::Application,
];

impl Kind {
    pub(super) fn of(type_name: &str) -> Option<Self> {
        let kind = DECLARABLE.into_iter().find(|kind| kind.type_name() == type_name);
        kind.or_else(|| passed_over::of(type_name).map(Self::PassedOver))
    }

    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Function => "AWS::Serverless::Function",
            Self::Layer => "AWS::Serverless::LayerVersion",
            Self::Queue => "AWS::SQS::Queue",
            Self::QueuePolicy => "AWS::SQS::QueuePolicy",
            Self::Table => "AWS::DynamoDB::Table",
            Self::Bucket => "AWS::S3::Bucket",
            Self::BucketPolicy => "AWS::S3::BucketPolicy",
            Self::Mapping => "AWS::Lambda::EventSourceMapping",
            Self::LogGroup => "AWS::Logs::LogGroup",
            Self::Role => "AWS::IAM::Role",
            Self::Policy => "AWS::IAM::Policy",
            Self::PassedOver(passed_over) => passed_over.type_name,
            Self::NestedStack => "AWS::CloudFormation::Stack",
            Self::Application => "AWS::Serverless::Application",
            Self::FunctionVersion => "AWS::Lambda::Version",
            Self::FunctionUrl => "AWS::Lambda::Url",
            Self::HttpApi => "AWS::ApiGatewayV2::Api",
        }
    }

    /// The property that declares the physical name.
    pub(super) fn name_property(self) -> Option<&'static str> {
        match self {
            Self::Function => Some("FunctionName"),
            Self::Layer => Some("ContentUri"),
            Self::Queue => Some("QueueName"),
            Self::Table => Some("TableName"),
            Self::Bucket => Some("BucketName"),
            Self::LogGroup => Some("LogGroupName"),
            Self::Role => Some("RoleName"),
            Self::Policy => Some("PolicyName"),
            Self::PassedOver(passed_over) => passed_over.name,
            Self::QueuePolicy
            | Self::BucketPolicy
            | Self::Mapping
            | Self::NestedStack
            | Self::Application
            | Self::FunctionVersion
            | Self::FunctionUrl
            | Self::HttpApi => None,
        }
    }

    /// Checks a physical name against AWS's rule for the type. The error is that rule.
    pub(super) fn check_name(self, name: &str) -> Result<(), &'static str> {
        let (valid, rule) = match self {
            Self::Function => {
                let valid = (1..=64).contains(&name.len()) && is_alphanumeric_or(name, "-_");
                (valid, "must be 1 to 64 letters, digits, hyphens and underscores")
            }
            Self::Queue => {
                let valid = (1..=80).contains(&name.len())
                    && is_alphanumeric_or(name.strip_suffix(".fifo").unwrap_or(name), "-_");
                (valid, "must be 1 to 80 letters, digits, hyphens and underscores")
            }
            Self::Table => {
                let valid = (3..=255).contains(&name.len()) && is_alphanumeric_or(name, "-_.");
                (valid, "must be 3 to 255 letters, digits, hyphens, underscores and periods")
            }
            Self::Bucket => {
                let valid = (3..=63).contains(&name.len())
                    && name.starts_with(is_lowercase_or_digit)
                    && name.ends_with(is_lowercase_or_digit)
                    && !name.contains("..")
                    && name.chars().all(|c| is_lowercase_or_digit(c) || c == '-' || c == '.');
                (valid, "must be 3 to 63 lower-case letters, digits, hyphens and periods")
            }
            _ => (true, ""),
        };
        if valid { Ok(()) } else { Err(rule) }
    }
}

fn is_alphanumeric_or(name: &str, others: &str) -> bool {
    name.chars().all(|char| char.is_ascii_alphanumeric() || others.contains(char))
}

fn is_lowercase_or_digit(char: char) -> bool {
    char.is_ascii_lowercase() || char.is_ascii_digit()
}

/// The unique id of a role: `AROA` and 17 letters and digits. AWS draws them at random; here they
/// are derived from the name.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
pub fn role_id(name: &str) -> String {
    let digest: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02X}")).collect();
    format!("AROA{}", &digest[..17])
}

/// A resource under its physical name, as other resources refer to it.
#[derive(Clone, Debug)]
pub(super) struct Physical {
    pub(super) kind: Kind,
    /// A layer's name is the path of its folder.
    pub(super) name: String,
    /// The declared resources that a reference to this one depends on. It is empty for the role
    /// that SAM makes for a function, because the role is made before the function.
    pub(super) owners: Vec<String>,
    /// Whether it is a table that declares a stream.
    pub(super) has_stream: bool,
}

impl Physical {
    /// A resource without a stream.
    pub(super) fn new(kind: Kind, name: String, owners: Vec<String>) -> Self {
        Self { kind, name, owners, has_stream: false }
    }

    /// What `Ref` gives.
    pub(super) fn reference(&self, options: &Options) -> String {
        match self.kind {
            Kind::Queue => options.queue_url(&self.name),
            Kind::FunctionUrl | Kind::FunctionVersion => {
                options.arn("lambda", &format!("function:{}", self.name))
            }
            Kind::PassedOver(passed_over) => passed_over.reference(&self.name, options),
            _ => self.name.clone(),
        }
    }

    /// What `Fn::GetAtt` gives; `None` if the type has no such attribute.
    pub(super) fn attribute(&self, attribute: &str, options: &Options) -> Option<String> {
        let name = &self.name;
        match (self.kind, attribute) {
            (Kind::Function, "Arn") | (Kind::FunctionUrl, "FunctionArn") => {
                Some(options.arn("lambda", &format!("function:{name}")))
            }
            (Kind::FunctionUrl, "FunctionUrl") => Some(options.function_url(name)),
            (Kind::HttpApi, "ApiEndpoint") => Some(options.http_api_url(name)),
            (Kind::HttpApi, "ApiId") => Some(name.clone()),
            (Kind::Queue, "Arn") => Some(options.arn("sqs", name)),
            (Kind::Queue, "QueueName") => Some(name.clone()),
            (Kind::Queue, "QueueUrl") => Some(options.queue_url(name)),
            (Kind::Table, "Arn") => Some(options.arn("dynamodb", &format!("table/{name}"))),
            (Kind::Table, "StreamArn") if self.has_stream => {
                Some(options.arn("dynamodb", &format!("table/{name}/stream/{STREAM_LABEL}")))
            }
            (Kind::Bucket, "Arn") => Some(format!("arn:aws:s3:::{name}")),
            (Kind::Bucket, "DomainName") => Some(format!("{name}.s3.amazonaws.com")),
            (Kind::Bucket, "RegionalDomainName") => {
                Some(format!("{name}.s3.{}.amazonaws.com", options.region))
            }
            (Kind::Mapping, "Id") => Some(name.clone()),
            (Kind::Mapping, "EventSourceMappingArn") => {
                Some(options.arn("lambda", &format!("event-source-mapping:{name}")))
            }
            (Kind::LogGroup, "Arn") => Some(options.arn("logs", &format!("log-group:{name}:*"))),
            (Kind::Role, "RoleId") => Some(role_id(name)),
            (Kind::Role, "Arn") => Some(format!("arn:aws:iam::{}:role/{name}", options.account)),
            (Kind::PassedOver(passed_over), _) => passed_over.attribute(attribute, name, options),
            _ => None,
        }
    }
}

impl Options {
    /// The URL of a queue, by the queue's name: `{endpoint}/{account}/{queue}`.
    #[must_use]
    pub fn queue_url(&self, queue: &str) -> String {
        format!("{}/{}/{queue}", self.endpoint, self.account)
    }

    /// The URL of a function that has a `FunctionUrlConfig`, by the function's name:
    /// `{endpoint}/function-urls/{function}/`.
    #[must_use]
    pub fn function_url(&self, function: &str) -> String {
        format!("{}/function-urls/{function}/", self.endpoint)
    }

    /// The URL of an HTTP API, by its logical id: `{endpoint}/http-apis/{LogicalId}`.
    #[must_use]
    pub(super) fn http_api_url(&self, logical_id: &str) -> String {
        format!("{}/http-apis/{logical_id}", self.endpoint)
    }

    /// The UUID of an event source mapping. AWS draws it at random; here it is derived from the
    /// stack's name and the logical id, so that it is the same at each start.
    pub(super) fn mapping_uuid(&self, logical_id: &str) -> String {
        let digest = Sha256::digest(format!("{}-{logical_id}", self.stack_name));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// The URL that AWS would give an HTTP API.
    pub(super) fn aws_http_api_url(&self, logical_id: &str) -> String {
        format!("https://{logical_id}.execute-api.{}.amazonaws.com", self.region)
    }

    /// `arn:aws:{service}:{region}:{account}:{resource}`.
    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    /// The physical name of a resource: the declared one, or one derived from its logical id.
    pub(super) fn physical_name(
        &self,
        root: &Path,
        kind: Kind,
        logical_id: &str,
        declared: Option<&str>,
        fifo: bool,
    ) -> String {
        if kind == Kind::Mapping {
            return self.mapping_uuid(logical_id);
        }
        if kind == Kind::Layer {
            return root.join(declared.unwrap_or_default()).to_string_lossy().into_owned();
        }
        if let Some(declared) = declared {
            return declared.to_owned();
        }
        let name = format!("{}-{logical_id}", self.stack_name);
        match kind {
            Kind::Bucket => name.to_lowercase(),
            Kind::Queue if fifo => format!("{name}.fifo"),
            _ => name,
        }
    }
}
