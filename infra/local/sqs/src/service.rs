//! The queues of one account in one region: made, found, changed and deleted.
//!
//! What happens to messages is in [`super::queue`]; who waits for them, in [`super::consume`].
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use uuid::Uuid;

use super::attributes::{Attributes, truth};
use super::cell::{Cell, CellState};
use super::errors::{Code, Fault};
use super::limits;
use super::moves::Moves;
use super::queue::Queue;
use clock::Clock;
use faults::Adversary;

pub(super) type IdSource = Box<dyn Fn() -> Uuid + Send + Sync>;

pub(super) struct Service {
    pub(super) clock: Clock,
    pub(super) account: String,
    pub(super) moves: Moves,
    /// What befalls messages of standard queues; FIFO queues deliver in order and once.
    pub(super) adversary: OnceLock<Adversary>,
    region: String,
    endpoint: String,
    ids: IdSource,
    pub(super) directory: RwLock<Directory>,
    /// Numbers the queues.
    pub(super) queues_made: AtomicU64,
}

#[derive(Default)]
pub(super) struct Directory {
    pub(super) queues: BTreeMap<String, Arc<Cell>>,
    /// When queues were deleted: their names rest for a minute.
    deleted_ms: BTreeMap<String, u64>,
}

impl Service {
    pub(super) fn new(
        clock: Clock,
        region: &str,
        account: &str,
        endpoint: &str,
        ids: IdSource,
    ) -> Self {
        Self {
            clock,
            account: account.to_owned(),
            moves: Moves::default(),
            adversary: OnceLock::new(),
            region: region.to_owned(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            ids,
            directory: RwLock::default(),
            queues_made: AtomicU64::new(0),
        }
    }

    /// The time, up to which move tasks are brought on the way: they have no timer of their own.
    pub(super) fn now_ms(&self) -> u64 {
        let now_ms = self.clock.now_ms();
        self.step_moves(now_ms);
        now_ms
    }

    pub(super) fn new_id(&self) -> Arc<str> {
        (self.ids)().to_string().into()
    }

    /// Finds a queue by its URL, ARN or name.
    ///
    /// # Errors
    /// `QueueDoesNotExist`.
    pub(super) fn cell(&self, queue: &str) -> Result<Arc<Cell>, Fault> {
        let name = if queue.starts_with("arn:") {
            queue.strip_prefix(self.arn("").as_str())
        } else {
            match queue.rsplit_once('/') {
                Some((before, name)) => {
                    before.ends_with(&format!("/{}", self.account)).then_some(name)
                }
                None => Some(queue),
            }
        };
        name.and_then(|name| self.directory().queues.get(name).cloned())
            .ok_or_else(Fault::no_such_queue)
    }

    /// Finds a queue by its ARN.
    pub(super) fn cell_of_arn(&self, arn: &str) -> Option<Arc<Cell>> {
        arn.starts_with("arn:").then(|| self.cell(arn).ok()).flatten()
    }

    /// All queues, in the order of their names.
    pub(super) fn cells(&self) -> Vec<Arc<Cell>> {
        self.directory().queues.values().cloned().collect()
    }

    /// Makes a queue, or finds the one of that name and those attributes.
    ///
    /// # Errors
    /// For a bad name or attribute; `QueueNameExists` if the one of that name has others;
    /// `QueueDeletedRecently` if one of that name was deleted less than a minute ago.
    pub(super) fn create(
        &self,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Arc<Cell>, Fault> {
        self.create_from(None, name, attributes, tags)
    }

    /// As [`Service::create`], of the state that a queue of that name and type had: new are its
    /// attributes and tags alone.
    ///
    /// # Errors
    /// As [`Service::create`].
    pub(super) fn create_from(
        &self,
        kept: Option<CellState>,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Arc<Cell>, Fault> {
        let asks_fifo = attributes.get("FifoQueue").and_then(|value| truth(value)) == Some(true);
        check_name(name, asks_fifo)?;
        check_tags(tags)?;
        let typed = Attributes::defaults(asks_fifo).with(attributes)?;
        let now_ms = self.now_ms();

        let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = directory.queues.get(name) {
            check_same(&cell.lock().queue, attributes)?;
            return Ok(Arc::clone(cell));
        }
        directory
            .deleted_ms
            .retain(|_, at_ms| at_ms.saturating_add(limits::RECREATE_AFTER_MS) > now_ms);
        if directory.deleted_ms.contains_key(name) {
            return Err(Fault::new(
                Code::QueueDeletedRecently,
                "You must wait 60 seconds after deleting a queue before you can create another \
                 with the same name.",
            ));
        }
        let arn = self.arn(name);
        let target = typed.redrive.as_ref().and_then(|policy| {
            let name = policy.dead_letter_target_arn.strip_prefix(self.arn("").as_str())?;
            directory.queues.get(name)
        });
        check_redrive(&arn, &typed, attributes, target.map(AsRef::as_ref))?;

        let state = match kept {
            Some(mut state) => {
                if state.queue.attributes().texts() != typed.texts() {
                    state.queue.set_attributes(typed, now_ms);
                    state.modified_ms = now_ms;
                }
                CellState { tags: tags.clone(), ..state }
            }
            None => CellState {
                queue: Queue::new(self.queues_made.fetch_add(1, Ordering::Relaxed), typed),
                tags: tags.clone(),
                created_ms: now_ms,
                modified_ms: now_ms,
                purged_ms: None,
                is_deleted: false,
            },
        };
        let cell = self.new_cell(name, state);
        directory.queues.insert(name.to_owned(), Arc::clone(&cell));
        Ok(cell)
    }

    pub(super) fn new_cell(&self, name: &str, state: CellState) -> Arc<Cell> {
        let url = format!("{}/{}/{name}", self.endpoint, self.account);
        Arc::new(Cell::new(name, self.arn(name), url, state))
    }

    /// Deletes a queue and its messages.
    ///
    /// # Errors
    /// `QueueDoesNotExist`.
    pub(super) fn delete_queue(&self, queue: &str) -> Result<(), Fault> {
        let cell = self.cell(queue)?;
        let now_ms = self.now_ms();
        {
            let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
            let mut state = cell.open()?;
            state.is_deleted = true;
            state.queue.purge();
            directory.queues.remove(&cell.name);
            directory.deleted_ms.insert(cell.name.clone(), now_ms);
        }
        self.moves.forget(&cell.arn);
        cell.ring();
        Ok(())
    }

    /// Sets attributes: all of them, or none if one is refused.
    ///
    /// # Errors
    /// As [`Service::create`].
    pub(super) fn set_attributes(
        &self,
        queue: &str,
        changes: &BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let cell = self.cell(queue)?;
        let now_ms = self.now_ms();
        let next = cell.open()?.queue.attributes().with(changes)?;
        let target = next
            .redrive
            .as_ref()
            .and_then(|policy| self.cell_of_arn(&policy.dead_letter_target_arn));
        if changes.contains_key("RedrivePolicy") {
            check_redrive(&cell.arn, &next, changes, target.as_deref())?;
        }
        {
            let mut state = cell.open()?;
            let next = state.queue.attributes().with(changes)?;
            state.queue.set_attributes(next, now_ms);
            state.modified_ms = now_ms;
        }
        cell.ring();
        Ok(())
    }

    /// The queues whose dead letters a queue takes, in the order of their names.
    pub(super) fn dead_letter_sources(&self, target_arn: &str) -> Vec<Arc<Cell>> {
        let mut cells = self.cells();
        cells.retain(|cell| {
            let state = cell.lock();
            let redrive = state.queue.attributes().redrive.as_ref();
            redrive.is_some_and(|policy| policy.dead_letter_target_arn == target_arn)
        });
        cells
    }

    pub(super) fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{name}", self.region, self.account)
    }
}

fn check_name(name: &str, asks_fifo: bool) -> Result<(), Fault> {
    let stem = if asks_fifo { name.strip_suffix(".fifo") } else { Some(name) };
    let is_plain = |stem: &str| {
        !stem.is_empty()
            && stem.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    if stem.is_some_and(is_plain) && name.len() <= limits::QUEUE_NAME_CHARS {
        return Ok(());
    }
    Err(Fault::invalid_parameter(if asks_fifo {
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or \
         underscores, must end with .fifo suffix and be 1 to 80 in length."
    } else {
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    }))
}

/// # Errors
/// `InvalidParameterValue` for more tags than a queue may have, or too long a key or value:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-tags.html>.
pub(super) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    if tags.len() > limits::QUEUE_TAGS {
        return Err(Fault::invalid_parameter("Too many tags added for queue."));
    }
    let is_valid = tags.iter().all(|(key, value)| {
        (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256
    });
    is_valid.then_some(()).ok_or_else(|| {
        Fault::invalid_parameter(
            "Tag keys must be between 1 and 128 characters in length, tag values at most 256.",
        )
    })
}

fn check_same(queue: &Queue, asked: &BTreeMap<String, String>) -> Result<(), Fault> {
    let has = queue.attributes();
    for (name, value) in asked {
        let wanted = has.with(&BTreeMap::from([(name.clone(), value.clone())]))?;
        if wanted.get(name) != has.get(name) {
            return Err(Fault::new(
                Code::QueueNameExists,
                format!(
                    "A queue already exists with the same name and a different value for \
                     attribute {name}"
                ),
            ));
        }
    }
    Ok(())
}

/// Checks that a redrive policy names a queue, of the same type, that takes the source's letters.
fn check_redrive(
    source_arn: &str,
    source: &Attributes,
    asked: &BTreeMap<String, String>,
    target: Option<&Cell>,
) -> Result<(), Fault> {
    if source.redrive.is_none() {
        return Ok(());
    }
    let shown = asked.get("RedrivePolicy").map_or("", String::as_str);
    let refuse = |reason: &str| Err(Fault::invalid("RedrivePolicy", shown, reason));
    let Some(target) = target else {
        return refuse("Dead letter target does not exist.");
    };
    let state = target.lock();
    if state.queue.is_fifo() != source.fifo.is_some() {
        return refuse("Dead-letter queue must be same type of queue as the source.");
    }
    let allow = state.queue.attributes().redrive_allow.as_ref();
    if !allow.is_none_or(|policy| policy.permits(source_arn)) {
        return refuse("The redrive allow policy of the dead letter target denies this queue.");
    }
    Ok(())
}
