//! Tables that outlast the process: copied to a file, and taken up from it.

use std::path::Path;

use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::describe_time_to_live::DescribeTimeToLiveRequest;
use dynoxide::actions::update_time_to_live::{TimeToLiveSpecification, UpdateTimeToLiveRequest};
use serde_json::{Value, json};

use super::{DynamoDb, DynamoDbError};

impl DynamoDb {
    /// Copies all tables, streams and indexes into a new SQLite file. Blocks, and no request is
    /// answered meanwhile.
    ///
    /// # Errors
    /// [`DynamoDbError`] where the file cannot be written.
    pub fn copy_to(&self, file: &Path) -> Result<(), DynamoDbError> {
        Ok(self.database.vacuum_into(&text(file)?)?)
    }

    /// Takes the place of all tables with those of a file that [`DynamoDb::copy_to`] wrote, the stream
    /// index with them. Blocks.
    ///
    /// # Errors
    /// [`DynamoDbError`] where it is no such file.
    pub fn restore(&self, file: &Path) -> Result<(), DynamoDbError> {
        Ok(self.database.restore_from(&text(file)?)?)
    }

    /// In which part a table that is there differs from what a `CreateTable` request asks for, and
    /// cannot be changed to it by adding items alone.
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
        let differs = |member| essence(&has, member) != essence(create_table, member);
        Ok(parts.into_iter().find(|(_, member)| differs(*member)).map(|(part, _)| part))
    }

    /// Lets items of a table that is there expire by this attribute, or by none.
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
        let update = |attribute: &str, enabled| {
            let attribute_name = attribute.to_owned();
            self.database.update_time_to_live(UpdateTimeToLiveRequest {
                table_name: table_name.to_owned(),
                time_to_live_specification: TimeToLiveSpecification { attribute_name, enabled },
            })
        };
        if has.as_deref() == attribute {
            return Ok(());
        }
        if let Some(has) = has {
            update(&has, false)?;
        }
        if let Some(attribute) = attribute {
            update(attribute, true)?;
        }
        Ok(())
    }
}

/// A member of a table's description that is a list, as far as `CreateTable` asks for it and in an
/// order that is always the same.
fn essence(table: &Value, member: &str) -> Vec<String> {
    let elements = table.get(member).and_then(Value::as_array).into_iter().flatten();
    let asked = |element: &Value| {
        let part = |name: &str| element.get(name).cloned().unwrap_or_default();
        match element.get("IndexName") {
            Some(name) => json!([name, part("KeySchema"), part("Projection")]).to_string(),
            None => element.to_string(),
        }
    };
    let mut essence: Vec<String> = elements.map(asked).collect();
    essence.sort();
    essence
}

fn text(file: &Path) -> Result<String, DynamoDbError> {
    let text = file.to_str().map(str::to_owned);
    text.ok_or_else(|| DynamoDbError::Storage { message: "the path is not UTF-8".to_owned() })
}
