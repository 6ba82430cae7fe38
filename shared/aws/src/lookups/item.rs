//! An item of a table as a JSON document.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

pub(super) type Item = HashMap<String, AttributeValue>;

/// The item as a JSON object. The types of the attributes decide the types in JSON, so that no schema is needed.
///
/// | attribute | JSON |
/// | --- | --- |
/// | S | a string |
/// | N | a number, with the digits that DynamoDB keeps |
/// | BOOL, NULL | true, false, null |
/// | M, L | an object, an array |
/// | SS, NS | an array |
/// | B, BS | a Base64 string, an array of them |
///
/// `None` if an attribute has a type that this version of the SDK does not know.
pub(super) fn document(item: &Item) -> Option<Value> {
    let mut members = Map::new();
    // Members are sorted by name, since the SDK's map has no order.
    let mut names: Vec<&String> = item.keys().collect();
    names.sort_unstable();
    for name in names {
        members.insert(name.clone(), value(item.get(name)?)?);
    }
    Some(Value::Object(members))
}

fn value(attribute: &AttributeValue) -> Option<Value> {
    Some(match attribute {
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::N(digits) => number(digits)?,
        AttributeValue::Bool(truth) => Value::Bool(*truth),
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::M(item) => document(item)?,
        AttributeValue::L(values) => array(values, value)?,
        AttributeValue::Ss(texts) => array(texts, |text| Some(Value::String(text.clone())))?,
        AttributeValue::Ns(numbers) => array(numbers, |digits| number(digits))?,
        AttributeValue::B(bytes) => Value::String(STANDARD.encode(bytes)),
        AttributeValue::Bs(several) => {
            array(several, |bytes| Some(Value::String(STANDARD.encode(bytes))))?
        }
        _ => return None,
    })
}

fn number(digits: &str) -> Option<Value> {
    serde_json::from_str::<Number>(digits).ok().map(Value::Number)
}

fn array<T>(of: &[T], each: impl Fn(&T) -> Option<Value>) -> Option<Value> {
    of.iter().map(each).collect::<Option<Vec<Value>>>().map(Value::Array)
}

#[cfg(test)]
mod tests {

    use aws_sdk_dynamodb::primitives::Blob;

    use super::*;

    fn text(text: &str) -> AttributeValue {
        AttributeValue::S(text.to_owned())
    }

    fn number(digits: &str) -> AttributeValue {
        AttributeValue::N(digits.to_owned())
    }

    #[test]
    fn an_item_is_a_document_with_its_digits() {
        let item = Item::from([
            ("name".to_owned(), text("United")),
            ("fleet".to_owned(), number("12345678901234567890123456789012345678")),
            ("share".to_owned(), number("0.10")),
            ("listed".to_owned(), AttributeValue::Bool(true)),
            ("parent".to_owned(), AttributeValue::Null(true)),
            ("hubs".to_owned(), AttributeValue::L(vec![text("EWR"), number("1")])),
            ("codes".to_owned(), AttributeValue::Ss(vec!["UA".to_owned()])),
            ("years".to_owned(), AttributeValue::Ns(vec!["1926".to_owned()])),
            ("logo".to_owned(), AttributeValue::B(Blob::new([1, 2, 255]))),
            ("more".to_owned(), AttributeValue::M(Item::from([("a".to_owned(), text("b"))]))),
        ]);
        let expected = concat!(
            r#"{"codes":["UA"],"fleet":12345678901234567890123456789012345678,"hubs":["EWR",1],"#,
            r#""listed":true,"logo":"AQL/","more":{"a":"b"},"name":"United","parent":null,"#,
            r#""share":0.10,"years":[1926]}"#
        );
        assert_eq!(document(&item).unwrap().to_string(), expected);
    }
}
