//! Deployments to a server on this machine, which answers as CloudFormation and S3 do by their API references, and
//! notes what it is asked.

mod aws;

use std::path::Path;

use serde_json::{Value, json};

use self::aws::{Aws, CONTRACTS_BEFORE, Called, STACK};
use super::*;
use crate::account::Pipeline;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> event::Timestamp {
        event::Timestamp::from_unix_ms(1_796_000_000_000)
    }
}

fn args(aws: &Aws) -> Deploy {
    let pipeline = Pipeline {
        stack: Some(STACK.to_owned()),
        region: Some("eu-west-1".to_owned()),
        endpoint: Some(aws.url.clone()),
        ..Pipeline::default()
    };
    Deploy { bucket: None, dry_run: false, format: Format::Json, pipeline }
}

async fn deployed(root: &Path, args: &Deploy) -> Result<Value, String> {
    let output = Output::of_process();
    let deployment = Deployment { root, args, output: &output, poll: Duration::ZERO };
    let report = deployment.run(&BTreeMap::new(), &Fixed).await;
    report.map(|report| report.json()).map_err(|failure| failure.to_string())
}

fn actions(called: &[Called]) -> Vec<&str> {
    called.iter().map(|call| call.name.as_str()).collect()
}

const LOOKS: [&str; 2] = ["DescribeStacks", "GetTemplate"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stacks_own_template_is_deployed_with_the_contracts_and_all_else_as_it_was() {
    let aws = Aws::start();
    let report = deployed(root(), &args(&aws)).await.unwrap();
    assert_eq!(report["ending"], json!("deployed"));
    assert_eq!(report["before"], json!(CONTRACTS_BEFORE));
    let after = report["after"].as_str().unwrap();
    let key = after.strip_prefix("s3://packages/sluicegate/contracts-").unwrap();
    let changes = report["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 3, "of both pages: {changes:?}");

    let called = aws.called();
    let create = called.iter().find(|call| call.name == "CreateChangeSet").unwrap();
    for (name, expected) in [
        ("StackName", STACK),
        ("ChangeSetType", "UPDATE"),
        ("Parameters.member.1.ParameterKey", "Environment"),
        ("Parameters.member.1.UsePreviousValue", "true"),
        ("Parameters.member.2.ParameterKey", "LogLevel"),
        ("Parameters.member.2.UsePreviousValue", "true"),
        ("Capabilities.member.1", "CAPABILITY_IAM"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "data & more"),
    ] {
        assert_eq!(create.form[name], expected, "{name}");
    }
    assert!(!create.form.contains_key("Parameters.member.1.ParameterValue"));
    let names: Vec<&str> = called
        .iter()
        .filter_map(|call| call.form.get("ChangeSetName"))
        .map(String::as_str)
        .collect();
    assert!(names.iter().all(|name| *name == names[0]), "{names:?}");

    // What CloudFormation is given is the template as it is deployed, but for the place of the contracts, and for what
    // makes a new version of each function that has an alias.
    let url = &create.form["TemplateURL"];
    let object = url.strip_prefix(&format!("{}/", aws.url)).unwrap();
    let given = String::from_utf8(aws.object(object).unwrap()).unwrap();
    let (versions, others): (Vec<&str>, Vec<&str>) =
        given.lines().partition(|line| line.trim_start().starts_with("AutoPublishCodeSha256:"));
    assert_eq!(versions.len(), aws::template().matches("AutoPublishAlias: live").count());
    let others = others.join("\n");
    assert_eq!(others.replace(&format!("\"{after}\""), CONTRACTS_BEFORE), aws::template());
    let archive = aws.object(&format!("packages/sluicegate/contracts-{key}")).unwrap();
    assert_eq!(format!("{}.zip", hex_sha256(&archive)), key);
    let contract = std::fs::read(root().join("infra/contracts/flights/contract.yaml")).unwrap();
    assert!(archive.windows(contract.len()).any(|window| window == contract));
    let last = called.last().unwrap();
    assert_eq!((last.name.as_str(), called.len() > 8), ("DescribeStackEvents", true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_contracts_are_deployed_once() {
    let aws = Aws::start();
    let first = deployed(root(), &args(&aws)).await.unwrap();
    aws.update(|state| {
        state.template = state.template.replace(CONTRACTS_BEFORE, first["after"].as_str().unwrap());
    });
    let before = aws.called().len();
    let again = deployed(root(), &args(&aws)).await.unwrap();
    assert_eq!(again["ending"], json!("unchanged"));
    assert_eq!(actions(&aws.called()[before..]), LOOKS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_that_differ_are_named() {
    let aws = Aws::start();
    let unknown = deployed(root(), &args(&aws)).await.unwrap();
    assert_eq!(unknown["files"], Value::Null, "there is no archive");
    let mut archive = archive_of(&root().join(CONTRACTS)).unwrap();
    // As another writer has it: a folder has an entry of its own, and one file is another one.
    let name = b"weather/contract.yaml";
    let at = archive.bytes.windows(name.len()).rposition(|window| window == name).unwrap();
    archive.bytes[at..at + 7].copy_from_slice(b"tidings");
    let sum = archive.bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap() + 16;
    archive.bytes[sum] ^= 1;
    aws.update(|state| {
        state.objects.insert(CONTRACTS_BEFORE.replace("s3://", ""), archive.bytes.clone());
    });
    let report = deployed(root(), &args(&aws)).await.unwrap();
    let files = json!({"added": ["weather/contract.yaml"], "changed": ["weather/v1.schema.json"],
        "removed": ["tidings/contract.yaml"]});
    assert_eq!(report["files"], files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_shows_the_changes_and_leaves_the_stack_alone() {
    let aws = Aws::start();
    let args = Deploy { dry_run: true, bucket: Some("other".to_owned()), ..args(&aws) };
    let report = deployed(root(), &args).await.unwrap();
    assert_eq!(report["ending"], json!("planned"));
    assert!(report["after"].as_str().unwrap().starts_with("s3://other/sluicegate/contracts-"));
    let called = aws.called();
    assert_eq!(called.last().unwrap().name, "DeleteChangeSet");
    assert!(!actions(&called).contains(&"ExecuteChangeSet"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_remove_or_replace_more_than_versions_is_not_executed() {
    for change in [("Remove", "AWS::DynamoDB::Table", ""), ("Modify", "AWS::SQS::Queue", "True")] {
        let aws = Aws::start();
        aws.update(|state| state.change = change);
        let told = deployed(root(), &args(&aws)).await.unwrap_err();
        assert!(told.contains("stays as it is") && told.contains(change.1), "{told}");
        assert_eq!(aws.called().last().unwrap().name, "DeleteChangeSet");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_cloudformation_takes_back_says_what_failed_first() {
    let aws = Aws::start();
    aws.update(|state| state.ending = "UPDATE_ROLLBACK_COMPLETE");
    let told = deployed(root(), &args(&aws)).await.unwrap_err();
    assert!(told.contains("was not updated: UPDATE_ROLLBACK_COMPLETE"), "{told}");
    assert!(told.contains("IngestFunction: the alarm went off"), "{told}");
}

#[track_caller]
fn check_told(told: &str, aws: &Aws, expected: &str) {
    assert!(told.contains(expected), "{told}");
    let called = aws.called();
    let all = actions(&called);
    assert!(all.iter().all(|action| LOOKS.contains(action)), "nothing is changed: {all:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_that_cannot_have_the_contracts_is_left_alone() {
    let aws = Aws::start();
    aws.update(|state| state.status = "UPDATE_IN_PROGRESS");
    check_told(&deployed(root(), &args(&aws)).await.unwrap_err(), &aws, "is being changed");
    aws.update(|state| state.status = "ROLLBACK_COMPLETE");
    check_told(&deployed(root(), &args(&aws)).await.unwrap_err(), &aws, "cannot be updated");
    aws.update(|state| (state.status, state.environment) = ("UPDATE_COMPLETE", "moon"));
    let told = deployed(root(), &args(&aws)).await.unwrap_err();
    check_told(&told, &aws, "there is no infra/contracts/variables/moon.yaml");
    // The deployed template is older than the contracts, and does not know a table of theirs.
    aws.update(|state| {
        state.environment = "production";
        state.template = state.template.replace("\"totals\":", "\"sums\":");
    });
    let told = deployed(root(), &args(&aws)).await.unwrap_err();
    check_told(&told, &aws, "the sink `totals` of `flights` has no table");
    let mut args = args(&aws);
    args.pipeline.stack = None;
    check_told(&deployed(root(), &args).await.unwrap_err(), &aws, "no stack is named");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contracts_that_do_not_pass_the_check_are_not_deployed() {
    let aws = Aws::start();
    let folder = std::env::temp_dir().join(format!("deploy-{}", std::process::id()));
    let dataset = folder.join("infra/contracts/orders");
    std::fs::create_dir_all(&dataset).unwrap();
    std::fs::copy(root().join("template.yaml"), folder.join("template.yaml")).unwrap();
    std::fs::write(dataset.join("contract.yaml"), "dataset: orders\n").unwrap();
    let done = deploy(&folder, &args(&aws), &Output::of_process()).await;
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(format!("{:?}", done.unwrap()), format!("{:?}", ExitCode::FAILURE));
    assert!(aws.called().is_empty());
}

#[tokio::test]
async fn cloudformation_reads_the_template_from_the_buckets_own_address() {
    let variables = BTreeMap::from([("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s")]);
    let place = ObjectPlace { bucket: "packages".to_owned(), key: "sluicegate/a.zip".to_owned() };
    for (region, expected) in [
        ("eu-west-1", "https://packages.s3.eu-west-1.amazonaws.com/sluicegate/a.zip"),
        ("cn-north-1", "https://packages.s3.cn-north-1.amazonaws.com.cn/sluicegate/a.zip"),
    ] {
        let pipeline = Pipeline { region: Some(region.to_owned()), ..Pipeline::default() };
        let endpoint = Endpoint::of(&pipeline, &variables).await.unwrap();
        assert_eq!(url_of(&endpoint, &place), expected);
    }
}
