//! Writes of the index: many in a transaction, each conditional on the version before it.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>. A transaction is
//! written as a whole or not at all. If some of its writes fail, they get their results, and the others are tried
//! again without them and counted again. An attempt whose answer was lost may have written. The next attempt then
//! finds the letters as it would write them.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use event::{Code, Failure};
use futures_util::stream::{self, StreamExt};
use letters::{IndexWrite, IndexWritten, RunId};

use super::item::{Item, came_back_key, letter_item, number, read_letter};
use super::{AT_ONCE, LetterTable, TRIES, not_understood, pause, refused};
use crate::failure_of;

/// The most actions of a transaction.
const MOST_ACTIONS: usize = 100;

/// The most bytes of text in the items of a transaction. DynamoDB allows 4 MB, and counts more than the text.
const MOST_BYTES: usize = 3_000_000;

/// A write, its item, and the position of its result.
struct Pending {
    place: usize,
    write: IndexWrite,
    item: Item,
}

/// The outcome of one attempt.
enum Attempt {
    Written,
    /// Nothing was written. The results of some writes are known, by their positions in the attempt.
    Cancelled(Vec<(usize, IndexWritten)>),
    /// The outcome is unknown, or other transactions were in the way.
    Failed(Failure),
}

impl LetterTable {
    pub(super) async fn write_all(
        &self,
        writes: &[IndexWrite],
        came_back_to: Option<&RunId>,
    ) -> Vec<IndexWritten> {
        let mut results: Vec<Option<IndexWritten>> = writes.iter().map(|_| None).collect();
        let now = self.clock.now();
        let mut pending = Vec::with_capacity(writes.len());
        for (place, write) in writes.iter().enumerate() {
            match letter_item(&write.to, now) {
                Ok(item) => pending.push(Pending { place, write: write.clone(), item }),
                Err(failure) => results[place] = Some(IndexWritten::Unknown(failure)),
            }
        }
        let chunks = chunks(pending, came_back_to.is_some());
        // Two transactions at the same time would conflict on the item that counts for the run.
        let at_once = if came_back_to.is_some() { 1 } else { AT_ONCE };
        let written = stream::iter(chunks).map(|chunk| self.write_chunk(chunk, came_back_to));
        let written: Vec<_> = written.buffered(at_once).collect().await;
        for (place, result) in written.into_iter().flatten() {
            results[place] = Some(result);
        }
        results.into_iter().map(|result| result.unwrap_or_else(without_result)).collect()
    }

    async fn write_chunk(
        &self,
        mut left: Vec<Pending>,
        came_back_to: Option<&RunId>,
    ) -> Vec<(usize, IndexWritten)> {
        let mut results = Vec::with_capacity(left.len());
        let spread = left.first().map_or(0, |first| first.write.to.entry.id.shard());
        let mut attempt = 0;
        while !left.is_empty() {
            match self.try_once(&left, came_back_to).await {
                Attempt::Written => {
                    results.extend(left.drain(..).map(|it| (it.place, IndexWritten::Written)));
                }
                // Fewer writes are left each time, so the loop ends.
                Attempt::Cancelled(known) if !known.is_empty() => {
                    for (index, result) in known.into_iter().rev() {
                        results.push((left.remove(index).place, result));
                    }
                }
                Attempt::Cancelled(_) => {
                    let failure = refused("cancelled without a reason".to_owned());
                    results.extend(unknown(&mut left, &failure));
                }
                Attempt::Failed(failure) if attempt + 1 == TRIES => {
                    results.extend(unknown(&mut left, &failure));
                }
                Attempt::Failed(_) => {
                    pause(attempt, spread).await;
                    attempt += 1;
                }
            }
        }
        results
    }

    async fn try_once(&self, writes: &[Pending], came_back_to: Option<&RunId>) -> Attempt {
        match (writes, came_back_to) {
            ([one], None) => self.put(one).await,
            _ => self.transact(writes, came_back_to).await,
        }
    }

    /// Writes one letter without a transaction, which costs half of what a transaction of one action does.
    async fn put(&self, one: &Pending) -> Attempt {
        let (condition, values) = condition(&one.write);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(one.item.clone()))
            .condition_expression(condition)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else { return Attempt::Written };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                Attempt::Cancelled(vec![(0, conflict(&one.write, failed.item()))])
            }
            // Another transaction writes the letter at the same time.
            Some(PutItemError::TransactionConflictException(_)) => {
                Attempt::Failed(contention("TransactionConflict"))
            }
            _ => failed(failure_of("writing a letter", &error), 1),
        }
    }

    async fn transact(&self, writes: &[Pending], came_back_to: Option<&RunId>) -> Attempt {
        let actions = match self.actions(writes, came_back_to) {
            Ok(actions) => actions,
            Err(failure) => return all_unknown(writes.len(), &failure),
        };
        let call = self.client.transact_write_items().set_transact_items(Some(actions));
        let Err(error) = call.send().await else { return Attempt::Written };
        cancelled(&error, writes)
    }

    fn actions(
        &self,
        writes: &[Pending],
        came_back_to: Option<&RunId>,
    ) -> Result<Vec<TransactWriteItem>, Failure> {
        let mut actions = Vec::with_capacity(writes.len() + 1);
        for pending in writes {
            let (condition, values) = condition(&pending.write);
            let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(pending.item.clone()))
                .condition_expression(condition)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(all_old)
                .build()
                .map_err(|error| refused(format!("no action: {error}")))?;
            actions.push(TransactWriteItem::builder().put(put).build());
        }
        if let Some(run) = came_back_to {
            let update = Update::builder()
                .table_name(&self.table)
                .set_key(Some(came_back_key(run)))
                .update_expression("ADD letters :letters")
                .expression_attribute_values(":letters", number(writes.len()))
                .build()
                .map_err(|error| refused(format!("no action: {error}")))?;
            actions.push(TransactWriteItem::builder().update(update).build());
        }
        Ok(actions)
    }
}

