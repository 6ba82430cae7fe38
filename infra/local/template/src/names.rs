//! Resource types, their physical names, and what `Ref` and `Fn::GetAtt` give of them.
//!
//! Where the template names nothing, AWS makes a name up and adds random characters; here it is
//! `{stack}-{LogicalId}`, so that it can be typed.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::Options;

/// A resource type that is emulated, or harmless.
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
    /// What SAM makes of a function's `FunctionUrlConfig`.
    FunctionUrl,
    /// What SAM makes of functions' `HttpApi` events.
    HttpApi,
}

/// The logical id that SAM gives the API of the events that name none.
pub(super) const IMPLICIT_HTTP_API: &str = "ServerlessHttpApi";

/// On AWS it is the time at which the stream was enabled; here a template's ARNs are known before.
const STREAM_LABEL: &str = "2020-01-01T00:00:00.000";

/// Every type that a template may declare.
const DECLARABLE: [Kind; 11] = [
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
];

impl Kind {
    pub(super) fn of(type_name: &str) -> Option<Self> {
        DECLARABLE.into_iter().find(|kind| kind.type_name() == type_name)
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
            Self::FunctionUrl => "AWS::Lambda::Url",
            Self::HttpApi => "AWS::ApiGatewayV2::Api",
        }
    }

    /// The property that decides the physical name.
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
            Self::QueuePolicy
            | Self::BucketPolicy
            | Self::Mapping
            | Self::FunctionUrl
            | Self::HttpApi => None,
        }
    }

    /// A name that AWS would take: the rule that it breaks otherwise.
    pub(super) fn check_name(self, name: &str) -> Result<(), &'static str> {
        let chars = |extra: &str| {
            name.chars().all(|char| char.is_ascii_alphanumeric() || extra.contains(char))
        };
        let (valid, rule) = match self {
            Self::Function => {
                let valid = (1..=64).contains(&name.len()) && chars("-_");
                (valid, "must be 1 to 64 letters, digits, hyphens and underscores")
            }
            Self::Queue => {
                let valid = (1..=80).contains(&name.len())
                    && name
                        .strip_suffix(".fifo")
                        .unwrap_or(name)
                        .chars()
                        .all(|char| char.is_ascii_alphanumeric() || char == '-' || char == '_');
                (valid, "must be 1 to 80 letters, digits, hyphens and underscores")
            }
            Self::Table => {
                let valid = (3..=255).contains(&name.len()) && chars("-_.");
                (valid, "must be 3 to 255 letters, digits, hyphens, underscores and periods")
            }
            Self::Bucket => {
                let edge = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
                let valid = (3..=63).contains(&name.len())
                    && name.starts_with(edge)
                    && name.ends_with(edge)
                    && !name.contains("..")
                    && name.chars().all(|char| edge(char) || char == '-' || char == '.');
                (valid, "must be 3 to 63 lower-case letters, digits, hyphens and periods")
            }
            _ => (true, ""),
        };
        if valid { Ok(()) } else { Err(rule) }
    }
}

/// The unique id of a role: `AROA` and 17 letters and digits, which AWS draws. Here it follows from the
/// name. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
pub fn role_id(name: &str) -> String {
    let digest: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02X}")).collect();
    format!("AROA{}", &digest[..17])
}

/// A resource as others see it.
#[derive(Clone, Debug)]
pub(super) struct Physical {
    pub(super) kind: Kind,
    /// A layer's is its folder's path.
    pub(super) name: String,
    /// The declared resources that a reference to this one depends on; none for a function's role,
    /// which exists before the function.
    pub(super) owners: Vec<String>,
    /// Whether it is a table that declares a stream.
    pub(super) has_stream: bool,
}

impl Physical {
    /// One without a stream.
    pub(super) fn new(kind: Kind, name: String, owners: Vec<String>) -> Self {
        Self { kind, name, owners, has_stream: false }
    }

    /// What `Ref` gives.
    pub(super) fn reference(&self, options: &Options) -> String {
        match self.kind {
            Kind::Queue => options.queue_url(&self.name),
            Kind::FunctionUrl => options.arn("lambda", &format!("function:{}", self.name)),
            _ => self.name.clone(),
        }
    }

    /// What `Fn::GetAtt` gives; `None` for an attribute that there is not.
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
            _ => None,
        }
    }
}

impl Options {
    /// Where SQS has a queue: `{endpoint}/{account}/{queue}`.
    #[must_use]
    pub fn queue_url(&self, queue: &str) -> String {
        format!("{}/{}/{queue}", self.endpoint, self.account)
    }

    /// Where a function with a `FunctionUrlConfig` is called:
    /// `{endpoint}/function-urls/{function}/`.
    #[must_use]
    pub fn function_url(&self, function: &str) -> String {
        format!("{}/function-urls/{function}/", self.endpoint)
    }

    /// Where an HTTP API is called: `{endpoint}/http-apis/{LogicalId}`.
    #[must_use]
    pub fn http_api_url(&self, logical_id: &str) -> String {
        format!("{}/http-apis/{logical_id}", self.endpoint)
    }

    /// The UUID of an event source mapping, which AWS draws. Here it follows from stack and logical id, so
    /// that it is the same at each start.
    pub(super) fn mapping_uuid(&self, logical_id: &str) -> String {
        let digest = Sha256::digest(format!("{}-{logical_id}", self.stack_name));
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// Where AWS would have an HTTP API.
    pub(super) fn aws_http_api_url(&self, logical_id: &str) -> String {
        format!("https://{logical_id}.execute-api.{}.amazonaws.com", self.region)
    }

    /// `arn:aws:{service}:{region}:{account}:{resource}`.
    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    /// The physical name of a resource: as declared, or made up.
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
