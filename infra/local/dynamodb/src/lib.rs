#![doc = include_str!("../README.md")]

pub mod audit;
mod kept;
mod stream;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use dynoxide::actions::create_table::{CreateTableRequest, StreamSpecification};
use dynoxide::actions::get_records::Record;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::actions::update_time_to_live::{TimeToLiveSpecification, UpdateTimeToLiveRequest};
use dynoxide::storage::Storage;
use dynoxide::types::Item;
use dynoxide::{Database, DynoxideError, ImportOptions, server, storage_backend};
use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task;
use uuid::Uuid;

pub use self::stream::{MAX_PAGE, Page, Position, StreamRecord, TableStream};

use clock::Clock;

/// The engine finds a stream's next sequence number as the greatest one yet, and has no index for
/// it: without this, each write to a table with a stream would read all the writes before it.
const STREAM_INDEX: &str = "CREATE INDEX stream_order ON _stream_records \
     (table_name, CAST(sequence_number AS INTEGER))";

/// The service, and the server of it; clones share its tables, and the last to go stops the server.
#[derive(Clone)]
pub struct DynamoDb {
    database: Database,
    address: SocketAddr,
    /// Grows with every write to any table.
    writes: Arc<watch::Sender<u64>>,
    _running: Arc<oneshot::Sender<()>>,
}

/// One write that took effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The key's attributes, as DynamoDB JSON: `{"id": {"S": "a"}}`.
    pub key: Value,
    pub event: ChangeEvent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeEvent {
    /// There was no item under the key.
    Insert,
    /// There was one, be it the same.
    Modify,
    /// Deleted, by a request or because it expired.
    Remove,
}

#[derive(Debug, thiserror::Error)]
pub enum DynamoDbError {
    #[error("no loopback port for dynamodb")]
    Listen(#[source] std::io::Error),
    /// An AWS error: its code (`ResourceNotFoundException`) and message.
    #[error("{code}: {message}")]
    Refused { code: String, message: String },
    #[error("dynamodb's storage failed: {message}")]
    Storage { message: String },
}

impl DynamoDb {
    /// An empty service that listens; must be called within a runtime.
    ///
    /// # Errors
    /// [`DynamoDbError::Listen`] where no port can be had.
    pub async fn start(clock: Clock) -> Result<Self, DynamoDbError> {
        let database = Database::memory_with_clock(Arc::new(Time(clock)))?;
        index_streams(&database)?;
        let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listen.map_err(DynamoDbError::Listen)?;
        let address = listener.local_addr().map_err(DynamoDbError::Listen)?;
        let (running, stopped) = oneshot::channel::<()>();
        let served = database.clone();
        task::spawn(async move {
            let shutdown = async move { drop(stopped.await) };
            if let Err(reason) = server::serve_with_shutdown(listener, served, shutdown).await {
                tracing::error!(reason, "dynamodb stopped");
            }
        });
        let writes = Arc::new(watch::Sender::new(0));
        Ok(Self { database, address, writes, _running: Arc::new(running) })
    }

    /// Where it listens, for plain HTTP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Creates a table from the body of a `CreateTable` request, active at once.
    ///
    /// A table that declares no stream is given one of keys alone, for [`DynamoDb::changes`];
    /// `DescribeTable` tells of it.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`], as the request would have been.
    pub fn create_table(
        &self,
        create_table: &Value,
        ttl_attribute: Option<&str>,
    ) -> Result<(), DynamoDbError> {
        let mut request: CreateTableRequest = serde_json::from_value(create_table.clone())
            .map_err(|error| {
                let text = error.to_string();
                let message = text.strip_prefix("VALIDATION:").unwrap_or(&text).to_owned();
                DynamoDbError::Refused { code: "ValidationException".to_owned(), message }
            })?;
        let table_name = request.table_name.clone();
        if request.stream_specification.as_ref().is_none_or(|stream| !stream.stream_enabled) {
            let stream_view_type = Some("KEYS_ONLY".to_owned());
            let stream = StreamSpecification { stream_enabled: true, stream_view_type };
            request.stream_specification = Some(stream);
        }
        self.database.create_table(request)?;
        if let Some(attribute) = ttl_attribute {
            let attribute_name = attribute.to_owned();
            let specification = TimeToLiveSpecification { attribute_name, enabled: true };
            self.database.update_time_to_live(UpdateTimeToLiveRequest {
                table_name,
                time_to_live_specification: specification,
            })?;
        }
        Ok(())
    }

