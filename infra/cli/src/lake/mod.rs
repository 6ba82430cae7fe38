//! `sluicegate lake`: maintains a lake, in the local emulation or on AWS.

pub(crate) mod args;
mod report;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use aws::{ClaimStore, Objects};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use emulation::template::Stack;
use lake_storage::compact::{Compaction, LONGEST_LIFE, Selection, Settings, Tally, partitions};
use lake_storage::{Partition, S3Bucket};
use runtime::SystemClock;
use runtime::env::Process;

use self::args::{Compact, Lake};
use self::report::Done;
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::options::Format;
use crate::output::Output;
use crate::root;

/// The output of the template with the lake's bucket.
const BUCKET_OUTPUT: &str = "LakeBucketName";
/// The output of the template with the dedupe table.
const TABLE_OUTPUT: &str = "DedupeTableName";
/// The time limit of a call: enough for a large object over a slow connection.
const LONGEST_CALL: Duration = Duration::from_secs(600);

pub(crate) async fn run(
    root: Option<&Path>,
    verb: Lake,
    output: &Output,
) -> Result<ExitCode, Failure> {
    match verb {
        Lake::Compact(args) => compact(root, &args, output).await,
    }
}

async fn compact(
    root: Option<&Path>,
    args: &Compact,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let settings = Settings::new(args.older_than, args.keep_replaced, args.target_size);
    let settings = settings.map_err(|error| {
        let least = LONGEST_LIFE.as_secs() / 60;
        Failure::new("--older-than or --keep-replaced is too short")
            .because(error)
            .next(format!("give at least {least}m"))
    })?;
    let endpoint = Endpoint::of(&args.pipeline, &Process).await?;
    let names = Names::of(&endpoint, root, args).await?;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(LONGEST_CALL)
        .operation_timeout(LONGEST_CALL);
    let s3 = endpoint.s3().config().to_builder().timeout_config(timeouts.build()).build();
    let s3 = aws_sdk_s3::Client::from_conf(s3);
    let bucket = S3Bucket::new(Objects::from(s3), names.bucket.clone());
    let records = ClaimStore::new(&endpoint.config, names.dedupe_table);
    let selection = Selection {
        sink: args.sink.clone(),
        dataset: args.dataset.clone(),
        date: args.date.clone(),
    };
    let found = partitions(&bucket, &selection).await.map_err(|failure| {
        Failure::new(format!("s3://{} cannot be listed", names.bucket))
            .because(io::Error::other(failure.to_string()))
            .next(endpoint.advice())
    })?;
    if found.is_empty() {
        return Err(Failure::new(format!("s3://{} has no such partition", names.bucket))
            .next("is it the bucket that you mean, and --sink, --dataset and --date?"));
    }
    let compaction = Compaction {
        bucket: &bucket,
        records: &records,
        clock: &SystemClock,
        name: &runtime::unique_name,
        settings,
        watch: &|text| output.status(&format!("  {text}")),
    };
    let mut done =
        Done { is_dry_run: args.dry_run, keep_replaced: args.keep_replaced, ..Done::default() };
    for (at, partition) in found.iter().enumerate() {
        let line = format!("{} of {}: {partition}", at + 1, found.len());
        output.progress(at as u64, found.len() as u64, &line);
        match compact_partition(&compaction, partition, args.dry_run).await {
            Ok(tally) => done.partitions.push((partition.to_string(), tally)),
            Err(failure) => {
                let failure = Failure::new(format!("{partition} is not done"))
                    .because(io::Error::other(failure.to_string()));
                output.note(&failure.to_string());
                done.failed += 1;
            }
        }
    }
    match args.format {
        Format::Json => output.result(&done.json().to_string()),
        Format::Text => output.result(&done.text()),
    }
    if done.failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(format!("{} of {} partitions are not done", done.failed, found.len()))
        .next("run it again: what was done is done, and it begins where it ended"))
}

async fn compact_partition(
    compaction: &Compaction<'_, S3Bucket, ClaimStore>,
    partition: &Partition,
    is_dry_run: bool,
) -> Result<Tally, event::Failure> {
    if is_dry_run {
        compaction.outlook(partition).await
    } else {
        compaction.partition(partition).await
    }
}

/// The value of a variable in the first function that has it.
fn variable(stack: &Stack, name: &str) -> Option<String> {
    stack.functions.iter().find_map(|function| function.environment.get(name)).cloned()
}

/// The names of bucket and table: those that were given, those of the stack, or on this machine
/// those that the template makes.
struct Names {
    bucket: String,
    dedupe_table: String,
}

impl Names {
    async fn of(endpoint: &Endpoint, root: Option<&Path>, args: &Compact) -> Result<Self, Failure> {
        if let (Some(bucket), Some(table)) = (&args.bucket, &args.dedupe_table) {
            return Ok(Self { bucket: bucket.clone(), dedupe_table: table.clone() });
        }
        if endpoint.stack.is_some() {
            return Self::of_stack(endpoint, args).await;
        }
        let give = "give --bucket and --dedupe-table";
        if !endpoint.is_loopback() {
            let what = format!("at {} the names follow from account and stack", endpoint.name());
            let next = format!(
                "give --stack, or --bucket and --dedupe-table: the stack's outputs {BUCKET_OUTPUT} and {TABLE_OUTPUT}"
            );
            return Err(Failure::new(what).next(next));
        }
        let root = root::find(root)
            .map_err(|failure| failure.next(format!("{give}, or --root FOLDER")))?;
        let stack = emulation::stack(&root, &BTreeMap::new())
            .map_err(|error| Failure::new("the template cannot be used").because(error))?;
        let bucket = args.bucket.clone().or_else(|| variable(&stack, "LAKE_BUCKET"));
        let table = args.dedupe_table.clone().or_else(|| variable(&stack, "DEDUPE_TABLE"));
        let (Some(bucket), Some(dedupe_table)) = (bucket, table) else {
            return Err(Failure::new("template.yaml has no lake function").next(give));
        };
        Ok(Self { bucket, dedupe_table })
    }
    async fn of_stack(endpoint: &Endpoint, args: &Compact) -> Result<Self, Failure> {
        let bucket = match &args.bucket {
            Some(bucket) => Some(bucket.clone()),
            None => endpoint.output(BUCKET_OUTPUT, "--bucket").await?,
        };
        let dedupe_table = match &args.dedupe_table {
            Some(table) => Some(table.clone()),
            None => endpoint.output(TABLE_OUTPUT, "--dedupe-table").await?,
        };
        Ok(Self {
            bucket: bucket.unwrap_or_default(),
            dedupe_table: dedupe_table.unwrap_or_default(),
        })
    }
}
