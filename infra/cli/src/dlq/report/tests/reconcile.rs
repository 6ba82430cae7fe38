//! The report on what became of events, whose first line has to add up.

use serde_json::{Value, json};

use super::super::format_reconciliation;
use super::check;
use crate::output::page::Page;

/// An answer with something of every kind.
pub(super) fn answer() -> Value {
    let letter = |code: &str, state: &str| json!({ "id": "a", "state": state, "stage": "sink", "code": code, "lines": [] });
    json!({
        "dataset": "flights", "files": ["sent/a.ndjson", "sent/b.csv.gz"], "sent": 1_204, "is_accounted_for": false,
        "in_sinks": 1_111, "in_seen_sinks": 40, "dead": 20, "quarantined": 10, "discarded": 5, "on_their_way": 4,
        "unseen": 2, "not_found": 12, "repeats": 1, "mended": 3, "with_letters_of_copies": 2, "refused_now": 1,
        "letters": [
            letter("contract.violation", "dead"), letter("contract.violation", "dead"), letter("size.exceeded", "dead"),
            letter("decode.json", "dead"), letter("decode.csv", "dead"), letter("decode.utf8", "dead"),
            letter("decode.json", "quarantined"), letter("decode.json", "redriven"),
        ],
        "not_found_lines": (1..=14).map(|line| json!({ "file": "sent/a.ndjson", "line": line })).collect::<Vec<_>>(),
        "other_letters": 7, "letters_of_files": ["flights/2013.csv"], "remembered_days": 30,
        "waiting": { "in_queues": 17, "not_collected": null },
    })
}

#[test]
fn everything_that_can_become_of_events_is_told() {
    check(
        "reconcile",
        80,
        "\
1,204 sent = 1,111 in their sinks + 40 in the sinks that can be seen + 20 dead +
  10 quarantined + 5 discarded + 4 on their way + 2 that no sink tells of +
  12 not found
  dead           2 letters with contract.violation at sink, 1 letter with
                 decode.csv at sink, 1 letter with decode.json at sink, and 2
                 other causes
  quarantined    1 letter with decode.json at sink
  repeated       1 repeats another of them
  mended         3 of those in their sinks, as redriven letters
  copies         2 of those in their sinks have a dead letter, too
  not found      lines sent/a.ndjson:1, sent/a.ndjson:2, sent/a.ndjson:3,
                 sent/a.ndjson:4, sent/a.ndjson:5, sent/a.ndjson:6,
                 sent/a.ndjson:7, sent/a.ndjson:8, sent/a.ndjson:9,
                 sent/a.ndjson:10, … (all are in --format json)
                 2 cannot be asked for: too large, or only in sinks of your own
                 1 of them the contract refuses as it is now, so that no key
                 tells where they are
  files          1 letter of whole files, each a letter for all that is in it,
                 such as flights/2013.csv
  waiting        about 17 in queues and ? in dead-letter queues
  next           ask again when the queues are empty: events may be on their
                 way, and letters are not collected yet",
    );
}

#[test]
fn the_usual_is_one_line_and_what_to_look_at_next() {
    let answer = json!({ "dataset": "flights", "sent": 200, "in_sinks": 194, "dead": 6, "is_accounted_for": true });
    assert_eq!(
        format_reconciliation(&Page::plain(80), &answer),
        "\
200 sent = 194 in their sinks + 6 dead
  next           `sluicegate dlq groups --dataset flights` shows what failed,
                 and why"
    );
    let all = json!({ "dataset": "flights", "sent": 1, "in_sinks": 1, "is_accounted_for": true });
    assert_eq!(format_reconciliation(&Page::plain(80), &all), "1 sent = 1 in their sinks");
}

/// The numbers add up as people read them, whatever the width and the counts.
#[test]
fn the_parts_of_the_line_add_up_to_its_sum() {
    let names = [
        "in_sinks",
        "in_seen_sinks",
        "dead",
        "quarantined",
        "discarded",
        "on_their_way",
        "unseen",
        "not_found",
    ];
    for which in 1_u64..1 << names.len() {
        let mut answer = json!({ "dataset": "d" });
        let mut sent = 0;
        for (at, name) in names.iter().enumerate() {
            let count = if which & (1 << at) > 0 { 1_000 * which + at as u64 + 1 } else { 0 };
            answer[*name] = json!(count);
            sent += count;
        }
        answer["sent"] = json!(sent);
        let told = format_reconciliation(&Page::plain(80), &answer).replace(',', "");
        let (sum, parts) = told.split_once("sent =").unwrap();
        let parts = parts.split_once("\n  next").map_or(parts, |(parts, _)| parts);
        let number = |text: &str| text.split_whitespace().next().unwrap().parse::<u64>().unwrap();
        let added: u64 = parts.split('+').map(number).sum();
        assert_eq!((number(sum), added), (sent, sent), "{told}");
    }
}

#[test]
fn what_to_do_follows_from_what_waits() {
    let lost = json!({
        "dataset": "d", "sent": 1, "not_found": 1, "files": ["a.csv"], "remembered_days": 30,
        "not_found_lines": [{ "file": "a.csv", "line": 7 }], "is_accounted_for": false,
    });
    for (waiting, about) in [
        (json!({ "in_queues": 3, "not_collected": 0 }), "when the queues are empty"),
        (json!({ "in_queues": 0, "not_collected": 2 }), "when the queues are empty"),
        (json!({ "in_queues": 0, "not_collected": 0 }), "within the last 30"),
    ] {
        let mut answer = lost.clone();
        answer["waiting"] = waiting;
        let told = format_reconciliation(&Page::plain(80), &answer);
        assert!(told.contains("line 7\n") && told.contains(about), "{told}");
    }
}
