//! The stages, one after the other: what ours passes on is what the next one is measured with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use axum::body::Bytes;
use event::{Attribute, Attributes, Code, DeadLetter, Failure, Timestamp};
use local::clock::Clock;
use serde_json::{Value, json};
use tests::{Flight, World, root};

use crate::host::Host;
use crate::process::{cpu_ns, memory_mb};
use crate::size::zipped_mb;
use crate::table::{Budget, Table, median};

/// How much is measured.
pub(crate) struct Plan {
    starts: usize,
    warm_up: usize,
    rounds: usize,
    /// Of a round, ten events each.
    batches: usize,
}

impl Plan {
    pub(crate) const FULL: Self = Self { starts: 41, warm_up: 20, rounds: 10, batches: 20 };
    pub(crate) const QUICK: Self = Self { starts: 1, warm_up: 1, rounds: 1, batches: 2 };

    /// All batches of a stage.
    pub(crate) fn batches(&self) -> usize {
        self.warm_up + self.rounds * self.batches
    }
}

/// A stage, as the template names its parts.
struct Stage {
    name: &'static str,
    function: &'static str,
    /// Where its events come from; for redrive, the dead-letter queue that it empties.
    input: &'static str,
    /// Where it passes them on to.
    output: Option<&'static str>,
    attributes: &'static [(&'static str, &'static str)],
}

const STAGES: [Stage; 4] = [
    Stage {
        name: "ingest",
        function: "IngestFunction",
        input: "Inbox",
        output: Some("EnrichQueue"),
        attributes: &[("dataset", "flights")],
    },
    Stage {
        name: "redrive",
        function: "RedriveFunction",
        input: "EnrichDlq",
        output: Some("EnrichQueue"),
        attributes: &[],
    },
    Stage {
        name: "enrich",
        function: "EnrichFunction",
        input: "EnrichQueue",
        output: Some("SinkQueue"),
        attributes: &[],
    },
    Stage {
        name: "sink",
        function: "SinkFunction",
        input: "SinkQueue",
        output: None,
        attributes: &[],
    },
];

pub(crate) async fn run(
    world: &World,
    folder: &Path,
    plan: &Plan,
    flights: &[Flight],
    table: &mut Table,
) {
    let mut bodies: Vec<String> = flights.iter().map(|flight| flight.line.clone()).collect();
    for stage in &STAGES {
        let (ours, bare) = (folder.join(stage.name), folder.join(format!("bare-{}", stage.name)));
        let (our_env, bare_env) =
            (variables(world, stage, "ours"), variables(world, stage, "bare"));
        let (mut our_starts, mut bare_starts) = (Vec::new(), Vec::new());
        for _ in 0..plan.starts {
            our_starts.push(Host::start(&ours, &our_env).await.start.as_secs_f64() * 1e3);
            bare_starts.push(Host::start(&bare, &bare_env).await.start.as_secs_f64() * 1e3);
        }
        let starts = (median(our_starts), median(bare_starts));
        table.add(stage.name, "start, ms", starts, Budget::Ratio(1.3));

        let mut ours_side = Side::start(&ours, &our_env).await;
        let mut bare_side = Side::start(&bare, &bare_env).await;
        let mut passed_on = Vec::new();
        let mut batches = bodies.chunks(10);
        for batch in batches.by_ref().take(plan.warm_up) {
            passed_on.extend(ours_side.work_off(world, stage, batch).await);
            bare_side.work_off(world, stage, batch).await;
        }
        for _ in 0..plan.rounds {
            ours_side.begin();
            bare_side.begin();
            for batch in batches.by_ref().take(plan.batches) {
                passed_on.extend(ours_side.work_off(world, stage, batch).await);
                bare_side.work_off(world, stage, batch).await;
            }
            ours_side.end();
            bare_side.end();
        }
        let (our_memory, bare_memory) =
            (memory_mb(ours_side.host.pid()), memory_mb(bare_side.host.pid()));
        let cpu = (median(ours_side.cpu_ms), median(bare_side.cpu_ms));
        table.add(stage.name, "CPU per event, ms", cpu, Budget::Ratio(1.5));
        table.add(stage.name, "resident, MB", (our_memory.0, bare_memory.0), Budget::Below(16.0));
        table.add(
            stage.name,
            "resident at its peak, MB",
            (our_memory.1, bare_memory.1),
            Budget::None,
        );
        table.add(
            stage.name,
            "zipped, MB",
            (zipped_mb(&ours), zipped_mb(&bare)),
            Budget::Below(5.0),
        );
        calls(world, plan, stage, table);
        if stage.name != "redrive" {
            bodies = passed_on;
        }
    }
}

/// AWS calls for ten events, by operation.
fn calls(world: &World, plan: &Plan, stage: &Stage, table: &mut Table) {
    let calls = world.emulation().calls();
    let (ours, bare) = (format!("ours-{}", stage.name), format!("bare-{}", stage.name));
    let per_batch = |caller: &str, operation: &str| {
        let counts = calls.iter().filter(|(call, _)| call.caller == caller);
        let count: u64 =
            counts.filter(|(call, _)| call.operation == operation).map(|(_, n)| n).sum();
        f64::from(u32::try_from(count).unwrap()) / f64::from(u32::try_from(plan.batches()).unwrap())
    };
    let of_stage = calls.keys().filter(|call| call.caller == ours || call.caller == bare);
    let operations: BTreeSet<&String> = of_stage.map(|call| &call.operation).collect();
    for operation in operations {
        let counts = (per_batch(&ours, operation), per_batch(&bare, operation));
        table.add(stage.name, format!("{operation} for 10 events"), counts, Budget::Ratio(1.1));
    }
}

