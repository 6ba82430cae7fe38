//! The notes of groups and the state of triage. Each is one item, which is replaced on the condition that its version
//! is the one that was read.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use event::{Failure, FailureFingerprint};
use letters::{ControlWritten, Controls, GroupNote, NoteWritten, Notes, TriageControl};

use super::item::{
    GROUPS, Item, control_item, control_key, note_item, note_key, number, read_control, read_note,
    string, text,
};
use super::{LetterTable, not_understood, refused};
use crate::failure_of;

impl LetterTable {
    /// Puts an item in place of the one with the expected version, or where there is none (`expected` is `None`).
    /// Returns the item that is there instead, if the condition did not hold.
    async fn put_over(&self, expected: Option<u64>, item: Item) -> Result<Option<Item>, Failure> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let put = match expected {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(version) => put
                .condition_expression("version = :expected")
                .expression_attribute_values(":expected", number(version)),
        };
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        let put = put.return_values_on_condition_check_failure(all_old);
        let Err(error) = put.send().await else { return Ok(None) };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
        else {
            return Err(failure_of("writing what operators have said", &error));
        };
        match failed.item() {
            Some(item) => Ok(Some(item.clone())),
            None => Err(refused("there is nothing to replace".to_owned())),
        }
    }
}

impl Notes for LetterTable {
    async fn notes(&self) -> Result<Vec<GroupNote>, Failure> {
        let mut notes = Vec::new();
        let mut from = None;
        loop {
            let query = self.client.query().table_name(&self.table).consistent_read(true);
            let query = query
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", text(GROUPS))
                .set_exclusive_start_key(from.take());
            let page = query.send().await.map_err(|error| failure_of("listing notes", &error))?;
            for item in page.items.unwrap_or_default() {
                match read_note(&item) {
                    Some(note) => notes.push(note),
                    None => tracing::warn!(
                        group = string(&item, "sk").unwrap_or_default(),
                        "a note is not understood, and is left out"
                    ),
                }
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(notes);
            }
        }
    }

    async fn read_note(&self, group: &FailureFingerprint) -> Result<Option<GroupNote>, Failure> {
        let items = self.get(vec![note_key(group)]).await?;
        let Some(item) = items.first() else { return Ok(None) };
        read_note(item).map(Some).ok_or_else(|| not_understood("note of", group.as_str()))
    }

    async fn replace_note(
        &self,
        expected: Option<u64>,
        to: &GroupNote,
    ) -> Result<NoteWritten, Failure> {
        let Some(found) = self.put_over(expected, note_item(to)?).await? else {
            return Ok(NoteWritten::Written);
        };
        let found =
            read_note(&found).ok_or_else(|| not_understood("note of", to.group.as_str()))?;
        // An earlier attempt of the SDK wrote it, and its answer was lost.
        if found == *to {
            return Ok(NoteWritten::Written);
        }
        Ok(NoteWritten::Conflict(Box::new(found)))
    }
}

impl Controls for LetterTable {
    async fn read_control(&self) -> Result<Option<TriageControl>, Failure> {
        let items = self.get(vec![control_key()]).await?;
        let Some(item) = items.first() else { return Ok(None) };
        read_control(item).map(Some).ok_or_else(|| not_understood("control", "triage"))
    }

    async fn replace_control(
        &self,
        expected: Option<u64>,
        to: &TriageControl,
    ) -> Result<ControlWritten, Failure> {
        let Some(found) = self.put_over(expected, control_item(to)?).await? else {
            return Ok(ControlWritten::Written);
        };
        let found = read_control(&found).ok_or_else(|| not_understood("control", "triage"))?;
        // An earlier attempt of the SDK wrote it, and its answer was lost.
        if found == *to {
            return Ok(ControlWritten::Written);
        }
        Ok(ControlWritten::Conflict(Box::new(found)))
    }
}
