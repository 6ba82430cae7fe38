//! Creates, finds, changes and deletes the queues of one account in one region.
//!
//! [`super::queue`] changes the messages of a queue, and [`super::consume`] serves the consumers that
//! wait for them.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use uuid::Uuid;

use super::attributes::{Attributes, parse_bool};
use super::errors::{Code, Fault};
use super::limits;
use super::move_tasks::MoveTasks;
use super::queue::Queue;
use super::shared_queue::{QueueState, SharedQueue};
use clock::Clock;
use faults::Adversary;

pub(super) type IdSource = Box<dyn Fn() -> Uuid + Send + Sync>;

pub(super) struct Service {
    pub(super) clock: Clock,
    pub(super) account: String,
    pub(super) move_tasks: MoveTasks,
    /// Injects faults into standard queues. FIFO queues always deliver in order and once.
    pub(super) adversary: OnceLock<Adversary>,
    region: String,
    endpoint: String,
    ids: IdSource,
    pub(super) directory: RwLock<Directory>,
    /// How many queues were ever created; the next queue gets this number.
    pub(super) queues_created: AtomicU64,
}

#[derive(Default)]
pub(super) struct Directory {
    pub(super) queues: BTreeMap<String, Arc<SharedQueue>>,
    /// When each queue was deleted. Its name cannot be used again for a minute.
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
            move_tasks: MoveTasks::default(),
            adversary: OnceLock::new(),
            region: region.to_owned(),
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            ids,
            directory: RwLock::default(),
            queues_created: AtomicU64::new(0),
        }
    }

    /// The current time. Move tasks have no timer, so every call of this function first moves the
    /// messages that are due by now.
    pub(super) fn now_ms(&self) -> u64 {
        let now_ms = self.clock.now_ms();
        self.step_move_tasks(now_ms);
        now_ms
    }

    pub(super) fn new_id(&self) -> Arc<str> {
        (self.ids)().to_string().into()
    }

    /// Finds a queue by its URL, ARN or name.
    ///
    /// # Errors
    /// `QueueDoesNotExist`.
    pub(super) fn find_queue(&self, queue: &str) -> Result<Arc<SharedQueue>, Fault> {
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
    pub(super) fn find_queue_by_arn(&self, arn: &str) -> Option<Arc<SharedQueue>> {
        arn.starts_with("arn:").then(|| self.find_queue(arn).ok()).flatten()
    }

    /// All queues, in the order of their names.
    pub(super) fn queues(&self) -> Vec<Arc<SharedQueue>> {
        self.directory().queues.values().cloned().collect()
    }

    /// Creates a queue, or returns the existing queue of that name if it has those attributes.
    ///
    /// # Errors
    /// A bad name or attribute is refused. `QueueNameExists` means that the existing queue has other
    /// attributes, `QueueDeletedRecently` that a queue of that name was deleted less than a minute ago.
    pub(super) fn create(
        &self,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Arc<SharedQueue>, Fault> {
        self.create_from(None, name, attributes, tags)
    }

    /// Creates a queue as [`Service::create`] does. With a snapshot of its state, the queue continues
    /// from there, and only its attributes and tags are new.
    ///
    /// # Errors
    /// As [`Service::create`].
    pub(super) fn create_from(
        &self,
        snapshot: Option<QueueState>,
        name: &str,
        attributes: &BTreeMap<String, String>,
        tags: &BTreeMap<String, String>,
    ) -> Result<Arc<SharedQueue>, Fault> {
        let is_fifo = attributes.get("FifoQueue").and_then(|value| parse_bool(value)) == Some(true);
        check_name(name, is_fifo)?;
        check_tags(tags)?;
        let typed = Attributes::defaults(is_fifo).with_changes(attributes)?;
        let now_ms = self.now_ms();

        let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = directory.queues.get(name) {
            check_same(&shared.lock().queue, attributes)?;
            return Ok(Arc::clone(shared));
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
        let target = typed
            .redrive
            .as_ref()
            .and_then(|policy| policy.dead_letter_target_arn.strip_prefix(self.arn("").as_str()))
            .and_then(|target_name| directory.queues.get(target_name));
        check_redrive(&arn, &typed, attributes, target.map(AsRef::as_ref))?;

        let state = match snapshot {
            Some(mut state) => {
                if state.queue.attributes().to_map() != typed.to_map() {
                    state.queue.set_attributes(typed, now_ms);
                    state.modified_ms = now_ms;
                }
                QueueState { tags: tags.clone(), ..state }
            }
            None => QueueState {
                queue: Queue::new(self.queues_created.fetch_add(1, Ordering::Relaxed), typed),
                tags: tags.clone(),
                created_ms: now_ms,
                modified_ms: now_ms,
                purged_ms: None,
                is_deleted: false,
            },
        };
        let shared = self.new_queue(name, state);
        directory.queues.insert(name.to_owned(), Arc::clone(&shared));
        Ok(shared)
    }

    pub(super) fn new_queue(&self, name: &str, state: QueueState) -> Arc<SharedQueue> {
        let url = format!("{}/{}/{name}", self.endpoint, self.account);
        Arc::new(SharedQueue::new(name, self.arn(name), url, state))
    }

    /// Deletes a queue and its messages.
    ///
    /// # Errors
    /// `QueueDoesNotExist`.
    pub(super) fn delete_queue(&self, queue: &str) -> Result<(), Fault> {
        let shared = self.find_queue(queue)?;
        let now_ms = self.now_ms();
        {
            let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
            let mut state = shared.lock_existing()?;
            state.is_deleted = true;
            state.queue.purge();
            directory.queues.remove(&shared.name);
            directory.deleted_ms.insert(shared.name.clone(), now_ms);
        }
        self.move_tasks.forget(&shared.arn);
        shared.notify();
        Ok(())
    }

    /// Sets all of the given attributes, or none if one of them is refused.
    ///
    /// # Errors
    /// As [`Service::create`].
    pub(super) fn set_attributes(
        &self,
        queue: &str,
        changes: &BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let shared = self.find_queue(queue)?;
        let now_ms = self.now_ms();
        let next = shared.lock_existing()?.queue.attributes().with_changes(changes)?;
        let target = next
            .redrive
            .as_ref()
            .and_then(|policy| self.find_queue_by_arn(&policy.dead_letter_target_arn));
        if changes.contains_key("RedrivePolicy") {
            check_redrive(&shared.arn, &next, changes, target.as_deref())?;
        }
        {
            let mut state = shared.lock_existing()?;
            let next = state.queue.attributes().with_changes(changes)?;
            state.queue.set_attributes(next, now_ms);
            state.modified_ms = now_ms;
        }
        shared.notify();
        Ok(())
    }

    /// The queues whose dead letters a queue takes, in the order of their names.
    pub(super) fn dead_letter_sources(&self, target_arn: &str) -> Vec<Arc<SharedQueue>> {
        let mut queues = self.queues();
        queues.retain(|shared| {
            let state = shared.lock();
            let redrive = state.queue.attributes().redrive.as_ref();
            redrive.is_some_and(|policy| policy.dead_letter_target_arn == target_arn)
        });
        queues
    }

    pub(super) fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{name}", self.region, self.account)
    }
}

fn check_name(name: &str, is_fifo: bool) -> Result<(), Fault> {
    let stem = if is_fifo { name.strip_suffix(".fifo") } else { Some(name) };
    if stem.is_some_and(has_queue_name_characters) && name.len() <= limits::QUEUE_NAME_CHARS {
        return Ok(());
    }
    Err(Fault::invalid_parameter(if is_fifo {
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or \
         underscores, must end with .fifo suffix and be 1 to 80 in length."
    } else {
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    }))
}

fn has_queue_name_characters(stem: &str) -> bool {
    !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Checks the tags of a queue.
///
/// # Errors
/// `InvalidParameterValue` if there are too many tags, or if a key or value is too long:
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
        let wanted = has.with_changes(&BTreeMap::from([(name.clone(), value.clone())]))?;
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

/// Checks that a redrive policy names an existing queue of the same type, and that this queue accepts
/// dead letters from the source.
fn check_redrive(
    source_arn: &str,
    source: &Attributes,
    asked: &BTreeMap<String, String>,
    target: Option<&SharedQueue>,
) -> Result<(), Fault> {
    if source.redrive.is_none() {
        return Ok(());
    }
    match redrive_problem(source_arn, source, target) {
        None => Ok(()),
        Some(reason) => {
            let text = asked.get("RedrivePolicy").map_or("", String::as_str);
            Err(Fault::invalid("RedrivePolicy", text, reason))
        }
    }
}

fn redrive_problem(
    source_arn: &str,
    source: &Attributes,
    target: Option<&SharedQueue>,
) -> Option<&'static str> {
    let Some(target) = target else {
        return Some("Dead letter target does not exist.");
    };
    let state = target.lock();
    if state.queue.is_fifo() != source.fifo.is_some() {
        return Some("Dead-letter queue must be same type of queue as the source.");
    }
    let allow = state.queue.attributes().redrive_allow.as_ref();
    if !allow.is_none_or(|policy| policy.permits(source_arn)) {
        return Some("The redrive allow policy of the dead letter target denies this queue.");
    }
    None
}
