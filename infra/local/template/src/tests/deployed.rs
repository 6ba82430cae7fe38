//! Reads the deployed template, and checks the promises that its settings have to keep.

mod messages;
mod options;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{DEPLOYED, read_with, try_read};
use crate::{EventSourceMapping, Function, Queue, Stack, UrlAuth};
use iam::Grant;

/// The sinks whose tables the template brings along.
const OWN_SINKS: [&str; 2] = ["records", "totals"];

/// Reads the template without the tables of datasets that users added: the promises concern only
/// what the template itself brings along.
#[track_caller]
fn deployed() -> Stack {
    let mut stack = read_with(DEPLOYED, &[("Environment", "local")]);
    let mut added = BTreeSet::new();
    for function in &mut stack.functions {
        let Some(text) = function.environment.get_mut("TABLES") else { continue };
        let mut tables: BTreeMap<String, String> = serde_json::from_str(text).unwrap();
        added.extend(tables.extract_if(.., |sink, _| !OWN_SINKS.contains(&sink.as_str())));
        *text = serde_json::to_string(&tables).unwrap();
    }
    for (_, name) in added {
        let at = stack.tables.iter().position(|table| table.name == name).unwrap();
        let table = stack.tables.remove(at);
        for warning in &mut stack.warnings {
            *warning = warning.replace(&format!(", {}", table.logical_id), "");
        }
    }
    stack
}

fn function<'a>(stack: &'a Stack, id: &str) -> &'a Function {
    stack.functions.iter().find(|function| function.logical_id == id).unwrap()
}

/// Each mapping of a stage, with its queue and its function.
fn stages(stack: &Stack) -> Vec<(&EventSourceMapping, &Queue, &Function)> {
    let mut all = consumers(stack);
    all.retain(|(_, _, function)| function.binary != "collect");
    all
}

/// Each mapping with its queue and its function.
fn consumers(stack: &Stack) -> Vec<(&EventSourceMapping, &Queue, &Function)> {
    let queue = |arn: &str| stack.queues.iter().find(|queue| queue.arn == arn).unwrap();
    let function = |name: &str| stack.functions.iter().find(|known| known.name == name).unwrap();
    stack
        .mappings
        .iter()
        .map(|mapping| (mapping, queue(&mapping.queue_arn), function(&mapping.function)))
        .collect()
}

fn redrive_policy(queue: &Queue) -> Json {
    serde_json::from_str(&queue.attributes["RedrivePolicy"]).unwrap()
}

#[test]
fn every_resource_is_read() {
    let stack = deployed();
    let ids = |ids: Vec<&String>| ids.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    assert_eq!(
        ids(stack.functions.iter().map(|function| &function.logical_id).collect()),
        "IngestFunction EnrichFunction SinkFunction LakeFunction DeliverFunction CollectFunction \
         RedriveFunction OperatorsFunction PollingFunction"
    );
    assert_eq!(
        ids(stack.functions.iter().map(|function| &function.binary).collect()),
        "ingest enrich sink lake deliver collect redrive operators polling"
    );
    assert_eq!(
        ids(stack.queues.iter().map(|queue| &queue.logical_id).collect()),
        "Inbox InboxDlq LateQueue EnrichQueue EnrichDlq SinkQueue SinkDlq LakeQueue LakeDlq DeliverQueue \
         DeliverDlq"
    );
    assert_eq!(
        ids(stack.tables.iter().map(|table| &table.logical_id).collect()),
        "RecordsTable TotalsTable DedupeTable LettersTable BreakersTable"
    );
    assert_eq!(
        ids(stack.buckets.iter().map(|bucket| &bucket.logical_id).collect()),
        "LandingBucket ArchiveBucket ReferenceBucket LakeBucket"
    );
    assert_eq!(
        ids(stack.mappings.iter().map(|mapping| &mapping.logical_id).collect()),
        "IngestFunctionInbox EnrichFunctionEnrich SinkFunctionSink LakeFunctionLake \
         DeliverFunctionDeliver CollectFunctionInbox CollectFunctionEnrich CollectFunctionSink \
         CollectFunctionLake CollectFunctionDeliver"
    );
}

