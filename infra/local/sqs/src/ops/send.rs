//! `SendMessage` and `SendMessageBatch`.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::batch;
use super::input::Input;
use crate::content::Outgoing;
use crate::digest::Digest;
use crate::errors::{Code, Fault};
use crate::limits;
use crate::queue::Sent;
use crate::service::Service;
use crate::{Caller, MessageAttribute};

const TRACE_HEADER: &str = "AWSTraceHeader";

pub(super) fn send(
    service: &Service,
    caller: Caller<'_>,
    mut input: Input,
) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    let outgoing = outgoing(&mut input, caller)?;
    service.send(&shared, outgoing).map(|sent| sent_json(&sent))
}

/// Sends the entries of a batch. Each entry succeeds or fails on its own, but AWS refuses the whole
/// batch if it is too large or if an entry lacks an id that a FIFO queue requires.
pub(super) fn send_batch(
    service: &Service,
    caller: Caller<'_>,
    mut input: Input,
) -> Result<Value, Fault> {
    let shared = service.find_queue(&input.required("QueueUrl")?)?;
    let mut outgoing_entries = Vec::new();
    for (id, mut entry) in batch::entries(&mut input, "SendMessageBatchRequestEntry")? {
        let outgoing = match outgoing(&mut entry, caller) {
            Err(fault) if fault.code == Code::Serialization => return Err(fault),
            other => other,
        };
        outgoing_entries.push((id, outgoing));
    }
    let valid: Vec<&Outgoing> =
        outgoing_entries.iter().filter_map(|(_, outgoing)| outgoing.as_ref().ok()).collect();
    let size: usize = valid.iter().map(|outgoing| outgoing.size()).sum();
    if size > limits::MESSAGE_BYTES {
        return Err(Fault::new(
            Code::BatchRequestTooLong,
            format!(
                "Batch requests cannot be longer than {} bytes. You have sent {size} bytes.",
                limits::MESSAGE_BYTES
            ),
        ));
    }
    {
        let state = shared.lock_existing()?;
        if state.queue.is_fifo() {
            for outgoing in valid {
                state
                    .queue
                    .check_ids(outgoing)
                    .map_err(|fault| Fault::invalid_parameter(fault.message))?;
            }
        }
    }
    let results = outgoing_entries.into_iter().map(|(id, outgoing)| {
        let sent = outgoing.and_then(|outgoing| service.send(&shared, outgoing));
        (id, sent.map(|sent| sent_json(&sent)))
    });
    Ok(batch::answer(results.collect()))
}

fn outgoing(input: &mut Input, caller: Caller<'_>) -> Result<Outgoing, Fault> {
    Ok(Outgoing {
        body: input.string("MessageBody")?.unwrap_or_default(),
        delay_seconds: input.integer("DelaySeconds")?,
        group_id: input.string("MessageGroupId")?,
        deduplication_id: input.string("MessageDeduplicationId")?,
        attributes: attributes(input)?,
        trace_header: trace_header(input)?.or_else(|| caller.trace.map(str::to_owned)),
        sender: caller.session.map(str::to_owned),
    })
}

fn attributes(input: &mut Input) -> Result<BTreeMap<String, MessageAttribute>, Fault> {
    let mut attributes = BTreeMap::new();
    for (name, mut value) in input.structure_map("MessageAttributes")? {
        attributes.insert(name, attribute(&mut value)?);
    }
    Ok(attributes)
}

fn attribute(value: &mut Input) -> Result<MessageAttribute, Fault> {
    if value.has_items("StringListValues")? || value.has_items("BinaryListValues")? {
        return Err(Fault::new(
            Code::UnsupportedOperation,
            "Message attribute list values in SendMessage operation are not supported.",
        ));
    }
    Ok(MessageAttribute {
        data_type: value.string("DataType")?.unwrap_or_default(),
        string_value: value.string("StringValue")?,
        binary_value: value.blob("BinaryValue")?,
    })
}

fn trace_header(input: &mut Input) -> Result<Option<String>, Fault> {
    let mut header = None;
    for (name, mut value) in input.structure_map("MessageSystemAttributes")? {
        if name != TRACE_HEADER {
            return Err(Fault::invalid_parameter(format!(
                "Message system attribute name '{name}' is invalid."
            )));
        }
        let attribute = attribute(&mut value)?;
        let text = attribute.string_value.filter(|text| !text.is_empty());
        if attribute.data_type != "String" || text.is_none() {
            return Err(Fault::invalid_parameter(format!(
                "Message system attribute '{name}' must contain a non-empty value of type 'String'."
            )));
        }
        header = text;
    }
    Ok(header)
}

fn sent_json(sent: &Sent) -> Value {
    let content = &sent.content;
    let mut answer = json!({
        "MessageId": *sent.id,
        "MD5OfMessageBody": content.md5_of_body.to_string(),
    });
    let attributes = content.attributes.iter().map(|(name, value)| (name.as_str(), value));
    if let Some(digest) = Digest::of_attributes(attributes) {
        answer["MD5OfMessageAttributes"] = digest.to_string().into();
    }
    if let Some(header) = &content.trace_header {
        let attribute = MessageAttribute {
            data_type: "String".to_owned(),
            string_value: Some(header.clone()),
            binary_value: None,
        };
        if let Some(digest) = Digest::of_attributes([(TRACE_HEADER, &attribute)]) {
            answer["MD5OfMessageSystemAttributes"] = digest.to_string().into();
        }
    }
    if let Some(number) = sent.sequence_number {
        answer["SequenceNumber"] = number.to_string().into();
    }
    answer
}
