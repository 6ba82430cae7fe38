//! How a function is told what time it is: by how much its clock is ahead of its system's.
//!
//! On Lambda a frozen environment wakes to the present time, and here the emulation skips times in which
//! nothing happens. So the offset comes with each invocation, among the custom members of its client
//! context, which is the one header of the Runtime API with room for it. A variable gives the offset at the
//! start; that it is set also tells the function that the client context's may be believed.

use serde_json::{Map, Value};

/// Of the process, in milliseconds, before or behind: Lambda has nothing like it.
pub(super) const VARIABLE: &str = "SLUICEGATE_CLOCK_OFFSET_MS";
/// Among the client context's custom members, which are texts; not there where it is nothing.
const MEMBER: &str = "sluicegate-clock-offset-ms";

/// A caller's client context (JSON on one line) with the offset, in place of one that the caller made up.
pub(super) fn told(client_context: Option<String>, offset_ms: i64) -> Option<String> {
    let is_made_up = client_context.as_ref().is_some_and(|context| context.contains(MEMBER));
    if offset_ms == 0 && !is_made_up {
        return client_context;
    }
    let mut context: Map<String, Value> = client_context
        .as_deref()
        .and_then(|context| serde_json::from_str(context).ok())
        .unwrap_or_default();
    let custom = context.entry("custom").or_insert_with(|| Value::Object(Map::new()));
    // No function reads a context whose custom members are none, so that nothing is lost with them.
    if !custom.is_object() {
        *custom = Value::Object(Map::new());
    }
    match offset_ms {
        0 => drop(custom.as_object_mut().and_then(|custom| custom.remove(MEMBER))),
        _ => custom[MEMBER] = Value::String(offset_ms.to_string()),
    }
    Some(Value::Object(context).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(caller: Option<&str>, offset_ms: i64, expected: Option<&str>) {
        assert_eq!(told(caller.map(str::to_owned), offset_ms).as_deref(), expected);
    }

    #[test]
    fn the_offset_joins_what_the_caller_says_and_the_caller_cannot_set_it() {
        check(None, 0, None);
        check(None, -5, Some(r#"{"custom":{"sluicegate-clock-offset-ms":"-5"}}"#));
        let app = r#"{"client":{"app_title":"a"},"custom":{"n":"1"}}"#;
        check(Some(app), 0, Some(app));
        let with =
            r#"{"client":{"app_title":"a"},"custom":{"n":"1","sluicegate-clock-offset-ms":"9"}}"#;
        check(Some(app), 9, Some(with));
        check(Some(with), 0, Some(app));
        check(Some(r#"{"custom":7}"#), 3, Some(r#"{"custom":{"sluicegate-clock-offset-ms":"3"}}"#));
    }
}
