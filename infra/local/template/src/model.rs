//! The resources that a template declares, with every intrinsic replaced and every name known.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The resources of one template, in the order in which it declares them.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// In the order of the template, as are all lists below.
    pub functions: Vec<Function>,
    /// Those that the template declares, and those that SAM makes for functions without one.
    pub roles: Vec<Role>,
    /// The `AWS::SQS::Queue` resources, dead-letter queues included.
    pub queues: Vec<Queue>,
    /// The `AWS::DynamoDB::Table` resources.
    pub tables: Vec<Table>,
    /// The `AWS::S3::Bucket` resources.
    pub buckets: Vec<Bucket>,
    /// Event source mappings from queues; those from streams are in `stream_mappings`.
    pub mappings: Vec<EventSourceMapping>,
    /// Event source mappings from the streams of tables.
    pub stream_mappings: Vec<StreamMapping>,
    /// The `Schedule` events of all functions.
    pub schedules: Vec<Schedule>,
    /// At most one: the API that SAM makes of all `HttpApi` events.
    pub http_apis: Vec<HttpApi>,
    /// Resolved values by the outputs' names. An output whose condition is false is not there.
    pub outputs: BTreeMap<String, String>,
    /// What the template declares and the emulation ignores because it is harmless here. One line
    /// for each kind of property, with the logical ids that declare it.
    pub warnings: Vec<String>,
}

/// An `AWS::Serverless::Function` on `provided.al2023`.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its key in the template's `Resources`.
    pub logical_id: String,
    /// Its `FunctionName`, or `{stack}-{LogicalId}`.
    pub name: String,
    /// `arn:aws:lambda:{region}:{account}:function:{name}`.
    pub arn: String,
    /// The ARN of the role that it runs as.
    pub role: String,
    /// The name of the log group in its `LoggingConfig`; `None` if it declares none.
    pub log_group: Option<String>,
    /// The cargo binary that is its bootstrap: `Metadata.BuildProperties.Binary`.
    pub binary: String,
    /// How long an invocation may take: 3 seconds if not declared, as on AWS.
    pub timeout: Duration,
    /// `MemorySize` in MiB: 128 if not declared, as on AWS.
    pub memory_mb: u32,
    /// The resolved environment variables that it declares, without those that Lambda sets.
    pub environment: BTreeMap<String, String>,
    /// Folders (already joined to the `root` of [`read`](crate::read)) whose content Lambda would
    /// unpack below `/opt`, in their order.
    pub layers: Vec<PathBuf>,
    /// `ReservedConcurrentExecutions`; `None` means that no limit is declared.
    pub reserved_concurrency: Option<u32>,
    /// Who may call its URL; `None` if it declares no `FunctionUrlConfig`.
    pub url: Option<UrlAuth>,
    /// Its `RecursiveLoop` setting.
    pub recursive_loop: RecursiveLoop,
}

/// The `AuthType` of a function's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlAuth {
    /// Callers that sign their requests and that IAM allows to invoke the URL.
    AwsIam,
    /// Everyone, without a signature.
    None,
}

/// What Lambda does when a function's output invokes the function again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecursiveLoop {
    /// Lambda lets the loop continue.
    Allow,
    /// Lambda stops the loop after about 16 invocations.
    #[default]
    Terminate,
}

/// An `AWS::IAM::Role`, with all policies that are attached to it.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its key in the template's `Resources`, or `{Function}Role` for one that SAM makes.
    pub logical_id: String,
    /// Its `RoleName`, or `{stack}-{LogicalId}`.
    pub name: String,
    /// `arn:aws:iam::{account}:role/{name}`.
    pub arn: String,
    /// What its policies together allow and deny.
    pub rights: iam::Role,
}

/// An `AWS::SQS::Queue`.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its key in the template's `Resources`.
    pub logical_id: String,
    /// Its `QueueName`, or `{stack}-{LogicalId}`; a FIFO queue's ends with `.fifo`.
    pub name: String,
    /// `arn:aws:sqs:{region}:{account}:{name}`.
    pub arn: String,
    /// Where the emulated SQS has it: `{endpoint}/{account}/{name}`.
    pub url: String,
    /// What it declares, as the `Attributes` of a `CreateQueue` request: all values are strings.
    pub attributes: BTreeMap<String, String>,
    /// Its `Tags`, by their keys.
    pub tags: BTreeMap<String, String>,
}

/// An `AWS::DynamoDB::Table`.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its key in the template's `Resources`.
    pub logical_id: String,
    /// Its `TableName`, or `{stack}-{LogicalId}`.
    pub name: String,
    /// The body of a `CreateTable` request.
    pub create_table: serde_json::Value,
    /// The attribute that holds when an item expires; `None` if time to live is not enabled.
    pub ttl_attribute: Option<String>,
    /// The ARN of its stream; `None` if it declares no `StreamSpecification`.
    pub stream_arn: Option<String>,
}

/// An `AWS::S3::Bucket`.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Its key in the template's `Resources`.
    pub logical_id: String,
    /// Its `BucketName`, or `{stack}-{LogicalId}` in lower case.
    pub name: String,
    /// The queues that S3 notifies of new objects.
    pub notifications: Vec<BucketNotification>,
}

