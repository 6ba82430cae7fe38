//! Invocations without a queue: by S3, SNS or EventBridge, or by hand.
//!
//! What came is handed over to the inbox, from which it is taken like every other message: with its tries, its waits,
//! and a dead letter if it fails for good. The invocation succeeds once the inbox has it. An invocation of an unknown
//! shape, and one that could not be handed over, fails. Lambda repeats an asynchronous one twice and then sends it to
//! the function's on-failure destination
//! (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>); a caller that waits for the
//! answer gets the error.

use event::{Failure, escape_noncharacters};
use lambda_runtime::Diagnostic;
use runtime::{Outgoing, Queue, send_all};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::adapters::{self, IgnoredCounts, Meaning, Members};

/// The most calls to the inbox at the same time.
const SENDS: usize = 2;

/// What became of an invocation's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct HandedOver {
    /// How many are in the inbox now.
    pub(crate) handed_over: usize,
    /// How many announced nothing to be read.
    pub(crate) ignored: usize,
}

/// Why an invocation failed.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Failure);

impl From<Refused> for Diagnostic {
    fn from(Refused(failure): Refused) -> Self {
        Self {
            error_type: format!("Ingest.{}", failure.code),
            error_message: failure.reason.into_owned(),
        }
    }
}

/// Sends the messages of an invocation to the inbox, each record of it as a message of its own.
///
/// # Errors
/// If one of them has an unknown shape; then none is sent. If one of them could not be sent; then others may be in the
/// inbox, and come a second time when the invocation is repeated.
pub(crate) async fn hand_over(
    queue: &impl Queue,
    inbox_url: &str,
    invocation: &RawValue,
    ignored: &IgnoredCounts,
) -> Result<HandedOver, Refused> {
    let (mut messages, mut nothing_to_do) = (Vec::new(), Vec::new());
    for body in split(invocation.get()) {
        match adapters::read(&body, "aws").map_err(Refused)? {
            Meaning::Announcement(announced) if announced.objects.is_empty() => {
                nothing_to_do.push(announced.ignored);
            }
            Meaning::Announcement(_) | Meaning::Event(_) | Meaning::Change(_) => {
                // No attributes: the inbox believes those that this function sends.
                let body = escape_noncharacters(body);
                messages.push(Outgoing { body, ..Outgoing::default() });
            }
        }
    }
    let sent = send_all(queue, inbox_url, &messages, SENDS).await;
    sent.into_iter().collect::<Result<(), Failure>>().map_err(Refused)?;
    for kinds in &nothing_to_do {
        ignored.add(kinds);
    }
    let done = HandedOver { handed_over: messages.len(), ignored: nothing_to_do.len() };
    tracing::info!(
        stage = "ingest",
        messages.handed_over = done.handed_over,
        messages.ignored = done.ignored,
        "invocation handed over to the inbox"
    );
    Ok(done)
}

/// The messages of an invocation: each of its records with nothing around it but `Records`, or all of it.
fn split(invocation: &str) -> Vec<String> {
    let records: Option<Vec<&RawValue>> = Members::of(invocation).and_then(|it| it.read("Records"));
    match records {
        Some(records) if records.len() > 1 => {
            records.iter().map(|record| format!("{{\"Records\":[{}]}}", record.get())).collect()
        }
        _ => vec![invocation.to_owned()],
    }
}

#[cfg(test)]
mod tests;