    /// # Errors
    /// [`DynamoDbError::Storage`].
    pub fn table_names(&self) -> Result<Vec<String>, DynamoDbError> {
        Ok(self.database.table_stats()?.into_iter().map(|table| table.table_name).collect())
    }

    /// Puts items, as DynamoDB JSON, into a table, all or none: a table that is large from the start
    /// costs no request for each item. Its stream does not tell of them. Blocks.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`], as a request would have been.
    pub fn fill(&self, table: &str, items: Vec<Value>) -> Result<(), DynamoDbError> {
        let items: Result<Vec<Item>, _> = items.into_iter().map(serde_json::from_value).collect();
        let items = items.map_err(|error| DynamoDbError::Refused {
            code: "ValidationException".to_owned(),
            message: error.to_string(),
        })?;
        self.database.import_items(table, items, ImportOptions::default())?;
        Ok(())
    }

    /// Every item of a table, as DynamoDB JSON. Blocks while it reads.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] with `ResourceNotFoundException`.
    pub fn scan_all(&self, table: &str) -> Result<Vec<Value>, DynamoDbError> {
        let mut items = Vec::new();
        let mut exclusive_start_key = None;
        loop {
            let page = self.database.scan(ScanRequest {
                table_name: table.to_owned(),
                consistent_read: Some(true),
                exclusive_start_key,
                ..ScanRequest::default()
            })?;
            for item in page.items.unwrap_or_default() {
                items.push(json(&item)?);
            }
            exclusive_start_key = page.last_evaluated_key;
            if exclusive_start_key.is_none() {
                return Ok(items);
            }
        }
    }

    /// Every write to a table since it was created, in their order. Blocks while it reads.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] with `ResourceNotFoundException`.
    pub fn changes(&self, table: &str) -> Result<Vec<Change>, DynamoDbError> {
        let mut from = self.iterator(table, "TRIM_HORIZON")?;
        let mut changes = Vec::new();
        loop {
            let (records, next) = self.page(from, MAX_PAGE)?;
            if records.is_empty() {
                return Ok(changes);
            }
            for record in &records {
                changes.push(change(record)?);
            }
            from = next;
        }
    }

    /// Deletes what has expired by the emulation's clock; tells how many items that was.
    ///
    /// # Errors
    /// [`DynamoDbError::Storage`].
    pub async fn sweep(&self) -> Result<usize, DynamoDbError> {
        let database = self.database.clone();
        let swept = task::spawn_blocking(move || database.sweep_ttl()).await;
        let swept = swept.map_err(|error| DynamoDbError::Storage { message: error.to_string() })?;
        self.notify_written();
        Ok(swept?)
    }
}

impl From<DynoxideError> for DynamoDbError {
    fn from(error: DynoxideError) -> Self {
        let message = error.to_string();
        if error.status_code() >= 500 {
            return Self::Storage { message };
        }
        let code = error.error_type().rsplit('#').next().unwrap_or_default().to_owned();
        Self::Refused { code, message }
    }
}

/// The emulation's clock, as the engine asks for it.
struct Time(Clock);

impl storage_backend::Clock for Time {
    fn now_unix_secs(&self) -> u64 {
        self.0.now_ms() / 1_000
    }

    fn now_unix_secs_f64(&self) -> f64 {
        std::time::Duration::from_millis(self.0.now_ms()).as_secs_f64()
    }
}

/// Through a copy, for the engine lends nobody its own connection: an empty database in memory, under
/// a name that SQLite knows for as long as `staged` is open, is given the index and then restored.
fn index_streams(database: &Database) -> Result<(), DynoxideError> {
    let name = format!("file:/{}?vfs=memdb", Uuid::new_v4().simple());
    let mut staged = Storage::new(&name)?;
    let copy = staged.backup_to_memory()?;
    copy.execute_batch(STREAM_INDEX)?;
    staged.restore_from_connection(&copy)?;
    database.restore_from(&name)
}

fn change(record: &Record) -> Result<Change, DynamoDbError> {
    let event = match record.event_name.as_str() {
        "INSERT" => ChangeEvent::Insert,
        "MODIFY" => ChangeEvent::Modify,
        "REMOVE" => ChangeEvent::Remove,
        other => {
            return Err(DynamoDbError::Storage {
                message: format!("a stream event named {other}"),
            });
        }
    };
    Ok(Change { key: json(&record.dynamodb.keys)?, event })
}

fn json(value: &impl Serialize) -> Result<Value, DynamoDbError> {
    let value = serde_json::to_value(value);
    value.map_err(|error| DynamoDbError::Storage { message: error.to_string() })
}
