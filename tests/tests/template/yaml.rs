//! YAML as JSON. All scalars are texts, and `!Sub x` is `{"Fn::Sub": "x"}`.

use granit_parser::{Event, Parser, Tag};
use serde_json::{Map, Value, json};

/// A collection that is still open, with the tag around it.
struct Open {
    value: Value,
    key: Option<String>,
    tag: Option<String>,
}

pub(crate) fn parse(text: &str) -> Value {
    let mut open: Vec<Open> = Vec::new();
    let mut root = Value::Null;
    for next in Parser::new_from_str(text) {
        let complete = match next.unwrap().0 {
            Event::Scalar(text, _, _, tag) => tagged(json!(text), name(tag.as_deref())),
            Event::SequenceStart(_, _, tag) => {
                let tag = name(tag.as_deref());
                open.push(Open { value: json!([]), key: None, tag });
                continue;
            }
            Event::MappingStart(_, _, tag) => {
                let tag = name(tag.as_deref());
                open.push(Open { value: json!({}), key: None, tag });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let ended = open.pop().unwrap();
                tagged(ended.value, ended.tag)
            }
            _ => continue,
        };
        match open.last_mut() {
            None => root = complete,
            Some(Open { value: Value::Array(items), .. }) => items.push(complete),
            Some(Open { value: Value::Object(members), key, .. }) => match key.take() {
                Some(key) => {
                    members.insert(key, complete);
                }
                None => *key = Some(complete.as_str().unwrap().to_owned()),
            },
            Some(_) => unreachable!("only lists and mappings are open"),
        }
    }
    root
}

fn name(tag: Option<&Tag>) -> Option<String> {
    let original = tag?.original();
    Some(original.strip_prefix('!').unwrap_or(&original).to_owned())
}

fn tagged(value: Value, tag: Option<String>) -> Value {
    let Some(tag) = tag else { return value };
    let name = if matches!(tag.as_str(), "Ref" | "Condition") { tag } else { format!("Fn::{tag}") };
    Value::Object(Map::from_iter([(name, value)]))
}
