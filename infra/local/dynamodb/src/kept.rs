//! Stores tables in a file, so that they outlast the process, and restores them.

use std::path::Path;

use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::describe_time_to_live::DescribeTimeToLiveRequest;
use dynoxide::actions::update_time_to_live::{TimeToLiveSpecification, UpdateTimeToLiveRequest};
use serde_json::{Value, json};

use super::{DynamoDb, DynamoDbError};

impl DynamoDb {
    /// Copies all tables, streams and indexes into a new SQLite file. Blocks, and requests wait
    /// until it ends.
    ///
    /// # Errors
    /// [`DynamoDbError`] if the file cannot be written.
    pub fn copy_to(&self, file: &Path) -> Result<(), DynamoDbError> {
        Ok(self.database.vacuum_into(&text(file)?)?)
    }

    /// Replaces all tables by those of a file that [`DynamoDb::copy_to`] wrote. The stream index
    /// is part of the file. Blocks.
    ///
    /// # Errors
    /// [`DynamoDbError`] if the file is not such a copy.
    pub fn restore(&self, file: &Path) -> Result<(), DynamoDbError> {
        Ok(self.database.restore_from(&text(file)?)?)
    }

    /// The part in which an existing table differs from what a `CreateTable` request asks for:
    /// `keys`, `global secondary indexes`, `local secondary indexes` or `attribute definitions`.
    /// `None` if the table is usable as it is.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] with `ResourceNotFoundException`.
    pub fn difference(
        &self,
        table_name: &str,
        create_table: &Value,
    ) -> Result<Option<&'static str>, DynamoDbError> {
        let table_name = table_name.to_owned();
        let described = self.database.describe_table(DescribeTableRequest { table_name })?;
        let has = super::json(&described.table)?;
        let parts = [
            ("keys", "KeySchema"),
            ("global secondary indexes", "GlobalSecondaryIndexes"),
            ("local secondary indexes", "LocalSecondaryIndexes"),
            ("attribute definitions", "AttributeDefinitions"),
        ];
        for (part, member) in parts {
            if essence(&has, member) != essence(create_table, member) {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    /// Sets the attribute by which items of an existing table expire. `None` disables time to
    /// live.
    ///
    /// # Errors
    /// [`DynamoDbError::Refused`] with `ResourceNotFoundException`.
    pub fn expire_by(
        &self,
        table_name: &str,
        attribute: Option<&str>,
    ) -> Result<(), DynamoDbError> {
        let request = DescribeTimeToLiveRequest { table_name: table_name.to_owned() };
        let described = self.database.describe_time_to_live(request)?.time_to_live_description;
        let has = described.attribute_name.filter(|_| described.time_to_live_status == "ENABLED");
        if has.as_deref() == attribute {
            return Ok(());
        }
        if let Some(attribute_name) = has {
            let specification = TimeToLiveSpecification { attribute_name, enabled: false };
            self.update_time_to_live(table_name, specification)?;
        }
        if let Some(attribute) = attribute {
            let attribute_name = attribute.to_owned();
            let specification = TimeToLiveSpecification { attribute_name, enabled: true };
            self.update_time_to_live(table_name, specification)?;
        }
        Ok(())
    }

    fn update_time_to_live(
        &self,
        table_name: &str,
        time_to_live_specification: TimeToLiveSpecification,
    ) -> Result<(), DynamoDbError> {
        self.database.update_time_to_live(UpdateTimeToLiveRequest {
            table_name: table_name.to_owned(),
            time_to_live_specification,
        })?;
        Ok(())
    }
}

/// The elements of a list in a table's description, reduced to what `CreateTable` asks for, and
/// sorted.
fn essence(table: &Value, member: &str) -> Vec<String> {
    let mut essence = Vec::new();
    for element in table.get(member).and_then(Value::as_array).into_iter().flatten() {
        essence.push(match element.get("IndexName") {
            Some(name) => json!([name, element["KeySchema"], element["Projection"]]).to_string(),
            None => element.to_string(),
        });
    }
    essence.sort();
    essence
}

fn text(file: &Path) -> Result<String, DynamoDbError> {
    let text = file.to_str().map(str::to_owned);
    text.ok_or_else(|| DynamoDbError::Storage { message: "the path is not UTF-8".to_owned() })
}
