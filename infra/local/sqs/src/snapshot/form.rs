//! The serialized form of each part of a snapshot. These types are separate from the live types, so that
//! a change of a live type does not make stored snapshots unreadable.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::MessageAttribute;
use crate::content::Outgoing;
use crate::fifo::{Accepted, AttemptedReceive, DuplicateKey};
use crate::message::{Content, Message, State};
use crate::move_tasks::{self, Status, Task};

/// A string that is borrowed when a snapshot is written.
type Text<'a> = Cow<'a, str>;

#[derive(Serialize, Deserialize)]
pub(super) struct MessageForm<'a> {
    number: u64,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    body: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<Text<'a>, AttributeForm<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    trace_header: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    group_id: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    deduplication_id: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    sender: Option<Text<'a>>,
    sent_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence_number: Option<u64>,
    state: StateForm,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_received_ms: Option<u64>,
    last_received_ms: u64,
    receive_count: u32,
    receives_here: u32,
    receive: u64,
    is_touched: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    dead_letter_source: Option<Text<'a>>,
}

#[derive(Serialize, Deserialize)]
struct AttributeForm<'a> {
    #[serde(borrow)]
    data_type: Text<'a>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    string: Option<Text<'a>>,
    /// Encoded as base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binary: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StateForm {
    Available { since_ms: u64 },
    Delayed { until_ms: u64 },
    InFlight { until_ms: u64 },
}

