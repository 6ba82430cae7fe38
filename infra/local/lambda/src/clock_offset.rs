//! Tells a function how far the emulation's clock is ahead of the system's clock.
//!
//! The emulation skips times in which nothing happens, so the offset can change between invocations. Each
//! invocation carries it in the custom members of its client context, which is the only header of the
//! Runtime API that can contain it. An environment variable has the offset at the start of the process.
//! If the variable is set, the function knows that it can trust the client context.

use serde_json::{Map, Value};

/// The environment variable with the offset at the start of the process, in milliseconds. It can be
/// negative. Lambda does not have it.
pub(super) const VARIABLE: &str = "SLUICEGATE_CLOCK_OFFSET_MS";
/// The custom member of the client context, which is a string. It is absent if the offset is zero.
const MEMBER: &str = "sluicegate-clock-offset-ms";

/// Adds the offset to a caller's client context (JSON on one line). An offset that the caller sent is
/// replaced.
pub(super) fn add_clock_offset(client_context: Option<String>, offset_ms: i64) -> Option<String> {
    let is_made_up = client_context.as_ref().is_some_and(|context| context.contains(MEMBER));
    if offset_ms == 0 && !is_made_up {
        return client_context;
    }
    let mut context: Map<String, Value> = client_context
        .as_deref()
        .and_then(|context| serde_json::from_str(context).ok())
        .unwrap_or_default();
    let custom = context.entry("custom").or_insert_with(|| Value::Object(Map::new()));
    // A context whose `custom` is not an object is invalid, so nothing is lost.
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
        assert_eq!(add_clock_offset(caller.map(str::to_owned), offset_ms).as_deref(), expected);
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
