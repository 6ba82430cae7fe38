//! The letter store's adapters.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws::{ClaimBucket, LetterBucket, LetterTable, Objects};
use emulation::clock::Clock;
use emulation::dynamodb::DynamoDb;
use serde_json::json;
use sluicegate_tests::World;
use testkit::{
    claims_conformance, controls_conformance, letter_index_conformance, letter_objects_conformance,
    notes_conformance, runs_conformance,
};

use super::sdk;

/// Makes empty tables of letters.
struct LetterTables {
    dynamodb: DynamoDb,
    next: AtomicUsize,
}

impl LetterTables {
    async fn start() -> Self {
        let dynamodb = DynamoDb::start(Clock::system()).await.unwrap();
        Self { dynamodb, next: AtomicUsize::new(0) }
    }

    fn table(&self) -> LetterTable {
        let name = format!("letters-{}", self.next.fetch_add(1, Ordering::Relaxed));
        let attribute = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let attributes = ["pk", "sk", "shelf", "shelf_at"].map(attribute);
        let request = json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": attributes,
            "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
            "GlobalSecondaryIndexes": [{
                "IndexName": "shelves",
                "KeySchema": [key("shelf", "HASH"), key("shelf_at", "RANGE")],
                "Projection": {"ProjectionType": "ALL"},
            }],
        });
        self.dynamodb.create_table(&request, None).unwrap();
        LetterTable::new(&sdk(&self.dynamodb), name)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dynamodb_letters_pass_the_suites_of_their_ports() {
    let tables = LetterTables::start().await;
    letter_index_conformance(async || tables.table()).await;
    runs_conformance(async || tables.table()).await;
    notes_conformance(async || tables.table()).await;
    controls_conformance(async || tables.table()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_s3_letters_pass_the_suite_of_their_port() {
    let world = World::start().await;
    letter_objects_conformance(async || {
        LetterBucket::new(Objects::new(&world.sdk()), world.archive().to_owned())
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_s3_bucket_for_large_events_passes_the_suite_of_its_port() {
    let world = World::start().await;
    claims_conformance(async || ClaimBucket::new(&world.sdk(), world.archive().to_owned())).await;
    world.end().await;
}
