//! The smallest document of those that show the same.

use serde_json::Value;

/// How many smaller documents are tried.
const MOST_TRIES: usize = 300;

/// How much there is to read in a document.
pub(super) fn size(document: &Value) -> usize {
    document.to_string().len()
}

/// Leaves out members and items as long as the document still shows what it showed.
pub(super) fn shrink(document: Value, shows: impl Fn(&Value) -> bool) -> Value {
    let mut smallest = document;
    let mut tries = 0;
    let mut index = 0;
    while tries < MOST_TRIES {
        let mut left = index;
        let mut candidate = smallest.clone();
        if !remove(&mut candidate, &mut left) {
            break;
        }
        tries += 1;
        if shows(&candidate) {
            smallest = candidate;
            index = 0;
        } else {
            index += 1;
        }
    }
    smallest
}

/// Removes the member or item with that number, counted through the whole document; whether there was one.
fn remove(value: &mut Value, left: &mut usize) -> bool {
    match value {
        Value::Object(members) => {
            let names: Vec<String> = members.keys().cloned().collect();
            for name in names {
                if *left == 0 {
                    members.remove(&name);
                    return true;
                }
                *left -= 1;
                if members.get_mut(&name).is_some_and(|member| remove(member, left)) {
                    return true;
                }
            }
            false
        }
        Value::Array(items) => {
            for index in 0..items.len() {
                if *left == 0 {
                    items.remove(index);
                    return true;
                }
                *left -= 1;
                if remove(&mut items[index], left) {
                    return true;
                }
            }
            false
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_shows_nothing_is_left_out() {
        let document = json!({"a": 1, "b": [1, {"c": 2, "d": 3}], "e": "text"});
        let shrunk = shrink(document, |value| value.to_string().contains("\"d\""));
        assert_eq!(shrunk, json!({"b": [{"d": 3}]}));
    }
}
