//! What a function does without one of its rights: each event says why, and nothing is lost.

use std::collections::BTreeSet;

use event::Code;
use sluicegate_tests::{Edit, Settings, World, flights, gzip, lines};

/// Starts the template's world with one right less.
async fn without(old: &'static str, new: &'static str) -> World {
    let edits = vec![Edit { old, new }];
    World::start_with(Settings { edits, ..Settings::default() }).await
}

/// The actions that were denied, whatever on.
fn denied(world: &World) -> BTreeSet<(String, String)> {
    let denied = world.emulation().denied().into_iter();
    denied.map(|access| (access.function, access.action)).collect()
}

#[track_caller]
fn check_denied(world: &World, function: &str, action: &str) {
    let expected = BTreeSet::from([(world.name(function).to_owned(), action.to_owned())]);
    assert_eq!(denied(world), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_read_files_none_is_ingested_and_each_says_why() {
    let objects = "Resource: !Sub '${LandingBucket.Arn}/*'";
    let world = without(objects, "Resource: !Sub '${LandingBucket.Arn}/none/*'").await;
    world.land("flights/a.ndjson.gz", gzip(&lines(&flights(0, 10))));
    world.settle().await;
    world.assert_written_once(&[]);
    world.assert_letters("InboxDlq", &[(Code::DependencyRefused, "AccessDenied (HTTP 403)")]);
    check_denied(&world, "IngestFunction", "s3:GetObject");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_its_records_the_sink_writes_nothing_at_all() {
    let tables = "Resource: [!GetAtt RecordsTable.Arn, !GetAtt DedupeTable.Arn";
    let world = without(tables, "Resource: [!GetAtt RecordsTable.Arn").await;
    let sample = flights(0, 5);
    world.send_flights(&sample);
    world.settle().await;
    world.assert_in_table(&[]);
    world.assert_in_totals(&[]);
    world.assert_in_lake(&sample);
    world.assert_codes("SinkDlq", &[Code::DependencyRefused]);
    check_denied(&world, "SinkFunction", "dynamodb:PutItem");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_its_dead_letters_enrich_leaves_them_to_sqs() {
    let world = without(
        "                  - !GetAtt DeliverQueue.Arn\n                  - !GetAtt EnrichDlq.Arn\n",
        "                  - !GetAtt DeliverQueue.Arn\n",
    )
    .await;
    world.send("EnrichQueue", "garbage", &[]);
    world.settle().await;
    let letters = world.letters("EnrichDlq");
    assert_eq!(letters.len(), 1, "{letters:?}");
    let code = letters[0].failure.as_ref().map(|failure| failure.code);
    assert_eq!(code, Some(Code::RecordAbandoned), "SQS moved it, and gives no reason");
    check_denied(&world, "EnrichFunction", "sqs:SendMessage");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_its_secrets_deliver_sends_nothing_and_each_letter_says_why() {
    let secrets = "Action: secretsmanager:GetSecretValue";
    let edits = vec![Edit { old: secrets, new: "Action: secretsmanager:DescribeSecret" }];
    let datasets = &["guarded"];
    let world = World::start_with(Settings { edits, datasets, ..Settings::default() }).await;
    world.emulation().secrets().put("sluicegate/guarded", r#"{"token":"t"}"#).unwrap();
    let observation = &testkit::sample_lines("weather.ndjson.gz")[0];
    world.send("Inbox", observation, &[("dataset", "guarded")]);
    world.settle().await;
    assert!(world.weather().deliveries().is_empty());
    let why = "reading the secret `sluicegate/guarded`: AccessDeniedException (HTTP 400)";
    world.assert_letters("DeliverDlq", &[(Code::DependencyRefused, why)]);
    check_denied(&world, "DeliverFunction", "secretsmanager:GetSecretValue");
    world.end().await;
}
