//! Files that are far larger than what one invocation reads: every record is sent on once, unaltered, in the same memory
//! whatever the size.
//!
//! `cargo test` has 200 MB. For more, with optimised binaries, and with slices as large as the template has them:
//!
//! ```sh
//! cargo test --release --workspace --test large_file -- --bytes 10000000000 --slice-mib 1024
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

#[expect(dead_code, reason = "the benchmark also measures starts")]
#[path = "../../benches/functions/host.rs"]
mod host;
#[path = "../../benches/functions/process.rs"]
mod process;
mod service;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use emulation::builder::Profile;
use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};
use sluicegate_tests::{build, root};
use tokio::runtime::Builder;
use tokio::time::Instant;

use crate::host::Host;
use crate::process::{cpu_ns, memory_mb};
use crate::service::{Message, RECORD, Services};

/// Half of the memory of ingest in the template.
const HALF_MB: f64 = 256.0;

/// By this many invocations, connections and buffers are as large as they get.
const EARLY: usize = 4;

#[derive(Parser)]
#[command(about = "Large files through ingest", long_about = None)]
struct Command {
    /// Of the file
    #[arg(long, value_name = "COUNT", default_value_t = 200_000_000)]
    bytes: u64,
    /// Of a slice
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    slice_mib: u32,
    #[command(flatten)]
    harness: Arguments,
}

/// Files of the same size, which one batch announces.
#[derive(Clone, Copy)]
struct Files {
    count: u64,
    records: u64,
    slice_mib: u32,
    /// What ingest may need at its peak.
    most_mb: f64,
}

fn main() -> ExitCode {
    let Command { bytes, slice_mib, harness } = Command::parse();
    let records = bytes.div_ceil(RECORD);
    let one = Files { count: 1, records, slice_mib, most_mb: HALF_MB / 3.0 };
    let ten = Files { count: 10, records: 40, slice_mib: 20, most_mb: HALF_MB };
    let trials = vec![
        trial("each_record_of_a_large_file_is_sent_on_once", one),
        trial("ten_files_at_a_time_stay_within_the_function_s_memory", ten),
    ];
    libtest_mimic::run(&harness, trials).exit_code()
}

fn trial(name: &str, files: Files) -> Trial {
    let own = name.to_owned();
    Trial::test(name, move || {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let told = runtime.block_on(files.read());
        let _ = writeln!(std::io::stdout().lock(), "{own}: {told}");
        Ok(())
    })
}

impl Files {
    /// Has ingest read the files, and checks what came of them.
    async fn read(self) -> String {
        let Self { count, records, slice_mib, most_mb } = self;
        let profile = if cfg!(debug_assertions) { Profile::Dev } else { Profile::Release };
        let folder = build(profile, &["ingest"], Some(env!("CARGO_PKG_NAME"))).await;
        let services = Services::start(records).await;
        let variables = variables(&services.endpoint, slice_mib);
        let mut host = Host::start(&folder.join("ingest"), &variables).await;
        let began = Instant::now();
        let mut batch: Vec<Value> = (0..count).map(|file| announcement(file, records)).collect();
        let (mut peaks, mut slices) = (Vec::new(), 0);
        while !batch.is_empty() {
            slices += batch.len() as u64;
            let invocation = json!({ "Records": batch }).to_string().into();
            assert_eq!(host.invoke(invocation).await, json!({"batchItemFailures": []}));
            peaks.push(memory_mb(host.pid()).1);
            let next = services.received(|received| std::mem::take(&mut received.inbox));
            assert!(next.len() <= batch.len(), "more messages go on with fewer files");
            batch = next.iter().map(received_again).collect();
        }
        services.received(|received| {
            assert_eq!(received.others, Vec::<String>::new());
            let mut once = BTreeMap::new();
            for file in 0..count {
                once.extend((0..records).map(|number| ((key(file), number), 1)));
            }
            assert!(received.records == once, "not each record is sent on once");
        });
        let slice_bytes = u64::from(slice_mib) * 1024 * 1024;
        assert!(slices >= count * records * RECORD / (slice_bytes + 2 * RECORD), "{slices} slices");
        let (early, last) = (peaks[peaks.len().min(EARLY) - 1], peaks[peaks.len() - 1]);
        let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_ns(host.pid()));
        let cpu = Duration::from_nanos(cpu).as_secs_f64();
        let told = format!(
            "{records} records of 900 KB a file, {slices} slices: peak {early:.1} MB early, \
             {last:.1} MB in the end; {seconds:.1} s, {cpu:.1} s of CPU"
        );
        assert!(last < early * 1.1, "the memory grows with the file: {told}");
        assert!(last < most_mb, "more than {most_mb} MB: {told}");
        told
    }
}

fn variables(endpoint: &str, slice_mib: u32) -> BTreeMap<String, String> {
    let contracts = root().join("tests/contracts").display().to_string();
    let queue = |name: &str| format!("{endpoint}/000000000000/{name}");
    let variables = [
        ("ARCHIVE_BUCKET", "archive".to_owned()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", "ingest".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "ingest".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "ingest".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("CONTRACTS_DIR", contracts),
        ("DEAD_LETTER_QUEUE_URL", queue("dlq")),
        ("ENRICH_QUEUE_URL", queue("enrich")),
        ("MAX_RECEIVE_COUNT", "5".to_owned()),
        ("METRICS_NAMESPACE", "Sluicegate/test".to_owned()),
        ("QUEUE_URL", queue("inbox")),
        ("SLICE_MIB", slice_mib.to_string()),
        ("TRUSTED_SENDERS", "AROAINGEST".to_owned()),
        (
            "VARIABLES_FILE",
            root().join("infra/contracts/variables/local.yaml").display().to_string(),
        ),
    ];
    variables.map(|(name, value)| (name.to_owned(), value)).into()
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
fn announcement(file: u64, records: u64) -> Value {
    let object = json!({"key": key(file), "size": records * RECORD, "eTag": "e1"});
    let record = json!({
        "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventVersion": "2.1",
        "s3": {"bucket": {"name": "landing"}, "object": object},
    });
    message(
        &format!("announcement-{file}"),
        &json!({ "Records": [record] }).to_string(),
        &json!({}),
    )
}

fn key(file: u64) -> String {
    format!("flights/large-{file}.ndjson")
}

/// A message as Lambda receives it: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>.
fn message(id: &str, body: &str, attributes: &Value) -> Value {
    json!({
        "messageId": id, "receiptHandle": id, "body": body, "messageAttributes": attributes,
        "attributes": {"ApproximateReceiveCount": "1", "SenderId": "AROAINGEST:ingest"},
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:inbox",
        "awsRegion": "eu-west-1", "md5OfBody": "",
    })
}

fn received_again(sent: &Message) -> Value {
    let mut attributes = serde_json::Map::new();
    for (name, attribute) in &sent.message_attributes {
        let value = json!({"dataType": "String", "stringValue": attribute["StringValue"]});
        attributes.insert(name.clone(), value);
    }
    message("again", &sent.message_body, &Value::Object(attributes))
}
