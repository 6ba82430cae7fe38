//! A table's stream, read on from wherever one is.
//!
//! The engine has one shard a table, and tells nobody of a write: [`DynamoDb::notify_written`] is for
//! whoever passed one on. Records are shaped as
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html>.

use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::streams;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::task;

use super::{DynamoDb, DynamoDbError};

/// As many records as one request gives at most.
pub const MAX_PAGE: usize = 1_000;

/// Where in a stream to read on; it stays good, also where the stream was copied with its table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(pub String);

/// One write, as a stream tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamRecord {
    /// Of one table's records, the later is greater, also as text.
    pub sequence_number: String,
    /// Milliseconds since the Unix epoch, of whole seconds.
    pub created_ms: u64,
    /// All of it, in Lambda's shape but for the ARN.
    pub body: Map<String, Value>,
}

/// Some of a stream's records, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub records: Vec<StreamRecord>,
    /// After them.
    pub next: Position,
    /// Whether there was nothing after them yet.
    pub is_last: bool,
}

/// The stream of one table; clones read the same.
#[derive(Clone)]
pub struct TableStream {
    dynamodb: DynamoDb,
    table: String,
    region: String,
}

impl DynamoDb {
    /// The stream of a table that declares one. `region` is what its records say.
    #[must_use]
    pub fn stream(&self, table: &str, region: &str) -> TableStream {
        TableStream { dynamodb: self.clone(), table: table.to_owned(), region: region.to_owned() }
    }

    /// Says that something may have been written, to whoever waits for it.
    pub fn notify_written(&self) {
        self.writes.send_modify(|writes| *writes += 1);
    }

    /// A shard iterator; `from` is `TRIM_HORIZON` or `LATEST`.
    pub(super) fn iterator(&self, table: &str, from: &str) -> Result<String, DynamoDbError> {
        self.iterator_at(table, from, None)
    }

    fn iterator_at(
        &self,
        table: &str,
        from: &str,
        sequence_number: Option<String>,
    ) -> Result<String, DynamoDbError> {
        let answer = self.database.get_shard_iterator(GetShardIteratorRequest {
            stream_arn: streams::stream_arn(table, ""),
            shard_id: streams::shard_id(table),
            shard_iterator_type: from.to_owned(),
            sequence_number,
        })?;
        answer.shard_iterator.ok_or_else(|| storage("a stream has no iterator"))
    }

    /// The records from an iterator on, and the iterator after them.
    pub(super) fn page(
        &self,
        shard_iterator: String,
        limit: usize,
    ) -> Result<(Vec<Record>, String), DynamoDbError> {
        let limit = Some(limit.min(MAX_PAGE));
        let page = self.database.get_records(GetRecordsRequest { shard_iterator, limit })?;
        let next = page.next_shard_iterator;
        Ok((page.records, next.ok_or_else(|| storage("a shard has ended"))?))
    }
}

impl TableStream {
    #[must_use]
    pub fn shard_id(&self) -> String {
        streams::shard_id(&self.table)
    }

    /// Before the oldest record.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] with `ResourceNotFoundException`.
    pub fn oldest(&self) -> Result<Position, DynamoDbError> {
        self.dynamodb.iterator(&self.table, "TRIM_HORIZON").map(Position)
    }

    /// After the latest record.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] with `ResourceNotFoundException`.
    pub fn latest(&self) -> Result<Position, DynamoDbError> {
        self.dynamodb.iterator(&self.table, "LATEST").map(Position)
    }

    /// Before the record of a sequence number.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] with `ResourceNotFoundException`, or where it is no such number.
    pub async fn at(&self, sequence_number: &str) -> Result<Position, DynamoDbError> {
        let (stream, number) = (self.clone(), sequence_number.to_owned());
        let found = task::spawn_blocking(move || {
            let TableStream { dynamodb, table, .. } = &stream;
            dynamodb.iterator_at(table, "AT_SEQUENCE_NUMBER", Some(number)).map(Position)
        });
        found.await.map_err(|error| storage(&error.to_string()))?
    }

    /// The records from a position on: `limit` or [`MAX_PAGE`] at most. Writes that left their item
    /// as it was are passed over, where the stream has both images to tell.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] with `ResourceNotFoundException`.
    pub async fn read(&self, from: &Position, limit: usize) -> Result<Page, DynamoDbError> {
        let (stream, from) = (self.clone(), from.0.clone());
        let limit = limit.min(MAX_PAGE);
        let read = task::spawn_blocking(move || {
            let (records, next) = stream.dynamodb.page(from, limit)?;
            let is_last = records.len() < limit;
            let changes = records.iter().filter(|record| is_change(record));
            let records =
                changes.map(|each| record(each, &stream.region)).collect::<Result<_, _>>();
            Ok(Page { records: records?, next: Position(next), is_last })
        });
        read.await.map_err(|error| storage(&error.to_string()))?
    }

    /// A number that grows with every write to any table.
    #[must_use]
    pub fn writes(&self) -> watch::Receiver<u64> {
        self.dynamodb.writes.subscribe()
    }
}

fn storage(message: &str) -> DynamoDbError {
    DynamoDbError::Storage { message: message.to_owned() }
}

/// DynamoDB writes no record of a write that changes nothing:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>
fn is_change(record: &Record) -> bool {
    let (old, new) = (&record.dynamodb.old_image, &record.dynamodb.new_image);
    old.is_none() || old != new
}

fn record(record: &Record, region: &str) -> Result<StreamRecord, DynamoDbError> {
    let created = record.dynamodb.approximate_creation_date_time.max(0.0);
    let created = std::time::Duration::try_from_secs_f64(created).unwrap_or_default().as_secs();
    let body = serde_json::to_value(record).map_err(|error| storage(&error.to_string()))?;
    let Value::Object(mut body) = body else { return Err(storage("a record is no object")) };
    body.insert("awsRegion".to_owned(), json!(region));
    if let Some(Value::Object(inner)) = body.get_mut("dynamodb") {
        inner.insert("ApproximateCreationDateTime".to_owned(), json!(created));
    }
    Ok(StreamRecord {
        sequence_number: record.dynamodb.sequence_number.clone(),
        created_ms: created.saturating_mul(1_000),
        body,
    })
}
