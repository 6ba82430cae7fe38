//! The status as a person reads it: one table a kind, at most 80 columns wide for short names.

use serde_json::Value;

use crate::logs::short_name;

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
    parts.extend(table(&head, &queues));
    let functions = rows(status, "functions", |function| {
        let all = function["environments"].as_array().map(Vec::as_slice).unwrap_or_default();
        let in_state = |state: &str| all.iter().filter(|each| each["state"] == state).count();
        let sum: u64 = all.iter().filter_map(|each| each["invocations"].as_u64()).sum();
        let peak = all.iter().filter_map(|each| each["peak_memory_mb"].as_u64()).max();
        let memory = format!("{} of {}", peak.unwrap_or(0), number(&function["memory_mb"]));
        let (busy, idle) = (in_state("busy").to_string(), in_state("idle").to_string());
        vec![name(function), busy, idle, sum.to_string(), memory]
    });
    let head = ["function", "busy", "idle", "invocations", "peak MB"];
    parts.extend(table(&head, &functions));
    let mappings = rows(status, "mappings", |mapping| {
        let short =
            |member: &str| short_name(mapping[member].as_str().unwrap_or_default()).to_owned();
        let source = match mapping["table"].is_string() {
            true => format!("{} (stream)", short("table")),
            false => short("queue"),
        };
        let mut row = vec![format!("{source} to {}", short("function"))];
        row.push(mapping["activity"].as_str().unwrap_or_default().to_owned());
        row.extend(["records", "failures", "throttles"].map(|member| number(&mapping[member])));
        row
    });
    parts.extend(table(&["mapping", "now", "records", "failed", "throttled"], &mappings));
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

/// Nothing for what is not known.
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

/// Columns as wide as their widest cell; names (the first and the sixth) to the left, numbers right.
fn table(head: &[&str], rows: &[Vec<String>]) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    let head: Vec<String> = head.iter().map(|&title| title.to_owned()).collect();
    let lines = || std::iter::once(&head).chain(rows);
    let cell = |line: &Vec<String>, at: usize| line.get(at).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> =
        (0..head.len()).map(|at| lines().map(|line| cell(line, at)).max().unwrap_or(0)).collect();
    let line = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).enumerate().map(|(at, (cell, &width))| match at {
            0 | 5 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    Some(lines().map(line).collect::<Vec<_>>().join("\n"))
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
        let mapping = |source: &str, name: &str| {
            json!({ source: name, "function": "s-Sink", "activity": "idle", "records": 3,
                    "failures": 0, "throttles": 0 })
        };
        let mappings = [mapping("queue", "s-Inbox"), mapping("table", "s-Records")];
        assert_eq!(
            text(&json!({ "mappings": mappings }), "http://e"),
            "http://e\n\n\
             mapping                    now  records  failed  throttled\n\
             Inbox to Sink             idle        3       0          0\n\
             Records (stream) to Sink  idle        3       0          0"
        );
    }
}
