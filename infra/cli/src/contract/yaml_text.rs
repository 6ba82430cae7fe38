//! Writes YAML for people.

use super::ordered_json::Json;
use crate::output::escape::json_line;

/// A value as a YAML document in block style. What has no members is on one line.
pub(super) fn yaml_of(value: &Json) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text.trim_start_matches('\n').to_owned()
}

/// Writes a value after the colon or the hyphen that it belongs to.
fn write(value: &Json, level: usize, text: &mut String) {
    let indent = "  ".repeat(level);
    match value {
        Json::Members(members) if !members.is_empty() => {
            for (name, value) in members {
                text.push_str(&format!("\n{indent}{}:", scalar(name)));
                write(value, level + 1, text);
            }
        }
        Json::List(items) if items.iter().any(|item| !matches!(item, Json::Plain(_))) => {
            for item in items {
                let mut inner = String::new();
                write(item, level + 1, &mut inner);
                // The first member stands behind the hyphen.
                text.push_str(&format!("\n{indent}- {}", inner.trim_start()));
            }
        }
        Json::List(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            text.push_str(&format!(" [{}]", items.join(", ")));
        }
        other => text.push_str(&format!(" {}", plain(other))),
    }
}

/// A value without members on one line.
fn plain(value: &Json) -> String {
    match value {
        Json::Plain(json) => match serde_json::from_str::<String>(json) {
            Ok(text) => scalar(&text),
            Err(_) => json.clone(),
        },
        Json::List(_) => "[]".to_owned(),
        Json::Members(_) => "{}".to_owned(),
    }
}

/// A text as YAML has it: plain if it means the same in every YAML, else in quotes as in JSON.
pub(super) fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_- .".contains(&byte))
        && !text.ends_with(' ');
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    match is_plain && !words.contains(&text.to_ascii_lowercase().as_str()) {
        true => text.to_owned(),
        false => json_line(&serde_json::Value::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_blocks_and_texts_in_quotes_where_they_need_them() {
        let text = |text: &str| Json::text(text);
        let member = |name: &str, value: Json| (name.to_owned(), value);
        let inner = Json::Members(vec![
            member("a b", text("/x")),
            member("yes", text("no")),
            member("list", Json::List(vec![text("NA"), Json::Plain("1.50".to_owned())])),
        ]);
        let value = Json::Members(vec![
            member("one", text("two: three")),
            member("items", Json::List(vec![inner.clone(), Json::List(vec![inner])])),
            member("none", Json::List(Vec::new())),
            member("empty", Json::Members(Vec::new())),
        ]);
        let expected = "one: \"two: three\"\nitems:\n  - a b: /x\n    \"yes\": \"no\"\n    list: [NA, 1.50]\n  \
                        - - a b: /x\n      \"yes\": \"no\"\n      list: [NA, 1.50]\nnone: []\nempty: {}";
        assert_eq!(yaml_of(&value), expected);
    }
}
