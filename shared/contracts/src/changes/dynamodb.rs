//! Records of DynamoDB Streams, as Lambda and EventBridge Pipes pass them on:
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>.
//!
//! An item becomes a JSON object. Numbers, which DynamoDB writes as text, become numbers of the same digits; sets become
//! arrays; binary values stay base64 text
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_AttributeValue.html>).

use std::fmt;

use event::{Code, Decimal, Failure, Timestamp, json_problem, pointer_to};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Number;
use serde_json::value::RawValue;

use super::members::{Members, whole};
use super::{Operation, RowChange};

/// The members of a record that are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    #[serde(rename = "eventSourceARN")]
    stream: Option<String>,
    dynamodb: Images,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    keys: Option<Item>,
    new_image: Option<Item>,
    old_image: Option<Item>,
    sequence_number: Option<String>,
    approximate_creation_date_time: Option<Number>,
}

/// The attributes of an item, in the order in which they came.
struct Item(Vec<(String, AttributeValue)>);

#[derive(Deserialize)]
enum AttributeValue {
    S(String),
    N(String),
    B(String),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "NULL")]
    Null(IgnoredAny),
    #[serde(rename = "SS")]
    Texts(Vec<String>),
    #[serde(rename = "NS")]
    Numbers(Vec<String>),
    #[serde(rename = "BS")]
    Binaries(Vec<String>),
    L(Vec<AttributeValue>),
    M(Item),
}

/// The text of the one record in a message: the message itself, or the only one of its `Records`. `None` if it is no
/// record of a DynamoDB stream.
fn record_in(text: &str) -> Option<&str> {
    let records: Option<Vec<&RawValue>> =
        Members::of(text)?.raw("Records").and_then(|records| serde_json::from_str(records).ok());
    let record = match records.as_deref() {
        None => text,
        Some([one]) => one.get(),
        Some(_) => return None,
    };
    let source = Members::of(record)?.text("eventSource");
    (source.as_deref() == Some("aws:dynamodb")).then_some(record)
}

/// The table of the change in a message; `None` if it is no record of a DynamoDB stream, or names no stream.
pub(super) fn table_in(text: &str) -> Option<String> {
    table_of(&Members::of(record_in(text)?)?.text("eventSourceARN")?).map(str::to_owned)
}

/// The table in the ARN of a stream, such as `arn:aws:dynamodb:eu-west-1:1:table/orders/stream/2026-01-01T00:00:00.000`.
fn table_of(stream: &str) -> Option<&str> {
    let resource = stream.splitn(6, ':').nth(5)?;
    resource.strip_prefix("table/")?.split('/').next()
}

/// The change in a message.
///
/// # Errors
/// [`Code::DecodeFormat`], permanent, if it is no record of a stream, has no image of the row, or a number that is none.
pub(super) fn decode(text: &str) -> Result<RowChange, Failure> {
    let record = record_in(text).ok_or_else(|| malformed("no record of a DynamoDB stream"))?;
    let record: Record = serde_json::from_str(record).map_err(|error| {
        malformed(format!("no record of a DynamoDB stream: {}", json_problem(&error)))
    })?;
    let Images { keys, new_image, old_image, .. } = record.dynamodb;
    let (operation, row) = match record.event_name.as_str() {
        "INSERT" => (Operation::Insert, new_image),
        "MODIFY" => (Operation::Update, new_image),
        "REMOVE" => (Operation::Delete, old_image.or(keys)),
        _ => return Err(malformed("`eventName` is none of INSERT, MODIFY and REMOVE")),
    };
    let row = row.ok_or_else(|| {
        malformed(
            "no image of the row; expected a stream with StreamViewType NEW_AND_OLD_IMAGES or NEW_IMAGE",
        )
    })?;
    let mut written = String::new();
    write_item(&mut written, &row).map_err(|at| malformed("a number that is none").at(at))?;
    let sequence = match &record.dynamodb.sequence_number {
        None => None,
        Some(number) => Some(whole(number).ok_or_else(|| {
            malformed("a `SequenceNumber` that is not a whole number of at most 40 digits")
        })?),
    };
    Ok(RowChange {
        row: written,
        operation,
        sequence,
        time: record.dynamodb.approximate_creation_date_time.as_ref().and_then(time_of),
        table: record.stream.as_deref().and_then(table_of).map(str::to_owned),
    })
}

/// The time of a number of seconds since 1970.
fn time_of(seconds: &Number) -> Option<Timestamp> {
    Timestamp::from_unix_nanos(Decimal::of(seconds).ok()?.unscaled(9)?)
}

fn malformed(reason: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::permanent(Code::DecodeFormat, reason)
}

/// Writes an item as a JSON object.
///
/// # Errors
/// The JSON Pointer to a number that is none.
fn write_item(text: &mut String, Item(attributes): &Item) -> Result<(), String> {
    text.push('{');
    for (index, (name, value)) in attributes.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_text(text, name);
        text.push(':');
        write_value(text, value).map_err(|at| pointer_to(name) + &at)?;
    }
    text.push('}');
    Ok(())
}

fn write_value(text: &mut String, value: &AttributeValue) -> Result<(), String> {
    match value {
        AttributeValue::S(value) | AttributeValue::B(value) => write_text(text, value),
        AttributeValue::N(digits) => write_number(text, digits)?,
        AttributeValue::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        AttributeValue::Null(_) => text.push_str("null"),
        AttributeValue::Texts(items) | AttributeValue::Binaries(items) => {
            write_array(text, items, |text, item| {
                write_text(text, item);
                Ok(())
            })?;
        }
        AttributeValue::Numbers(items) => {
            write_array(text, items, |text, it| write_number(text, it))?
        }
        AttributeValue::L(items) => write_array(text, items, write_value)?,
        AttributeValue::M(item) => write_item(text, item)?,
    }
    Ok(())
}

fn write_array<T>(
    text: &mut String,
    items: &[T],
    write: impl Fn(&mut String, &T) -> Result<(), String>,
) -> Result<(), String> {
    text.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(text, item).map_err(|at| pointer_to(&index.to_string()) + &at)?;
    }
    text.push(']');
    Ok(())
}

/// Writes the digits as they came.
fn write_number(text: &mut String, digits: &str) -> Result<(), String> {
    digits.parse::<Number>().map_err(|_| String::new())?;
    text.push_str(digits);
    Ok(())
}

fn write_text(text: &mut String, value: &str) {
    text.push_str(&serde_json::Value::from(value).to_string());
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ItemVisitor).map(Self)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Vec<(String, AttributeValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut attributes = Vec::new();
        while let Some(attribute) = map.next_entry()? {
            attributes.push(attribute);
        }
        Ok(attributes)
    }
}

#[cfg(test)]
mod tests;