#[test]
fn functions_have_their_settings_and_those_that_all_share() {
    let stack = deployed();
    let ingest = function(&stack, "IngestFunction");
    assert_eq!(ingest.name, "sluicegate-IngestFunction");
    assert_eq!(
        ingest.arn,
        "arn:aws:lambda:eu-west-1:000000000000:function:sluicegate-IngestFunction"
    );
    assert_eq!(ingest.timeout, Duration::from_secs(300));
    assert_eq!(ingest.memory_mb, 512);
    assert_eq!(ingest.layers, [Path::new("/project/infra/contracts")]);
    assert_eq!(ingest.url, Some(UrlAuth::AwsIam));
    let expected = [
        ("ARCHIVE_BUCKET", "sluicegate-archivebucket"),
        ("CONTRACTS_DIR", "/opt"),
        ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:4566/000000000000/sluicegate-InboxDlq"),
        ("ENRICH_QUEUE_URL", "http://127.0.0.1:4566/000000000000/sluicegate-EnrichQueue"),
        ("LATE_QUEUE_URL", "http://127.0.0.1:4566/000000000000/sluicegate-LateQueue"),
        ("LOG_LEVEL", "info"),
        ("METRICS_NAMESPACE", "Sluicegate/sluicegate"),
        ("MAX_RECEIVE_COUNT", "15"),
        ("QUEUE_URL", "http://127.0.0.1:4566/000000000000/sluicegate-Inbox"),
        ("SLICE_MIB", "1024"),
        ("VARIABLES_FILE", "/opt/variables/local.yaml"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut environment = ingest.environment.clone();
    let trusted = environment.remove("TRUSTED_SENDERS");
    assert_eq!(environment, BTreeMap::from(expected));
    let role = |function: &str| {
        let arn = &self::function(&stack, function).role;
        crate::role_id(arn.rsplit('/').next().unwrap())
    };
    let redrive_and_ingest = [role("RedriveFunction"), role("IngestFunction")].join(",");
    assert_eq!(trusted, Some(redrive_and_ingest));

    let redrive = function(&stack, "RedriveFunction");
    assert_eq!(redrive.reserved_concurrency, None, "runs have leases in their ledger");
    assert_eq!(redrive.timeout, Duration::from_secs(300));
    assert!(redrive.url.is_none(), "operators reach it through their own function");
    for asking in ["EnrichFunction", "DeliverFunction"] {
        let variables = &function(&stack, asking).environment["VARIABLES_FILE"];
        assert_eq!(variables, "/opt/variables/local.yaml");
        let fleet = read_with(DEPLOYED, &[("Environment", "local"), ("ServiceConcurrency", "9")]);
        assert_eq!(function(&fleet, asking).environment["MAXIMUM_CONCURRENCY"], "9");
        let mut mappings = fleet.mappings.iter();
        let mapping = mappings.find(|mapping| mapping.logical_id.starts_with(asking)).unwrap();
        assert_eq!(mapping.maximum_concurrency, Some(9));
    }
    let operators = function(&stack, "OperatorsFunction");
    assert_eq!(operators.url, Some(UrlAuth::AwsIam), "whoever acts is known");
}

#[test]
fn variables_that_hold_json_are_json() {
    let stack = deployed();
    let url = |queue: &str| format!("http://127.0.0.1:4566/000000000000/sluicegate-{queue}");
    #[track_caller]
    fn check(function: &Function, variable: &str, expected: &Json) {
        let found: Json = serde_json::from_str(&function.environment[variable]).unwrap();
        assert_eq!(found, *expected);
    }
    let sinks = json!({
        "table": url("SinkQueue"), "lake": url("LakeQueue"), "http": url("DeliverQueue"),
    });
    check(function(&stack, "EnrichFunction"), "SINK_QUEUES", &sinks);
    let tables =
        json!({ "records": "sluicegate-RecordsTable", "totals": "sluicegate-TotalsTable" });
    check(function(&stack, "SinkFunction"), "TABLES", &tables);
    let routes = json!({
        "ingest": { "dlq": url("InboxDlq"), "queue": url("Inbox") },
        "enrich": { "dlq": url("EnrichDlq"), "queue": url("EnrichQueue") },
        "sink": { "dlq": url("SinkDlq"), "queue": url("SinkQueue") },
        "lake": { "dlq": url("LakeDlq"), "queue": url("LakeQueue") },
        "deliver": { "dlq": url("DeliverDlq"), "queue": url("DeliverQueue") },
    });
    check(function(&stack, "RedriveFunction"), "ROUTES", &routes);
    let arn = |queue: &str| format!("arn:aws:sqs:eu-west-1:000000000000:sluicegate-{queue}");
    let stages = json!({
        arn("InboxDlq"): "ingest", arn("EnrichDlq"): "enrich", arn("SinkDlq"): "sink",
        arn("LakeDlq"): "lake", arn("DeliverDlq"): "deliver",
    });
    check(function(&stack, "CollectFunction"), "STAGES", &stages);
    let parking = json!({ "enrich": url("EnrichQueue"), "deliver": url("DeliverQueue") });
    check(function(&stack, "OperatorsFunction"), "PARKING_QUEUES", &parking);
    let uuid = |id: &str| &stack.mappings.iter().find(|each| each.logical_id == id).unwrap().uuid;
    let mappings = json!({ "enrich": uuid("EnrichFunctionEnrich"), "deliver": uuid("DeliverFunctionDeliver") });
    check(function(&stack, "PollingFunction"), "MAPPINGS", &mappings);
}

#[test]
fn each_function_has_a_role_of_its_own_and_logs_of_its_own() {
    let stack = deployed();
    let roles: BTreeSet<_> = stack.functions.iter().map(|function| &function.role).collect();
    assert_eq!((roles.len(), stack.roles.len()), (stack.functions.len(), stack.functions.len()));
    let logs: BTreeSet<_> =
        stack.functions.iter().filter_map(|each| each.log_group.as_ref()).collect();
    assert_eq!(logs.len(), stack.functions.len());
}

#[test]
fn functions_are_granted_exact_actions_on_exact_resources() {
    for role in deployed().roles {
        let grants = role.rights.grants();
        assert!(grants.len() >= 8, "{}: {grants:?}", role.name);
        let distinct: BTreeSet<_> = grants.iter().collect();
        assert_eq!(distinct.len(), grants.len(), "{}: {grants:?}", role.name);
        for Grant { action, resource } in grants {
            assert!(!action.contains('*'), "{}: {action}", role.name);
            // Objects and log streams have no narrower ARN, and traces have no ARN.
            let narrow = match action.split_once(':').unwrap().0 {
                "s3" => ["/dead-letters/*", "/letters/*", "/requests/*", "/claims/*", "/*"]
                    .iter()
                    .find_map(|folder| resource.strip_suffix(folder)),
                // The names of a stack's secrets have a common beginning.
                "secretsmanager" => resource.strip_suffix("/*"),
                "logs" => resource.strip_suffix(":*"),
                "xray" => resource.strip_suffix('*'),
                // A role cannot name the function that invokes itself: the role is made first. It
                // names the beginning of the function's name.
                "lambda" => resource.strip_suffix('*'),
                _ => None,
            };
            assert!(!narrow.unwrap_or(&resource).contains('*'), "{}: {resource}", role.name);
        }
    }
}

#[test]
fn a_queue_keeps_for_less_time_than_its_dead_letter_queue() {
    let stack = deployed();
    for (_, queue, _) in stages(&stack) {
        let kept =
            |queue: &Queue| queue.attributes["MessageRetentionPeriod"].parse::<u64>().unwrap();
        let policy = redrive_policy(queue);
        let dead =
            stack.queues.iter().find(|each| policy["deadLetterTargetArn"] == each.arn).unwrap();
        // A message that SQS moves to the dead-letter queue keeps its age.
        assert!(kept(queue) <= kept(dead) / 2, "{}", queue.logical_id);
    }
}

/// The events of the late queue wait for people, who may be away for days.
#[test]
fn the_late_queue_keeps_for_as_long_as_a_dead_letter_queue_and_nothing_reads_it() {
    let stack = deployed();
    let queue = |id: &str| stack.queues.iter().find(|queue| queue.logical_id == id).unwrap();
    let (late, dead) = (queue("LateQueue"), queue("InboxDlq"));
    let kept = |queue: &Queue| queue.attributes["MessageRetentionPeriod"].clone();
    assert_eq!(kept(late), kept(dead));
    assert!(!late.attributes.contains_key("RedrivePolicy"));
    assert!(stack.mappings.iter().all(|mapping| mapping.queue_arn != late.arn));
}

#[test]
fn objects_that_land_are_announced_to_the_inbox() {
    let stack = deployed();
    let landing = &stack.buckets[0];
    assert_eq!(landing.name, "sluicegate-landing-000000000000-eu-west-1");
    assert_eq!(landing.notifications.len(), 1);
    assert_eq!(landing.notifications[0].queue_arn, stack.queues[0].arn);
    assert_eq!(landing.notifications[0].event, "s3:ObjectCreated:*");
    assert!(stack.buckets[1].notifications.is_empty());
}

#[test]
fn tables_are_created_as_declared() {
    let stack = deployed();
    let expected = |name: &str| {
        json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        })
    };
    assert_eq!(stack.tables[0].create_table, expected("sluicegate-RecordsTable"));
    assert_eq!(stack.tables[1].create_table, expected("sluicegate-TotalsTable"));
    assert_eq!(stack.tables[2].create_table, expected("sluicegate-DedupeTable"));
    let breakers = json!({
        "TableName": "sluicegate-BreakersTable",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            { "AttributeName": "pk", "AttributeType": "S" },
            { "AttributeName": "sk", "AttributeType": "S" },
        ],
        "KeySchema": [
            { "AttributeName": "pk", "KeyType": "HASH" },
            { "AttributeName": "sk", "KeyType": "RANGE" },
        ],
    });
    assert_eq!(stack.tables[4].create_table, breakers);
    let letters = &stack.tables[3].create_table;
    assert_eq!(letters["KeySchema"], breakers["KeySchema"]);
    let shelves = json!([{
        "IndexName": "shelves",
        "KeySchema": [
            { "AttributeName": "shelf", "KeyType": "HASH" },
            { "AttributeName": "shelf_at", "KeyType": "RANGE" },
        ],
        "Projection": { "ProjectionType": "ALL" },
    }]);
    assert_eq!(letters["GlobalSecondaryIndexes"], shelves);
    let ttl: Vec<_> = stack.tables.iter().map(|table| table.ttl_attribute.as_deref()).collect();
    assert_eq!(ttl, [None, None, Some("expires_at"), Some("expires_at"), None]);
}

