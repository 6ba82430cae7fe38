//! The ledger of runs.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use event::Failure;
use letters::{Ledger, LedgerWritten, RunId, Runs};

use super::item::{
    self, came_back_key, is_of_key, number, read_came_back, run_item, run_key, string, text,
};
use super::{LetterTable, not_understood, refused};
use crate::failure_of;
use crate::redrives::RUNS;

impl LetterTable {
    /// Sets how many letters came back to each of these runs. That number has an item of its own.
    async fn count_came_back(&self, ledgers: &mut [Ledger]) -> Result<(), Failure> {
        let keys = ledgers.iter().map(|ledger| came_back_key(&ledger.id)).collect();
        let items = self.get(keys).await?;
        let counts: HashMap<&str, u64> = items
            .iter()
            .filter_map(|item| Some((string(item, "pk")?, read_came_back(item))))
            .collect();
        for ledger in ledgers {
            let key = came_back_key(&ledger.id);
            let count = string(&key, "pk").and_then(|pk| counts.get(pk));
            ledger.came_back = count.copied().unwrap_or(0);
        }
        Ok(())
    }
}

impl Runs for LetterTable {
    async fn read_run(&self, run: &RunId) -> Result<Option<Ledger>, Failure> {
        let (key, counter) = (run_key(run), came_back_key(run));
        let items = self.get(vec![key.clone(), counter.clone()]).await?;
        let Some(item) = items.iter().find(|item| is_of_key(item, &key)) else { return Ok(None) };
        let mut ledger = item::read_run(item).ok_or_else(|| not_understood("run", &run.0))?;
        let counter = items.iter().find(|item| is_of_key(item, &counter));
        ledger.came_back = counter.map_or(0, read_came_back);
        Ok(Some(ledger))
    }

    async fn runs(&self, most: usize) -> Result<Vec<Ledger>, Failure> {
        let mut ledgers = Vec::new();
        let mut from = None;
        while ledgers.len() < most {
            let left = i32::try_from(most - ledgers.len()).unwrap_or(i32::MAX);
            let query = self.client.query().table_name(&self.table).consistent_read(true);
            let query = query
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", text(RUNS))
                .scan_index_forward(false)
                .limit(left)
                .set_exclusive_start_key(from.take());
            let page = query.send().await.map_err(|error| failure_of("listing runs", &error))?;
            for item in page.items.unwrap_or_default() {
                match item::read_run(&item) {
                    Some(ledger) => ledgers.push(ledger),
                    None => tracing::warn!(
                        run.id = string(&item, "sk").unwrap_or_default(),
                        "a run is not understood, and is left out"
                    ),
                }
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        self.count_came_back(&mut ledgers).await?;
        Ok(ledgers)
    }

    async fn replace_run(
        &self,
        expected: Option<u64>,
        to: &Ledger,
    ) -> Result<LedgerWritten, Failure> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(run_item(to)?));
        let put = match expected {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(version) => put
                .condition_expression("version = :expected")
                .expression_attribute_values(":expected", number(version)),
        };
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        let put = put.return_values_on_condition_check_failure(all_old);
        let Err(error) = put.send().await else { return Ok(LedgerWritten::Written) };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
        else {
            return Err(failure_of("writing a run", &error));
        };
        let Some(found) = failed.item() else {
            return Err(refused(format!("there is no run `{}` to replace", to.id.0)));
        };
        let found = item::read_run(found).ok_or_else(|| not_understood("run", &to.id.0))?;
        // An earlier attempt of the SDK wrote it, and its answer was lost.
        if found == (Ledger { came_back: 0, ..to.clone() }) {
            return Ok(LedgerWritten::Written);
        }
        let mut found = [found];
        self.count_came_back(&mut found).await?;
        let [found] = found;
        Ok(LedgerWritten::Conflict(Box::new(found)))
    }
}