#[derive(Serialize, Deserialize)]
pub(super) struct DuplicateForm {
    until_ms: u64,
    group: Option<String>,
    deduplication_id: String,
    message_id: String,
    sequence_number: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AttemptForm {
    until_ms: u64,
    id: String,
    /// The number of each message and of the receive that delivered it.
    handed_out: Vec<(u64, u64)>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct TaskForm {
    id: String,
    source_arn: String,
    destination_arn: Option<String>,
    per_second: Option<i64>,
    status: StatusForm,
    moved: u64,
    to_move: u64,
    started_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StatusForm {
    Running,
    Completed,
    Cancelled,
    Failed { reason: String },
}

impl<'a> MessageForm<'a> {
    pub(super) fn of(number: u64, message: &'a Message) -> Self {
        let content = &*message.content;
        let attributes = content.attributes.iter();
        Self {
            number,
            id: Cow::Borrowed(&message.id),
            body: Cow::Borrowed(&content.body),
            attributes: attributes
                .map(|(name, each)| (Cow::Borrowed(name.as_str()), AttributeForm::of(each)))
                .collect(),
            trace_header: content.trace_header.as_deref().map(Cow::Borrowed),
            group_id: content.group_id.as_deref().map(Cow::Borrowed),
            deduplication_id: content.deduplication_id.as_deref().map(Cow::Borrowed),
            sender: content.sender.as_deref().map(Cow::Borrowed),
            sent_ms: message.sent_ms,
            sequence_number: message.sequence_number,
            state: StateForm::of(message.state),
            first_received_ms: message.first_received_ms,
            last_received_ms: message.last_received_ms,
            receive_count: message.receive_count,
            receives_here: message.receives_here,
            receive: message.receive,
            is_touched: message.is_touched,
            dead_letter_source: message.dead_letter_source.as_deref().map(Cow::Borrowed),
        }
    }

    /// Converts the form to a message and its number.
    ///
    /// # Errors
    /// A description of what is wrong with the form.
    pub(super) fn message(self) -> Result<(u64, Message), String> {
        let attributes = self
            .attributes
            .into_iter()
            .map(|(name, form)| Ok((name.into_owned(), form.attribute()?)))
            .collect::<Result<_, String>>()?;
        let content = Content::from(Outgoing {
            body: self.body.into_owned(),
            attributes,
            trace_header: self.trace_header.map(Cow::into_owned),
            delay_seconds: None,
            group_id: self.group_id.map(Cow::into_owned),
            deduplication_id: self.deduplication_id.map(Cow::into_owned),
            sender: self.sender.map(Cow::into_owned),
        });
        let message = Message {
            id: self.id.into(),
            content: Arc::new(content),
            sent_ms: self.sent_ms,
            sequence_number: self.sequence_number,
            state: self.state.state(),
            first_received_ms: self.first_received_ms,
            last_received_ms: self.last_received_ms,
            receive_count: self.receive_count,
            receives_here: self.receives_here,
            receive: self.receive,
            is_touched: self.is_touched,
            dead_letter_source: self.dead_letter_source.map(Arc::from),
        };
        Ok((self.number, message))
    }
}

impl<'a> AttributeForm<'a> {
    fn of(attribute: &'a MessageAttribute) -> Self {
        Self {
            data_type: Cow::Borrowed(&attribute.data_type),
            string: attribute.string_value.as_deref().map(Cow::Borrowed),
            binary: attribute.binary_value.as_ref().map(|bytes| STANDARD.encode(bytes)),
        }
    }

    fn attribute(self) -> Result<MessageAttribute, String> {
        let binary = self.binary.map(|text| STANDARD.decode(text)).transpose();
        Ok(MessageAttribute {
            data_type: self.data_type.into_owned(),
            string_value: self.string.map(Cow::into_owned),
            binary_value: binary.map_err(|error| format!("a message attribute: {error}"))?,
        })
    }
}

impl StateForm {
    fn of(state: State) -> Self {
        match state {
            State::Available { since_ms } => Self::Available { since_ms },
            State::Delayed { until_ms } => Self::Delayed { until_ms },
            State::InFlight { until_ms } => Self::InFlight { until_ms },
        }
    }

    fn state(self) -> State {
        match self {
            Self::Available { since_ms } => State::Available { since_ms },
            Self::Delayed { until_ms } => State::Delayed { until_ms },
            Self::InFlight { until_ms } => State::InFlight { until_ms },
        }
    }
}

impl DuplicateForm {
    pub(super) fn of((until_ms, key, accepted): &(u64, DuplicateKey, Accepted)) -> Self {
        Self {
            until_ms: *until_ms,
            group: key.group.as_deref().map(str::to_owned),
            deduplication_id: key.id.clone(),
            message_id: accepted.id.to_string(),
            sequence_number: accepted.sequence_number,
        }
    }

    pub(super) fn duplicate(self) -> (u64, DuplicateKey, Accepted) {
        let key = DuplicateKey { group: self.group.map(Arc::from), id: self.deduplication_id };
        let accepted =
            Accepted { id: self.message_id.into(), sequence_number: self.sequence_number };
        (self.until_ms, key, accepted)
    }
}

impl AttemptForm {
    pub(super) fn of((until_ms, id, handed_out): &(u64, String, Vec<AttemptedReceive>)) -> Self {
        let handed_out = handed_out.iter().map(|each| (each.message, each.receive)).collect();
        Self { until_ms: *until_ms, id: id.clone(), handed_out }
    }

    pub(super) fn attempt(self) -> (u64, String, Vec<AttemptedReceive>) {
        let handed_out = self
            .handed_out
            .into_iter()
            .map(|(message, receive)| AttemptedReceive { message, receive })
            .collect();
        (self.until_ms, self.id, handed_out)
    }
}

impl TaskForm {
    pub(super) fn of(task: &Task) -> Self {
        let status = match task.status {
            Status::Running => StatusForm::Running,
            Status::Completed => StatusForm::Completed,
            Status::Cancelled => StatusForm::Cancelled,
            Status::Failed { reason } => StatusForm::Failed { reason: reason.to_owned() },
        };
        Self {
            id: task.id.to_string(),
            source_arn: task.source_arn.clone(),
            destination_arn: task.destination_arn.clone(),
            per_second: task.per_second,
            status,
            moved: task.moved,
            to_move: task.to_move,
            started_ms: task.started_ms,
        }
    }

    /// Converts the form to a task.
    ///
    /// # Errors
    /// A description of what is wrong with the form.
    pub(super) fn task(self) -> Result<Task, String> {
        let status = match self.status {
            StatusForm::Running => Status::Running,
            StatusForm::Completed => Status::Completed,
            StatusForm::Cancelled => Status::Cancelled,
            StatusForm::Failed { reason } => {
                let reason = move_tasks::FAILURE_REASONS
                    .into_iter()
                    .find(|known| *known == reason)
                    .ok_or_else(|| format!("a move task failed for an unknown reason: {reason}"))?;
                Status::Failed { reason }
            }
        };
        Ok(Task {
            id: self.id.into(),
            source_arn: self.source_arn,
            destination_arn: self.destination_arn,
            per_second: self.per_second,
            status,
            moved: self.moved,
            to_move: self.to_move,
            started_ms: self.started_ms,
        })
    }
}
