//! What a template declares, resolved: every intrinsic replaced, every name known.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The resources of one template, in the order in which it declares them.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    pub functions: Vec<Function>,
    /// Those that the template declares, and those that SAM makes for functions without one.
    pub roles: Vec<Role>,
    pub queues: Vec<Queue>,
    pub tables: Vec<Table>,
    pub buckets: Vec<Bucket>,
    pub mappings: Vec<EventSourceMapping>,
    pub stream_mappings: Vec<StreamMapping>,
    pub schedules: Vec<Schedule>,
    pub http_apis: Vec<HttpApi>,
    pub outputs: BTreeMap<String, String>,
    /// What is declared, harmless here, and not emulated: one line for each kind of property.
    pub warnings: Vec<String>,
}

/// An `AWS::Serverless::Function` on `provided.al2023`.
#[derive(Clone, Debug)]
pub struct Function {
    pub logical_id: String,
    pub name: String,
    pub arn: String,
    /// The ARN of the role that it runs as.
    pub role: String,
    /// Where the template names one.
    pub log_group: Option<String>,
    /// The cargo binary that is its bootstrap: `Metadata.BuildProperties.Binary`.
    pub binary: String,
    pub timeout: Duration,
    pub memory_mb: u32,
    pub environment: BTreeMap<String, String>,
    /// Folders whose content Lambda would unpack below `/opt`, in their order.
    pub layers: Vec<PathBuf>,
    pub reserved_concurrency: Option<u32>,
    /// Who may call its URL; `None` where it declares no `FunctionUrlConfig`.
    pub url: Option<UrlAuth>,
    pub recursive_loop: RecursiveLoop,
}

/// The `AuthType` of a function's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlAuth {
    /// Whoever signs, and whom IAM lets.
    AwsIam,
    /// Anybody.
    None,
}

/// What becomes of a loop of a function with itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecursiveLoop {
    /// It goes on.
    Allow,
    /// Lambda ends it after about 16 rounds.
    #[default]
    Terminate,
}

/// An `AWS::IAM::Role`, with all policies that are attached to it.
#[derive(Clone, Debug)]
pub struct Role {
    pub logical_id: String,
    pub name: String,
    pub arn: String,
    pub rights: iam::Role,
}

/// An `AWS::SQS::Queue`: attributes as `CreateQueue` takes them (strings).
#[derive(Clone, Debug)]
pub struct Queue {
    pub logical_id: String,
    pub name: String,
    pub arn: String,
    pub url: String,
    pub attributes: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
}

/// An `AWS::DynamoDB::Table`.
#[derive(Clone, Debug)]
pub struct Table {
    pub logical_id: String,
    pub name: String,
    /// The body of a `CreateTable` request.
    pub create_table: serde_json::Value,
    pub ttl_attribute: Option<String>,
    /// Where it declares a stream.
    pub stream_arn: Option<String>,
}

/// An `AWS::S3::Bucket`.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub logical_id: String,
    pub name: String,
    pub notifications: Vec<BucketNotification>,
}

/// One entry of a bucket's `QueueConfigurations`.
#[derive(Clone, Debug)]
pub struct BucketNotification {
    pub queue_arn: String,
    /// As declared: `s3:ObjectCreated:*` and the like.
    pub event: String,
    pub prefix: Option<String>,
    pub suffix: Option<String>,
}

/// An SQS event of a function, or an `AWS::Lambda::EventSourceMapping` from a queue.
#[derive(Clone, Debug)]
pub struct EventSourceMapping {
    pub logical_id: String,
    /// What `Ref` gives of it.
    pub uuid: String,
    /// The function's name.
    pub function: String,
    pub queue_arn: String,
    pub enabled: bool,
    /// 10 where the template says nothing, as on AWS.
    pub batch_size: u32,
    pub window: Duration,
    pub maximum_concurrency: Option<u32>,
    /// `FilterCriteria.Filters[].Pattern`: JSON texts.
    pub filters: Vec<String>,
    pub report_batch_item_failures: bool,
}

impl EventSourceMapping {
    /// The actions that Lambda uses on the queue, as the function's role:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>.
    pub const ACTIONS: [&str; 3] =
        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
}

/// A DynamoDB event of a function, or an `AWS::Lambda::EventSourceMapping` from a table's stream.
#[derive(Clone, Debug)]
pub struct StreamMapping {
    pub logical_id: String,
    /// What `Ref` gives of it.
    pub uuid: String,
    /// The function's name.
    pub function: String,
    pub stream_arn: String,
    pub starting_position: StartingPosition,
    pub enabled: bool,
    /// 100 where the template says nothing, as on AWS.
    pub batch_size: u32,
    pub window: Duration,
    /// `FilterCriteria.Filters[].Pattern`: JSON texts.
    pub filters: Vec<String>,
    pub report_batch_item_failures: bool,
    /// `BisectBatchOnFunctionError`.
    pub bisect: bool,
    /// `None` for as long as the stream has the records.
    pub maximum_retries: Option<u32>,
    /// `None` for as long as the stream has the records.
    pub maximum_record_age: Option<Duration>,
    /// The ARN of the queue that is told of records that are given up.
    pub on_failure: Option<String>,
}

impl StreamMapping {
    /// The actions that Lambda uses on the stream, as the function's role:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>.
    pub const ACTIONS: [&str; 4] = [
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
    ];
}

/// Where in a stream a mapping begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartingPosition {
    /// With the oldest record that the stream has.
    TrimHorizon,
    /// With what is written from now on.
    Latest,
}

/// A `Schedule` event of a function: a rule of EventBridge.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub logical_id: String,
    /// The rule's.
    pub arn: String,
    /// The function's name.
    pub function: String,
    /// `rate(…)` or `cron(…)`.
    pub expression: String,
    pub enabled: bool,
    /// JSON that the function gets in place of EventBridge's event.
    pub input: Option<String>,
}

/// What an HTTP API's route is called that takes whatever no other does.
pub const DEFAULT_ROUTE: &str = "$default";
/// What a route's method is called that is every method.
pub const ANY_METHOD: &str = "ANY";

/// An HTTP API: the one that SAM makes of functions' `HttpApi` events.
#[derive(Clone, Debug)]
pub struct HttpApi {
    pub logical_id: String,
    /// No two have the same key.
    pub routes: Vec<HttpRoute>,
}

/// An `HttpApi` event of a function.
#[derive(Clone, Debug)]
pub struct HttpRoute {
    pub logical_id: String,
    /// The function's name.
    pub function: String,
    /// `GET`, or [`ANY_METHOD`].
    pub method: String,
    /// `/orders/{id}`, or [`DEFAULT_ROUTE`].
    pub path: String,
    /// How long the API waits for the function.
    pub timeout: Duration,
}

impl HttpRoute {
    /// `GET /orders/{id}`, as API Gateway writes it.
    #[must_use]
    pub fn key(&self) -> String {
        let Self { method, path, .. } = self;
        if path == DEFAULT_ROUTE { path.clone() } else { format!("{method} {path}") }
    }
}