fn without_result() -> IndexWritten {
    IndexWritten::Unknown(refused("a write without a result".to_owned()))
}

/// Splits writes into one chunk for each transaction. A chunk keeps DynamoDB's limits, and has no letter twice.
fn chunks(pending: Vec<Pending>, is_counted: bool) -> Vec<Vec<Pending>> {
    let most = MOST_ACTIONS - usize::from(is_counted);
    let mut chunks: Vec<Vec<Pending>> = Vec::new();
    let (mut bytes, mut ids) = (0, BTreeSet::new());
    for one in pending {
        let size = size(&one.item);
        let id = one.write.to.entry.id.clone();
        match chunks.last_mut() {
            Some(chunk)
                if chunk.len() < most && bytes + size <= MOST_BYTES && !ids.contains(&id) =>
            {
                bytes += size;
                ids.insert(id);
                chunk.push(one);
            }
            _ => {
                bytes = size;
                ids = BTreeSet::from([id]);
                chunks.push(vec![one]);
            }
        }
    }
    chunks
}

/// The size of an item in bytes, estimated by its texts, which are nearly all of it.
fn size(item: &Item) -> usize {
    let mut bytes = 0;
    for (name, value) in item {
        bytes += name.len() + value.as_s().map_or(50, String::len);
    }
    bytes
}

fn condition(write: &IndexWrite) -> (&'static str, Option<Item>) {
    match write.expected {
        None => ("attribute_not_exists(pk)", None),
        Some(version) => {
            let values = Item::from([(":expected".to_owned(), number(version))]);
            ("version = :expected", Some(values))
        }
    }
}

/// The result of a write whose condition did not hold.
fn conflict(write: &IndexWrite, found: Option<&Item>) -> IndexWritten {
    let id = &write.to.entry.id;
    let Some(found) = found else {
        return IndexWritten::Unknown(refused(format!("the letter `{}` is gone", id.0)));
    };
    match read_letter(found) {
        // An earlier attempt wrote it, and its answer was lost.
        Some(found) if found == write.to => IndexWritten::Written,
        Some(found) => IndexWritten::Conflict(Box::new(found)),
        None => IndexWritten::Unknown(not_understood("letter", &id.0)),
    }
}

fn cancelled(error: &SdkError<TransactWriteItemsError>, writes: &[Pending]) -> Attempt {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    else {
        return failed(failure_of("writing letters", error), writes.len());
    };
    let reasons = cancelled.cancellation_reasons();
    let mut known = Vec::new();
    for (index, (pending, reason)) in writes.iter().zip(reasons).enumerate() {
        match reason.code() {
            Some("ConditionalCheckFailed") => {
                known.push((index, conflict(&pending.write, reason.item.as_ref())));
            }
            Some("ValidationError" | "ItemCollectionSizeLimitExceeded") => {
                let failure = refused("a letter is refused as invalid".to_owned());
                known.push((index, IndexWritten::Unknown(failure)));
            }
            _ => {}
        }
    }
    if !known.is_empty() {
        return Attempt::Cancelled(known);
    }
    let code =
        reasons.iter().find_map(|it: &CancellationReason| it.code().filter(|it| *it != "None"));
    Attempt::Failed(contention(code.unwrap_or("cancelled")))
}

/// The failure of a write that others were in the way of.
fn contention(code: &str) -> Failure {
    Failure::transient(Code::DependencyUnavailable, format!("writing letters: {code}"))
}

/// The outcome of an attempt that failed as a whole. What DynamoDB refused, such as a missing table or right, is not
/// tried again, since it would be refused again.
fn failed(failure: Failure, writes: usize) -> Attempt {
    if failure.code == Code::DependencyRefused {
        all_unknown(writes, &failure)
    } else {
        Attempt::Failed(failure)
    }
}

fn all_unknown(writes: usize, failure: &Failure) -> Attempt {
    Attempt::Cancelled((0..writes).map(|it| (it, IndexWritten::Unknown(failure.clone()))).collect())
}

fn unknown(left: &mut Vec<Pending>, failure: &Failure) -> Vec<(usize, IndexWritten)> {
    left.drain(..).map(|it| (it.place, IndexWritten::Unknown(failure.clone()))).collect()
}
