//! Adapters to the ports, held to the suites of their ports against the emulated services.

mod evidence;
mod letters;
mod modes;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws::{BreakerTable, Insert, Item, Row, TableEffect, TableStore, sdk_config};
use aws_types::SdkConfig;
use dedupe::{OwnRecord, RecordId};
use emulation::clock::Clock;
use emulation::dynamodb::DynamoDb;
use serde_json::{Value, json};
use testkit::{StoreUnderTest, breaker_conformance, dedupe_conformance, polling_conformance};

/// A store on two empty tables.
struct Tables {
    store: TableStore,
    dynamodb: DynamoDb,
}

impl Tables {
    async fn new() -> Self {
        let dynamodb = DynamoDb::start(Clock::system()).await.unwrap();
        for name in ["dedupe", "records"] {
            let request = json!({
                "TableName": name,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            });
            dynamodb.create_table(&request, None).unwrap();
        }
        let sdk = sdk(&dynamodb);
        Self { store: TableStore::new(&sdk, "dedupe".to_owned()), dynamodb }
    }

    /// The items of the table of records, as DynamoDB JSON.
    fn rows(&self) -> Vec<Value> {
        self.dynamodb.scan_all("records").unwrap()
    }
}

fn sdk(dynamodb: &DynamoDb) -> SdkConfig {
    let endpoint = format!("http://{}", dynamodb.address());
    let variables = BTreeMap::from([
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "suite"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
    ]);
    sdk_config(&variables).unwrap()
}

impl StoreUnderTest for Tables {
    type Store = TableStore;

    fn store(&self) -> &TableStore {
        &self.store
    }

    fn effect(&self, own: OwnRecord<'_>) -> TableEffect {
        let row = Row::new("records", &own.id.to_string());
        let (id, fingerprint, item) = (own.id.clone(), own.fingerprint.clone(), Item::new());
        TableEffect::Insert(Insert { row, id, fingerprint, expires_at: own.expires_at, item })
    }

    async fn is_applied(&self, id: &RecordId) -> bool {
        self.rows().iter().any(|item| item["pk"]["S"] == id.to_string())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dynamodb_store_passes_the_suite_of_its_port() {
    dedupe_conformance(Tables::new).await;
}

/// Makes empty tables of breakers.
struct BreakerTables {
    dynamodb: DynamoDb,
    next: AtomicUsize,
}

impl BreakerTables {
    async fn start() -> Self {
        let dynamodb = DynamoDb::start(Clock::system()).await.unwrap();
        Self { dynamodb, next: AtomicUsize::new(0) }
    }

    fn table(&self) -> BreakerTable {
        let name = format!("breakers-{}", self.next.fetch_add(1, Ordering::Relaxed));
        let attribute = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
        let request = json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [attribute("pk"), attribute("sk")],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        });
        self.dynamodb.create_table(&request, None).unwrap();
        BreakerTable::new(&sdk(&self.dynamodb), name)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dynamodb_breakers_pass_the_suites_of_their_ports() {
    let tables = BreakerTables::start().await;
    breaker_conformance(async || tables.table()).await;
    polling_conformance(async || tables.table()).await;
}