#[test]
fn outputs_say_where_things_are() {
    let expected = [
        ("DedupeTableName", "sluicegate-DedupeTable"),
        ("IngestUrl", "http://127.0.0.1:4566/function-urls/sluicegate-IngestFunction/"),
        ("InboxUrl", "http://127.0.0.1:4566/000000000000/sluicegate-Inbox"),
        ("LakeBucketName", "sluicegate-lakebucket"),
        ("LandingBucketName", "sluicegate-landing-000000000000-eu-west-1"),
        ("OperatorsUrl", "http://127.0.0.1:4566/function-urls/sluicegate-OperatorsFunction/"),
        ("RecordsTableName", "sluicegate-RecordsTable"),
        ("RedriveFunctionName", "sluicegate-RedriveFunction"),
        ("ReferenceBucketName", "sluicegate-referencebucket"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(deployed().outputs, BTreeMap::from(expected));
}

#[test]
fn what_is_harmless_is_warned_of_once_for_all() {
    let warnings = deployed().warnings;
    for expected in [
        "encryption (SSESpecification) is not emulated: RecordsTable, TotalsTable, DedupeTable, \
         LettersTable, BreakersTable",
        "access control (AWS::SQS::QueuePolicy) is not emulated: InboxPolicy, QueuePolicy",
        "versioning (VersioningConfiguration) is not emulated: LandingBucket, ArchiveBucket, \
         ReferenceBucket",
        "an alarm (AWS::CloudWatch::Alarm) is not emulated: IngestErrors, EnrichErrors, SinkErrors, \
         LakeErrors, DeliverErrors, CollectErrors",
    ] {
        assert!(warnings.iter().any(|warning| warning == expected), "{expected}: {warnings:#?}");
    }
}

#[test]
fn a_missing_parameter_is_named_with_how_to_give_it() {
    let error = try_read(DEPLOYED, &[]).unwrap_err();
    assert_eq!(error.problems.len(), 1, "{error}");
    let message = error.to_string();
    let line = DEPLOYED.lines().position(|line| line == "  Environment:").unwrap() + 1;
    let expected = format!("template.yaml:{line}: parameter Environment has no default");
    assert!(message.starts_with(&expected), "{message}");
    assert!(message.contains("add Environment=<value>"), "{message}");
}
