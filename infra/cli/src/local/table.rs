//! The status for people: one table for each kind of resource, at most 80 columns wide if names are
//! short.

use serde_json::Value;

use crate::logs::short_name;
use crate::output::table::{Cell, Column, Table};

pub(super) fn text(status: &Value, endpoint: &str) -> String {
    let mut parts = vec![endpoint.to_owned()];
    let queues = rows(status, "queues", |queue| {
        let dead = queue["dead_letter_queue"].as_str().map(short_name);
        let mut row: Vec<String> = vec![name(queue)];
        row.extend(["visible", "in_flight", "delayed"].map(|member| number(&queue[member])));
        row.extend([age(&queue["oldest_s"]), dead.unwrap_or_default().to_owned()]);
        row
    });
    let head = ["queue", "visible", "in flight", "delayed", "oldest", "dead letters to"];
    parts.extend(table(&head, queues));
    let functions = rows(status, "functions", |function| {
        let all = function["environments"].as_array().map(Vec::as_slice).unwrap_or_default();
        let sum: u64 = all.iter().filter_map(|each| each["invocations"].as_u64()).sum();
        let peak = all.iter().filter_map(|each| each["peak_memory_mb"].as_u64()).max();
        let memory = format!("{} of {}", peak.unwrap_or(0), number(&function["memory_mb"]));
        let busy = all.iter().filter(|each| each["state"] == "busy").count().to_string();
        let idle = all.iter().filter(|each| each["state"] == "idle").count().to_string();
        vec![name(function), busy, idle, sum.to_string(), memory]
    });
    let head = ["function", "busy", "idle", "invocations", "peak MB"];
    parts.extend(table(&head, functions));
    let mappings = rows(status, "mappings", |mapping| {
        let function = short_name(mapping["function"].as_str().unwrap_or_default());
        let source = match mapping["table"].as_str() {
            Some(table) => format!("{} (stream)", short_name(table)),
            None => short_name(mapping["queue"].as_str().unwrap_or_default()).to_owned(),
        };
        let mut row = vec![format!("{source} to {function}")];
        row.push(mapping["activity"].as_str().unwrap_or_default().to_owned());
        row.extend(["records", "failures", "throttles"].map(|member| number(&mapping[member])));
        row
    });
    parts.extend(table(&["mapping", "now", "records", "failed", "throttled"], mappings));
    if parts.len() == 1 {
        parts.push("there is no queue".to_owned());
    }
    parts.join("\n\n")
}

fn rows(status: &Value, kind: &str, row: impl Fn(&Value) -> Vec<String>) -> Vec<Vec<String>> {
    status[kind].as_array().map(|all| all.iter().map(row).collect()).unwrap_or_default()
}

fn name(of: &Value) -> String {
    let logical = of["logical_id"].as_str();
    logical.or_else(|| of["name"].as_str()).unwrap_or_default().to_owned()
}

/// The number, or an empty text if it is not known.
fn number(value: &Value) -> String {
    value.as_u64().map(|number| number.to_string()).unwrap_or_default()
}

/// `45 s`, `12 min`, `3 h`.
fn age(seconds: &Value) -> String {
    match seconds.as_u64() {
        None => String::new(),
        Some(seconds @ 0..120) => format!("{seconds} s"),
        Some(seconds @ 120..7_200) => format!("{} min", seconds / 60),
        Some(seconds) => format!("{} h", seconds / 3_600),
    }
}

/// The lines of a table. All columns except the first and the sixth have numbers. `None` without
/// rows.
fn table(heads: &[&'static str], rows: Vec<Vec<String>>) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    let mut columns = Vec::new();
    for (at, head) in heads.iter().enumerate() {
        columns.push(match at {
            0 | 5 => Column::words(head, usize::MAX),
            _ => Column::number(head),
        });
    }
    let mut table = Table::new(columns);
    for row in rows {
        table.add(row.into_iter().map(Cell::from).collect());
    }
    Some(table.whole_lines().join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_is_told_in_columns_and_the_rest_left_out() {
        let status = json!({ "queues": [
            { "name": "s-Inbox", "logical_id": "Inbox", "visible": 12, "in_flight": 3,
              "delayed": 0, "oldest_s": 300, "dead_letter_queue": "s-InboxDlq" },
            { "name": "other", "visible": 1 },
        ] });
        assert_eq!(
            text(&status, "http://e"),
            "http://e\n\n\
             queue  visible  in flight  delayed  oldest  dead letters to\n\
             Inbox       12          3        0   5 min  InboxDlq\n\
             other        1"
        );
    }

    #[test]
    fn a_mapping_is_told_by_its_queue_or_by_its_stream_s_table() {
        let mappings = [("queue", "s-Inbox"), ("table", "s-Records")].map(|(source, name)| {
            json!({ source: name, "function": "s-Sink", "activity": "idle", "records": 3,
                    "failures": 0, "throttles": 0 })
        });
        assert_eq!(
            text(&json!({ "mappings": mappings }), "http://e"),
            "http://e\n\n\
             mapping                    now  records  failed  throttled\n\
             Inbox to Sink             idle        3       0          0\n\
             Records (stream) to Sink  idle        3       0          0"
        );
    }
}
