//! Writes a JSON value as YAML in blocks. Texts are quoted as in JSON, which YAML reads as well.

use serde_json::Value;

/// The value as YAML, with a line break at its end.
pub(super) fn write(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                text.push_str(&"  ".repeat(depth));
                text.push_str(name);
                text.push(':');
                after_key(member, depth + 1, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&"  ".repeat(depth));
                text.push('-');
                item_after_dash(item, depth, text);
            }
        }
        scalar => {
            text.push_str(&scalar.to_string());
            text.push('\n');
        }
    }
}

fn after_key(value: &Value, depth: usize, text: &mut String) {
    match is_block(value) {
        true => text.push('\n'),
        false => text.push(' '),
    }
    block(value, depth, text);
}

/// A mapping begins on the line of its dash.
fn item_after_dash(item: &Value, depth: usize, text: &mut String) {
    if !is_block(item) {
        text.push(' ');
        return block(item, depth, text);
    }
    let mut nested = String::new();
    block(item, depth + 1, &mut nested);
    text.push(' ');
    text.push_str(nested.trim_start());
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}
