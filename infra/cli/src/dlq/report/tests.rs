//! Reports as a terminal shows them.

mod answers;
mod notes;
mod reconcile;

use serde_json::{Value, json};

use self::answers::*;
use super::*;
use crate::output::page::Page;

type Report = (&'static str, fn(&Page, &Value) -> String, fn() -> Value);

/// Each report with an answer.
fn reports() -> Vec<Report> {
    vec![
        ("list", |page, answer| format_stages(page, answer), listed),
        ("list-halted", |page, answer| format_stages(page, answer), listed_and_halted),
        ("groups", |page, answer| format_groups(page, answer), group_digits),
        ("groups-noted", |page, answer| format_groups(page, answer), grouped_and_noted),
        ("peek", |page, answer| format_peek(page, answer), page_of_letters),
        ("show", |page, answer| letter_report(page, answer), shown_letter),
        ("reconcile", |page, answer| format_reconciliation(page, answer), reconcile::answer),
        (
            "plan",
            |page, answer| format_plan(page, answer, Some("each payload, by the patch"), now()),
            planned,
        ),
        ("begun", |page, answer| format_started_run(page, answer), begun_run),
        ("status", |page, answer| format_status(page, answer), || status_of(run("paused"))),
        (
            "history",
            |page, answer| format_history(page, answer),
            || json!({ "at": NOW, "runs": [run("running"), run("done")] }),
        ),
        (
            "pause",
            |page, answer| format_run_change(page, answer, now()),
            || audited(json!({ "run": run("paused") })),
        ),
        (
            "stop",
            |page, answer| format_stop(page, answer),
            || audited(json!({ "stopped": [run("paused")], "triage_is_halted": true })),
        ),
        (
            "start-triage",
            |page, answer| format_triage_start(page, answer),
            || audited(json!({ "halted": null })),
        ),
        (
            "mute",
            |page, answer| format_note(page, answer, now()),
            || audited(json!({ "note": note("muted") })),
        ),
        (
            "unmute",
            |page, answer| format_unmute(page, answer),
            || audited(json!({ "note": note("acknowledged") })),
        ),
        (
            "discard",
            |page, answer| format_letter_change(page, "discard", answer),
            || audited(json!({ "letters": 12, "left": 1, "applied": true })),
        ),
    ]
}

fn letter_report(page: &Page, answer: &Value) -> String {
    super::format_letter(page, answer)
}

/// Replaces each text of an answer, and each name that is not part of the format, by one with
/// control characters.
fn hostile(value: &Value) -> Value {
    const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{202e}\r\n\u{7}";
    match value {
        Value::String(text) if text.starts_with("2026-11-2") => json!(text),
        Value::String(text) => json!(format!("{text}{HOSTILE}")),
        Value::Array(values) => values.iter().map(hostile).collect(),
        Value::Object(members) => {
            let is_named_by_others =
                |name: &str| name == "deliver" || name == "ingest" || name.contains('.');
            let of = |(name, value): (&String, &Value)| match is_named_by_others(name) {
                true => (format!("{name}{HOSTILE}"), hostile(value)),
                false => (name.clone(), hostile(value)),
            };
            Value::Object(members.iter().map(of).collect())
        }
        other => other.clone(),
    }
}

#[test]
fn nothing_in_an_answer_reaches_the_terminal_as_a_control() {
    for width in [80, 160] {
        for (name, report, answer) in reports() {
            let told = report(&Page::plain(width), &hostile(&answer()));
            let is_safe = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
            assert!(told.chars().all(is_safe), "{name}: {told:?}");
            assert!(!told.contains('\r') && told.contains("\\u{1b}"), "{name}: {told}");
        }
    }
}

#[test]
fn every_report_fits_the_width_and_colours_change_nothing_else() {
    for width in [80, 160] {
        for (name, report, answer) in reports() {
            let plain = report(&Page::plain(width), &answer());
            assert!(plain.lines().all(|line| line.chars().count() <= width), "{name}: {plain}");
            assert!(plain.lines().all(|line| line == line.trim_end()), "{name}: {plain}");
            let page = Page { is_coloured: true, ..Page::plain(width) };
            let mut coloured = report(&page, &answer());
            for colour in ["\u{1b}[1;31m", "\u{1b}[33m", "\u{1b}[32m", "\u{1b}[2m", "\u{1b}[0m"] {
                coloured = coloured.replace(colour, "");
            }
            assert_eq!(coloured, plain, "{name}");
        }
    }
}

#[track_caller]
fn check(name: &str, width: usize, expected: &str) {
    let (_, report, answer) = reports().into_iter().find(|(found, ..)| *found == name).unwrap();
    assert_eq!(report(&Page::plain(width), &answer()), expected);
}

#[test]
fn a_list_has_a_line_for_each_stage_and_the_rest_below_it() {
    check(
        "list",
        80,
        "\
stage     dead  oldest  newest  groups  not collected  waiting
deliver  1,204     3 d   5 min       3              2       17
    and 12 quarantined, 40 redriven
sink         0       -       -       0              0        ?

1,204 letters are dead
  not collected  about 2 in dead-letter queues
  next           `sluicegate dlq groups` shows what failed, and why",
    );
}

#[test]
fn a_wide_list_has_a_column_for_each_state() {
    check(
        "list",
        160,
        "\
stage     dead  oldest  newest  groups  quarantined  discarded  redriven  not collected  waiting
deliver  1,204     3 d   5 min       3           12          0        40              2       17
sink         0       -       -       0            0          0         0              0        ?

1,204 letters are dead
  not collected  about 2 in dead-letter queues
  next           `sluicegate dlq groups` shows what failed, and why",
    );
}

#[test]
fn groups_say_what_failed_where_since_when_and_why() {
    check(
        "groups",
        80,
        "\
letters  came back  stage    code                first   last
  1,204         12  ingest   contract.violation    3 d  5 min
    1-d7fbe72759a91ea3  flights v1, v2  at line 17, /legs/0/distance
    expected integer, found a string
      1          0  deliver  record.abandoned     30 s   30 s
    1-0000000000000000
    received 3 times, and each receive ended without an answer, by a crash or a…

1,205 letters in 2 groups, dead
  next           `sluicegate dlq peek --group 1-d7fbe72759a91ea3` shows letters;
                 once the cause is mended, `sluicegate dlq plan --group
                 1-d7fbe72759a91ea3`",
    );
}

#[test]
fn a_peek_has_each_letter_s_reason_and_the_begin_of_its_body() {
    check(
        "peek",
        80,
        "\
letter                stage         code                failed  redriven
0123456789abcdef0123  ingest        contract.violation   5 min         1
    at line 17, /distance: expected integer, found a string
    {\"distance\":\"229\",\"carrier\":\"UA\"}
fedcba98765432100123  a-sink-of-o…  contract.violation   5 min         0
    expected integer, found a string
    \\u{1b}[2Jnot JSON, and longer than the line is wide: \\u{1b}[2Jnot JSON, and…

the first 2 letters; `sluicegate dlq export` writes all of them
  next           `sluicegate dlq show 0123456789abcdef0123` shows one in full",
    );
}

#[test]
fn a_letter_is_told_with_its_life_and_its_message() {
    check(
        "show",
        80,
        "\
letter 0123456789abcdef0123 of ingest is dead

  code           contract.violation (permanent)
  why            expected integer, found a string
  at             line 17, /distance
  group          1-d7fbe72759a91ea3
  dataset        flights, version 1 of its contract
  tenant         UA
  taken in       02:59:00 UTC (61 min ago)
  failed first   03:00:00 UTC (60 min ago)
  failed last    03:55:00 UTC (5 min ago)
  collected      03:01:00 UTC (59 min ago)
  tried          once in its last life, and was parked 2 times
  redriven       once; runs: 20261129T031500Z-6f6a8f
  message id     9b2cf535f27731c974343645a3985328:17
  stored in      letters/2026/11/29/a.ndjson, 1700 bytes from 100 on
  next           `sluicegate dlq plan --letter 0123456789abcdef0123` sends it
                 back, once its cause is mended

message, 33 B
  queued as      m-1
  sent           03:55:00 UTC (5 min ago)
  received       once
  attribute      sluicegate.failure: {\"letter_format\":2}

{
  \"distance\": \"229\",
  \"carrier\": \"UA\"
}",
    );
}

#[test]
fn a_plan_says_what_is_in_it_and_the_command_that_begins_it() {
    check(
        "plan",
        80,
        "\
plan 20261129T031000Z-0123456789abcdef: 1,204 letters, 3.4 MB; nothing was sent

  stages         ingest 1,200, sink 4
  datasets       flights 1,204
  go to          each back to where it failed
  changed        each payload, by the patch
  examples       0123456789abcdef0123 of ingest, 5 min ago: contract.violation
                 at line 17, /distance: expected integer, found a string
  body           of 0123456789abcdef0123, to ingest:
    -   \"distance\": \"229\"
    +   \"distance\": 229,
    +   \"unit\": \"mi\"
  body           of fedcba98765432100123, to ingest: as it is
  forecast       of 500 looked at, which were chosen at random, by what sinks
                 hold now
    sink     written  duplicate  stale  conflict  refused  not known
    deliver      490          0      0         1        2          0
    lake         480         10      0         1        2          0
    records      470          0     20         1        2          0
  fail again     contract.violation 3
  not known      4 letters: of files, or rows of CSV files
  writes         about 4,701 items by sinks and 1,204 claims of letters in
                 DynamoDB, for all 1,204 letters by those looked at
  takes          49 s at its default pace, and longer where it waits
  costs          about $0.0131 by list prices of us-east-1, without Lambda's
                 duration
  next           this begins it, within a day:
    sluicegate dlq redrive 20261129T031000Z-0123456789abcdef --reason …",
    );
}

#[test]
fn a_run_says_how_far_it_is_and_why_it_waits() {
    check(
        "status",
        80,
        "\
run 20261129T031500Z-6f6a8f is paused: 480 of 1,204 letters (39 %)

  phase          ramp: 20 a second, step 3 of 4
  sent           470
  left out       10: others had changed them since they were planned, or their
                 queue refused them
  came back      3
  began          03:58:00 UTC (2 min ago)
  by             arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Operators
                 _0123456789abcdef/ada@example.com
  why            the contract is mended
  plan           20261129T031000Z-0123456789abcdef
  next           `sluicegate dlq groups --run 20261129T031500Z-6f6a8f` shows
                 what came back; then `sluicegate dlq resume
                 20261129T031500Z-6f6a8f --reason …`, or `cancel`",
    );
}

#[test]
fn a_history_is_a_line_for_each_run() {
    check(
        "history",
        80,
        "\
began  run                      state    letters  sent  back  why
2 min  20261129T031500Z-6f6a8f  running    1,204   470     3  the contract is m…
2 min  20261129T031500Z-6f6a8f  done       1,204   470     3  the contract is m…

  next           `sluicegate dlq status 20261129T031500Z-6f6a8f` shows one in
                 full",
    );
}

#[test]
fn what_is_not_there_is_told_with_what_to_do() {
    let page = Page::plain(80);
    for (told, about) in [
        (format_stages(&page, &json!({ "at": NOW, "stages": {} })), "empty"),
        (format_groups(&page, &json!({ "at": NOW, "state": "dead", "groups": [] })), "dlq list"),
        (format_peek(&page, &json!({ "at": NOW, "letters": [] })), "--state"),
        (
            format_plan(&page, &json!({ "plan": PLAN, "letters": 0 }), None, now()),
            "nothing to send",
        ),
        (
            format_plan(&page, &json!({ "plan": PLAN, "letters": 0, "forgotten": 2 }), None, now()),
            "2 letters, taken in longer ago",
        ),
        (format_history(&page, &json!({ "at": NOW, "runs": [] })), "dlq plan"),
        (format_stop(&page, &json!({ "stopped": [] })), "no run was running"),
        (format_stop(&page, &json!({ "stopped": [], "triage_is_halted": true })), "start-triage"),
        (
            format_letter_change(&page, "discard", &json!({ "letters": 3, "applied": false })),
            "--apply",
        ),
        (
            format_letter_change(&page, "release", &json!({ "letters": 0, "applied": false })),
            "dlq list",
        ),
    ] {
        assert!(told.contains(about), "{told}");
        assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    }
}

#[test]
fn a_phase_is_told_with_its_pace() {
    for (progress, expected) in [
        (json!("canary"), "canary: the first 10 are sent"),
        (json!({ "judging": { "since": NOW } }), "watched: what becomes of the first 10"),
        (json!({ "ramp": { "step": 0 } }), "ramp: 1 a second, step 1 of 4"),
        (json!({ "ramp": { "step": 4 } }), "full speed: 100 a second"),
    ] {
        let mut run = run("running");
        run["progress"] = progress;
        assert_eq!(super::run::phase(&run), expected);
    }
    let mut unlimited = run("running");
    unlimited["pace"] = json!({ "canary": 0, "rates": [], "most_per_second": 0 });
    unlimited["progress"] = json!({ "ramp": { "step": 0 } });
    assert_eq!(super::run::phase(&unlimited), "full speed: as fast as can be");
}