/// What Lambda would give the function.
fn variables(world: &World, stage: &Stage, side: &str) -> BTreeMap<String, String> {
    let stack = world.emulation().stack();
    let function = stack.functions.iter().find(|each| each.logical_id == stage.function).unwrap();
    let mut all = function.environment.clone();
    let contracts = root().join("infra/contracts").display().to_string();
    let own = [
        ("CONTRACTS_DIR", contracts),
        ("AWS_ACCESS_KEY_ID", format!("{side}-{}", stage.name)),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ENDPOINT_URL", world.emulation().endpoint().to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "measured".to_owned()),
    ];
    all.extend(own.map(|(name, value)| (name.to_owned(), value)));
    all
}

/// One of the two that take turns.
struct Side {
    host: Host,
    begun_ns: u64,
    events: u32,
    /// Per event, of each round.
    cpu_ms: Vec<f64>,
}

impl Side {
    async fn start(binary: &Path, variables: &BTreeMap<String, String>) -> Self {
        let host = Host::start(binary, variables).await;
        Self { host, begun_ns: 0, events: 0, cpu_ms: Vec::new() }
    }

    fn begin(&mut self) {
        self.begun_ns = cpu_ns(self.host.pid());
        self.events = 0;
    }

    fn end(&mut self) {
        let spent = Duration::from_nanos(cpu_ns(self.host.pid()) - self.begun_ns);
        self.cpu_ms.push(spent.as_secs_f64() * 1e3 / f64::from(self.events));
    }

    /// Has a batch worked off, and answers what was passed on.
    async fn work_off(&mut self, world: &World, stage: &Stage, batch: &[String]) -> Vec<String> {
        self.events += u32::try_from(batch.len()).unwrap();
        if stage.name == "redrive" {
            batch.iter().enumerate().for_each(|(id, body)| bury(world, stage, id, body));
            let request = json!({ "stage": "enrich", "limit": batch.len() }).to_string();
            let report = self.host.invoke(Bytes::from(request)).await;
            assert_eq!(report["moved"], batch.len(), "{report}");
        } else {
            let answer = self.host.invoke(sqs_event(world, stage, batch)).await;
            assert_eq!(answer["batchItemFailures"], json!([]), "{}: {answer}", stage.name);
        }
        let Some(output) = stage.output else { return Vec::new() };
        let passed_on = drain(world, output).await;
        assert_eq!(passed_on.len(), batch.len(), "{} passes on what it gets", stage.name);
        passed_on
    }
}

/// Puts a message into a dead-letter queue, with a reason.
fn bury(world: &World, stage: &Stage, id: usize, body: &str) {
    let why = Failure::transient(Code::DependencyUnavailable, "enricher weather: no connection");
    // Each has an id of its own: redrive moves no letter twice.
    let letter = DeadLetter::new("enrich", &why, Timestamp::from_unix_ms(0), &format!("m-{id}"));
    let attributes: Attributes = [("traceparent".to_owned(), Attribute::string("00-1"))].into();
    let attributes = letter.write(attributes);
    let attributes: Vec<(&str, &str)> =
        attributes.iter().map(|(name, each)| (name.as_str(), each.value.as_str())).collect();
    world.send(stage.input, body, &attributes);
}

/// An SQS event as Lambda makes it.
fn sqs_event(world: &World, stage: &Stage, batch: &[String]) -> Bytes {
    let stack = world.emulation().stack();
    let queue = stack.queues.iter().find(|each| each.logical_id == stage.input).unwrap();
    let sent = Clock::system().now_ms().to_string();
    let attributes: serde_json::Map<String, Value> = stage
        .attributes
        .iter()
        .map(|(name, value)| {
            let value = json!({
                "stringValue": value, "stringListValues": [], "binaryListValues": [], "dataType": "String",
            });
            ((*name).to_owned(), value)
        })
        .collect();
    let record = |(index, body): (usize, &String)| {
        json!({
            "messageId": format!("059f36b4-87a3-44ab-83d2-{index:012}"),
            "receiptHandle": format!("AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a{index}"),
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": sent,
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": sent,
            },
            "messageAttributes": attributes,
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": queue.arn,
            "awsRegion": "eu-west-1",
        })
    };
    let records: Vec<Value> = batch.iter().enumerate().map(record).collect();
    Bytes::from(json!({ "Records": records }).to_string())
}

/// Takes all of a queue's messages out of it.
async fn drain(world: &World, queue: &str) -> Vec<String> {
    let (sqs, name) = (world.emulation().sqs(), world.name(queue));
    let mut bodies = Vec::new();
    loop {
        let received = sqs.receive(name, 10, Duration::ZERO).await.unwrap();
        if received.is_empty() {
            return bodies;
        }
        for message in received {
            sqs.delete(name, &message.receipt_handle).unwrap();
            bodies.push(message.body);
        }
    }
}
