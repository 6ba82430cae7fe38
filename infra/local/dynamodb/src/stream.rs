//! Reads the stream of a table from a position on.
//!
//! The engine has one shard for each table, and reports no writes. [`DynamoDb::notify_written`]
//! does, for those who wait for them. The form of records is in
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html>.

use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::streams;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::task;

use super::{DynamoDb, DynamoDbError};

/// The most records that one request returns.
pub const MAX_PAGE: usize = 1_000;

/// A position in a stream, as an opaque shard iterator. It does not expire, and is also valid in
/// a copy of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position(pub String);

/// One write, as the stream records it.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamRecord {
    /// A later record of a table has a greater number. They can be compared as text.
    pub sequence_number: String,
    /// When it was written, in milliseconds since the Unix epoch, without fractions of a second.
    pub created_ms: u64,
    /// The whole record in the form in which Lambda passes it to functions, without the ARN of
    /// its source.
    pub body: Map<String, Value>,
}

/// Consecutive records of a stream, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The records, at most [`MAX_PAGE`]. It can be empty even if `is_last` is false.
    pub records: Vec<StreamRecord>,
    /// The position after the records.
    pub next: Position,
    /// Whether the end of the stream was reached.
    pub is_last: bool,
}

/// The stream of one table. Clones read the same stream.
#[derive(Clone)]
pub struct TableStream {
    dynamodb: DynamoDb,
    table: String,
    region: String,
}

impl DynamoDb {
    /// The stream of a table that declares one. Its records name `region`.
    #[must_use]
    pub fn stream(&self, table: &str, region: &str) -> TableStream {
        TableStream { dynamodb: self.clone(), table: table.to_owned(), region: region.to_owned() }
    }

    /// Wakes those who wait for writes. The engine reports no writes, so whoever passes a request
    /// on to it calls this.
    pub fn notify_written(&self) {
        self.writes.send_modify(|writes| *writes += 1);
    }

    /// A shard iterator. `from` is `TRIM_HORIZON` or `LATEST`.
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

    /// The records after an iterator, and the iterator after those.
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
    /// The id of the stream's only shard.
    #[must_use]
    pub fn shard_id(&self) -> String {
        streams::shard_id(&self.table)
    }

    /// The position before the oldest record.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] with `ResourceNotFoundException`.
    pub fn oldest(&self) -> Result<Position, DynamoDbError> {
        self.dynamodb.iterator(&self.table, "TRIM_HORIZON").map(Position)
    }

    /// The position after the latest record.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] with `ResourceNotFoundException`.
    pub fn latest(&self) -> Result<Position, DynamoDbError> {
        self.dynamodb.iterator(&self.table, "LATEST").map(Position)
    }

    /// The position before the record with this sequence number.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] with `ResourceNotFoundException`, or if it is no sequence
    /// number.
    pub async fn at(&self, sequence_number: &str) -> Result<Position, DynamoDbError> {
        let (stream, number) = (self.clone(), sequence_number.to_owned());
        let found = task::spawn_blocking(move || {
            let TableStream { dynamodb, table, .. } = &stream;
            dynamodb.iterator_at(table, "AT_SEQUENCE_NUMBER", Some(number)).map(Position)
        });
        found.await.map_err(|error| storage(&error.to_string()))?
    }

    /// The records after a position: at most `limit` and [`MAX_PAGE`]. If the stream has both
    /// images, writes that did not change their item are left out.
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

    /// The number of writes to any table so far, to wait for the next one.
    #[must_use]
    pub fn writes(&self) -> watch::Receiver<u64> {
        self.dynamodb.writes.subscribe()
    }
}

fn storage(message: &str) -> DynamoDbError {
    DynamoDbError::Storage { message: message.to_owned() }
}

/// DynamoDB writes no stream record for a write that changes nothing:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>.
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
