//! DynamoDB: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html>.
//!
//! A transaction has no action of its own. Each of its items requires the action of its operation
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>).

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Location, Permission};

/// The members of a request that name its table.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named<'a> {
    #[serde(borrow)]
    table_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    index_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stream_arn: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Transaction<'a> {
    /// The items. Each has one member, which is named after its operation.
    #[serde(rename = "TransactItems", borrow)]
    items: Vec<BTreeMap<Cow<'a, str>, Named<'a>>>,
}

#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(rename = "RequestItems", borrow)]
    tables: BTreeMap<Cow<'a, str>, IgnoredAny>,
}

pub(super) fn permissions(operation: &str, body: &Bytes, location: &Location) -> Vec<Permission> {
    let known = match operation {
        "TransactWriteItems" | "TransactGetItems" => of_transaction(body, location),
        "BatchGetItem" | "BatchWriteItem" => of_batch(operation, body, location),
        _ => of_one(operation, body, location),
    };
    known.unwrap_or_else(|| vec![Permission::new(format!("dynamodb:{operation}"), "*")])
}

/// Returns `None` if the body is not valid for the operation.
fn of_transaction(body: &Bytes, location: &Location) -> Option<Vec<Permission>> {
    let transaction: Transaction<'_> = serde_json::from_slice(body).ok()?;
    let mut permissions = Vec::<Permission>::new();
    for (kind, named) in transaction.items.into_iter().flatten() {
        let action = match kind.as_ref() {
            "Put" => "dynamodb:PutItem",
            "Update" => "dynamodb:UpdateItem",
            "Delete" => "dynamodb:DeleteItem",
            "ConditionCheck" => "dynamodb:ConditionCheckItem",
            "Get" => "dynamodb:GetItem",
            _ => return None,
        };
        let permission = Permission::new(action, table(named.table_name.as_deref()?, location));
        // The items of a transaction usually require the same few permissions.
        if !permissions.contains(&permission) {
            permissions.push(permission);
        }
    }
    Some(permissions)
}

fn of_batch(operation: &str, body: &Bytes, location: &Location) -> Option<Vec<Permission>> {
    let batch: Batch<'_> = serde_json::from_slice(body).ok()?;
    let action = format!("dynamodb:{operation}");
    let tables = batch.tables.keys().map(|name| table(name, location));
    Some(tables.map(|table| Permission::new(action.as_str(), table)).collect())
}

fn of_one(operation: &str, body: &Bytes, location: &Location) -> Option<Vec<Permission>> {
    let named: Named<'_> = serde_json::from_slice(body).ok()?;
    let resource = match (&named.table_name, &named.index_name, &named.stream_arn) {
        (Some(name), None, _) => table(name, location),
        (Some(name), Some(index), _) => format!("{}/index/{index}", table(name, location)),
        (None, _, Some(stream)) => stream.clone().into_owned(),
        (None, _, None) => return None,
    };
    Some(vec![Permission::new(format!("dynamodb:{operation}"), resource)])
}

/// The ARN of a table. DynamoDB accepts an ARN in place of a name.
fn table(name: &str, location: &Location) -> String {
    match name.starts_with("arn:") {
        true => name.to_owned(),
        false => location.arn("dynamodb", &format!("table/{name}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{place, texts};
    use super::*;

    #[track_caller]
    fn check(operation: &str, body: &Value, expected: &[&str]) {
        let body = Bytes::from(body.to_string());
        assert_eq!(texts(&permissions(operation, &body, &place())), expected, "{operation}");
    }

    #[test]
    fn each_item_of_a_transaction_needs_its_own_right_once() {
        let items = json!({ "TransactItems": [
            { "Put": { "TableName": "a", "Item": {} } },
            { "Put": { "TableName": "a", "Item": {} } },
            { "Put": { "TableName": "b", "Item": {} } },
            { "Update": { "TableName": "a", "Key": {} } },
            { "Delete": { "TableName": "a" } },
            { "ConditionCheck": { "TableName": "arn:aws:dynamodb:r:1:table/c" } },
        ] });
        check(
            "TransactWriteItems",
            &items,
            &[
                "dynamodb:PutItem arn:aws:dynamodb:r:1:table/a",
                "dynamodb:PutItem arn:aws:dynamodb:r:1:table/b",
                "dynamodb:UpdateItem arn:aws:dynamodb:r:1:table/a",
                "dynamodb:DeleteItem arn:aws:dynamodb:r:1:table/a",
                "dynamodb:ConditionCheckItem arn:aws:dynamodb:r:1:table/c",
            ],
        );
        let get = json!({ "TransactItems": [{ "Get": { "TableName": "a" } }] });
        check("TransactGetItems", &get, &["dynamodb:GetItem arn:aws:dynamodb:r:1:table/a"]);
    }

    #[test]
    fn a_table_an_index_and_a_stream_are_resources() {
        let table = json!({ "TableName": "a" });
        check("PutItem", &table, &["dynamodb:PutItem arn:aws:dynamodb:r:1:table/a"]);
        let index = json!({ "TableName": "a", "IndexName": "i" });
        check("Query", &index, &["dynamodb:Query arn:aws:dynamodb:r:1:table/a/index/i"]);
        let stream = json!({ "StreamArn": "arn:s" });
        check("GetShardIterator", &stream, &["dynamodb:GetShardIterator arn:s"]);
        let batch = json!({ "RequestItems": { "a": [], "b": [] } });
        check(
            "BatchWriteItem",
            &batch,
            &[
                "dynamodb:BatchWriteItem arn:aws:dynamodb:r:1:table/a",
                "dynamodb:BatchWriteItem arn:aws:dynamodb:r:1:table/b",
            ],
        );
    }

    #[test]
    fn what_is_not_understood_needs_everything() {
        check("ListTables", &json!({}), &["dynamodb:ListTables *"]);
        check("ExecuteStatement", &json!({ "Statement": "" }), &["dynamodb:ExecuteStatement *"]);
        let strange = json!({ "TransactItems": [{ "Merge": { "TableName": "a" } }] });
        check("TransactWriteItems", &strange, &["dynamodb:TransactWriteItems *"]);
        let nameless = json!({ "TransactItems": [{ "Put": {} }] });
        check("TransactWriteItems", &nameless, &["dynamodb:TransactWriteItems *"]);
        check("PutItem", &json!([1]), &["dynamodb:PutItem *"]);
    }
}
