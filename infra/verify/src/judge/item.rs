//! Items of DynamoDB: without their types, and held to a payload.

use std::collections::BTreeMap;

use crate::contract::{Dataset, Table};
use crate::json::Json;
use crate::lake::check_payload;
use crate::shown;

/// An item of DynamoDB JSON without its types: `{"a":{"N":"1"}}` is `{"a":1}`.
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

/// The text of an attribute.
pub(super) fn text<'a>(row: &'a Json, name: &str) -> &'a str {
    row.member(name).and_then(Json::as_text).unwrap_or_default()
}

/// What an event's row has of its payload, by the names of attributes; none means that it has none.
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

/// Whether an enricher sets what is there.
pub(super) fn is_enriched(pointer: &str, dataset: &Dataset) -> bool {
    let first = pointer.split('/').nth(1).unwrap_or_default();
    dataset.enriched.contains(&first.replace("~1", "/").replace("~0", "~"))
}

/// Whether a row's content is the payload's.
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
    let told =
        |value: Option<&Json>| value.map_or("nothing".to_owned(), |it| shown(&it.to_string()));
    Err(format!("`{name}` is {}, and was sent as {}", told(found), told(expected)))
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