/// One entry of a bucket's `QueueConfigurations`.
#[derive(Clone, Debug)]
pub struct BucketNotification {
    /// The queue that S3 sends the notifications to.
    pub queue_arn: String,
    /// The event type as declared, such as `s3:ObjectCreated:*`.
    pub event: String,
    /// What an object's key has to begin with; `None` allows every key.
    pub prefix: Option<String>,
    /// What an object's key has to end with; `None` allows every key.
    pub suffix: Option<String>,
}

/// An SQS event of a function, or an `AWS::Lambda::EventSourceMapping` from a queue.
#[derive(Clone, Debug)]
pub struct EventSourceMapping {
    /// Its key in `Resources`, or the function's and the event's names put together.
    pub logical_id: String,
    /// Its id, which `Ref` gives. It follows from the stack's name and the logical id.
    pub uuid: String,
    /// The name of the function that it invokes.
    pub function: String,
    /// The queue that it polls.
    pub queue_arn: String,
    /// Whether it polls from the start.
    pub enabled: bool,
    /// The most messages of one invocation: 10 if not declared, as on AWS.
    pub batch_size: u32,
    /// `MaximumBatchingWindowInSeconds`: how long a batch may be gathered; zero if not declared.
    pub window: Duration,
    /// `ScalingConfig.MaximumConcurrency`; `None` means that no limit is declared.
    pub maximum_concurrency: Option<u32>,
    /// `FilterCriteria.Filters[].Pattern`: JSON texts. A message has to match one of them;
    /// without patterns every message matches.
    pub filters: Vec<String>,
    /// Whether the function's response names the messages that failed
    /// (`ReportBatchItemFailures`).
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
    /// Its key in `Resources`, or the function's and the event's names put together.
    pub logical_id: String,
    /// Its id, which `Ref` gives. It follows from the stack's name and the logical id.
    pub uuid: String,
    /// The name of the function that it invokes.
    pub function: String,
    /// The stream that it reads.
    pub stream_arn: String,
    /// Where it begins to read when it is created.
    pub starting_position: StartingPosition,
    /// Whether it reads from the start.
    pub enabled: bool,
    /// The most records of one invocation: 100 if not declared, as on AWS.
    pub batch_size: u32,
    /// `MaximumBatchingWindowInSeconds`: how long a batch may be gathered; zero if not declared.
    pub window: Duration,
    /// `FilterCriteria.Filters[].Pattern`: JSON texts. A record has to match one of them; without
    /// patterns every record matches.
    pub filters: Vec<String>,
    /// Whether the function's response names the record that failed (`ReportBatchItemFailures`).
    pub report_batch_item_failures: bool,
    /// `BisectBatchOnFunctionError`: whether a failed batch is halved before it is tried again.
    pub bisect: bool,
    /// How often a failed batch is tried again; `None` means until its records leave the stream.
    pub maximum_retries: Option<u32>,
    /// How old a record may become before it is given up; `None` means until it leaves the
    /// stream.
    pub maximum_record_age: Option<Duration>,
    /// The ARN of the queue that Lambda notifies of records that it gives up.
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

/// The record of a stream that a new mapping begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartingPosition {
    /// The oldest record that the stream still has.
    TrimHorizon,
    /// The first record that is written after the mapping was created.
    Latest,
}

/// A `Schedule` event of a function, which SAM makes a rule of EventBridge.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The function's and the event's names put together.
    pub logical_id: String,
    /// The ARN of the rule.
    pub arn: String,
    /// The name of the function that it invokes.
    pub function: String,
    /// `rate(…)` or `cron(…)`, which [`Expression::parse`](crate::Expression::parse) can read.
    pub expression: String,
    /// Whether the rule invokes the function.
    pub enabled: bool,
    /// A JSON text that the function gets instead of EventBridge's event.
    pub input: Option<String>,
}

/// The key of the route that takes every request which no other route matches.
pub const DEFAULT_ROUTE: &str = "$default";
/// The method of a route that takes every method.
pub const ANY_METHOD: &str = "ANY";

/// An HTTP API: the one that SAM makes of functions' `HttpApi` events.
#[derive(Clone, Debug)]
pub struct HttpApi {
    /// `ServerlessHttpApi`, as SAM calls it.
    pub logical_id: String,
    /// Its routes, no two with the same [key](HttpRoute::key).
    pub routes: Vec<HttpRoute>,
}

/// An `HttpApi` event of a function.
#[derive(Clone, Debug)]
pub struct HttpRoute {
    /// The function's and the event's names put together.
    pub logical_id: String,
    /// The name of the function that it invokes.
    pub function: String,
    /// An upper-case method such as `GET`, or [`ANY_METHOD`].
    pub method: String,
    /// A path such as `/orders/{id}`, or [`DEFAULT_ROUTE`].
    pub path: String,
    /// How long the API waits for the function: 50 ms to 30 s.
    pub timeout: Duration,
}

impl HttpRoute {
    /// The route key as API Gateway writes it: `GET /orders/{id}`, or `$default`.
    #[must_use]
    pub fn key(&self) -> String {
        let Self { method, path, .. } = self;
        if path == DEFAULT_ROUTE { path.clone() } else { format!("{method} {path}") }
    }
}
