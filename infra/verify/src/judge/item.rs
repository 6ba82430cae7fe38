//! Reads items of DynamoDB without their types, and compares them with payloads.

use std::collections::BTreeMap;

use crate::contract::{Dataset, Table};
use crate::json::Json;
use crate::lake::check_payload;
use crate::shown;

/// Removes the types from an item of DynamoDB JSON: `{"a":{"N":"1"}}` becomes `{"a":1}`.
#[must_use]
pub fn plain(item: &Json) -> Json {
    let Json::Object(members) = item else { return Json::Null };
    Json::Object(members.iter().map(|(name, value)| (name.clone(), attribute(value))).collect())
}

fn attribute(typed: &Json) -> Json {
    let Json::Object(members) = typed else { return Json::Null };
    let Some((kind, value)) = members.iter().next() else { return Json::Null };
    match (kind.as_str(), value) {
        ("N", Json::Text(digits)) => Json::Number(digits.clone()),
        ("M", map) => plain(map),
        ("L", Json::List(items)) => Json::List(items.iter().map(attribute).collect()),
        ("NULL", _) => Json::Null,
        (_, other) => other.clone(),
    }
}

/// The text of an attribute. Empty if there is none.
pub(super) fn text<'a>(row: &'a Json, name: &str) -> &'a str {
    row.member(name).and_then(Json::as_text).unwrap_or_default()
}

/// The values that an event's row has of its payload, by the names of attributes. `None` means
/// that the row does not have the attribute.
pub(super) fn content(
    table: &Table,
    payload: &Json,
    dataset: &Dataset,
) -> BTreeMap<String, Option<Json>> {
    let mut content = BTreeMap::new();
    for (name, pointer) in &table.attributes {
        if !is_enriched(pointer, dataset) {
            content.insert(name.clone(), payload.at(pointer).cloned());
        }
    }
    content
}

/// Whether an enricher sets the value at this pointer.
pub(super) fn is_enriched(pointer: &str, dataset: &Dataset) -> bool {
    let first = pointer.split('/').nth(1).unwrap_or_default();
    dataset.enriched.contains(&first.replace("~1", "/").replace("~0", "~"))
}

/// Compares the content of a row with that of the payload.
pub(super) fn check(
    row: &Json,
    table: &Table,
    payload: &Json,
    dataset: &Dataset,
) -> Result<(), String> {
    if table.attributes.is_empty() {
        let found = row.member("payload").ok_or_else(|| "it has no `payload`".to_owned())?;
        return check_payload(payload, found, dataset);
    }
    for (name, expected) in content(table, payload, dataset) {
        check_attribute(row, &name, expected.as_ref())?;
    }
    Ok(())
}

pub(super) fn check_attribute(
    row: &Json,
    name: &str,
    expected: Option<&Json>,
) -> Result<(), String> {
    let found = row.member(name);
    if found == expected {
        return Ok(());
    }
    Err(format!("`{name}` is {}, and was sent as {}", describe(found), describe(expected)))
}

fn describe(value: Option<&Json>) -> String {
    value.map_or("nothing".to_owned(), |it| shown(&it.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_left_out_and_digits_stay() {
        let item = Json::parse(
            r#"{"a":{"N":"12345678901234567890.5"},"b":{"L":[{"S":"x"},{"NULL":true}]},
                "c":{"M":{"d":{"BOOL":true}}}}"#,
        );
        let expected = r#"{"a":12345678901234567890.5,"b":["x",null],"c":{"d":true}}"#;
        assert_eq!(plain(&item.unwrap()).to_string(), expected);
    }
}
