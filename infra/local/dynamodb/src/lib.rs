#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

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

/// The engine searches a stream's greatest sequence number for each write, and has no index for
/// it. Without this index, each write to a table with a stream would read all earlier writes.
const STREAM_INDEX: &str = "CREATE INDEX stream_order ON _stream_records \
     (table_name, CAST(sequence_number AS INTEGER))";

/// The DynamoDB service and its HTTP server. Clones share the tables. The server stops when the
/// last clone is dropped.
#[derive(Clone)]
pub struct DynamoDb {
    database: Database,
    address: SocketAddr,
    /// The number of writes to any table so far.
    writes: Arc<watch::Sender<u64>>,
    _running: Arc<oneshot::Sender<()>>,
}

/// One write that took effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The key attributes of the item as DynamoDB JSON: `{"id": {"S": "a"}}`.
    pub key: Value,
    /// What the write did to the item.
    pub event: ChangeEvent,
}

/// What a write did to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeEvent {
    /// There was no item with this key before.
    Insert,
    /// An item was replaced, possibly by the same one.
    Modify,
    /// An item was deleted, by a request or because it expired.
    Remove,
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum DynamoDbError {
    /// The server cannot listen on a loopback port.
    #[error("no loopback port for dynamodb")]
    Listen(#[source] std::io::Error),
    /// An error as AWS answers it.
    #[error("{code}: {message}")]
    Refused {
        /// The code in the API reference, such as `ResourceNotFoundException`.
        code: String,
        /// The engine's message.
        message: String,
    },
    /// The engine failed, and no request is to blame.
    #[error("dynamodb's storage failed: {message}")]
    Storage {
        /// The engine's message.
        message: String,
    },
}

impl DynamoDb {
    /// Starts an empty service on a free loopback port. It has to be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`DynamoDbError::Listen`] if it cannot listen.
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

    /// The address of the HTTP server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Creates a table from the body of a `CreateTable` request. It is active at once.
    ///
    /// A table that declares no stream gets one with keys only, which [`DynamoDb::changes`]
    /// reads. `DescribeTable` shows that stream.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] as the request would be answered.
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

    /// The names of all tables.
    ///
    /// # Errors
    /// [`DynamoDbError::Storage`].
    pub fn table_names(&self) -> Result<Vec<String>, DynamoDbError> {
        Ok(self.database.table_stats()?.into_iter().map(|table| table.table_name).collect())
    }

    /// Puts all items (DynamoDB JSON) into a table, or none of them. It is faster than a request
    /// for each item. The writes are not in the table's stream. Blocks.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] as a request would be answered.
    pub fn fill(&self, table: &str, items: Vec<Value>) -> Result<(), DynamoDbError> {
        let items: Result<Vec<Item>, _> = items.into_iter().map(serde_json::from_value).collect();
        let items = items.map_err(|error| DynamoDbError::Refused {
            code: "ValidationException".to_owned(),
            message: error.to_string(),
        })?;
        self.database.import_items(table, items, ImportOptions::default())?;
        Ok(())
    }

    /// All items of a table as DynamoDB JSON. Blocks.
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

    /// All writes to a table since it was created, in their order. Blocks.
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

    /// Deletes the items that have expired by the emulation's clock, and returns their number.
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

/// The emulation's clock with the engine's interface.
struct Time(Clock);

impl storage_backend::Clock for Time {
    fn now_unix_secs(&self) -> u64 {
        self.0.now_ms() / 1_000
    }

    fn now_unix_secs_f64(&self) -> f64 {
        std::time::Duration::from_millis(self.0.now_ms()).as_secs_f64()
    }
}

/// Creates the stream index. The engine does not expose its own connection, so the index is
/// created in a copy that is then restored: an empty database in memory, under a name that SQLite
/// knows for as long as `staged` is open.
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
