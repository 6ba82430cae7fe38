//! Answers in the form in which the function gives them.

use event::Timestamp;
use serde_json::{Value, json};

pub(super) const ARN: &str = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Operators_0123456789abcdef/ada@example.com";
pub(super) const RUN: &str = "20261129T031500Z-6f6a8f";
pub(super) const PLAN: &str = "20261129T031000Z-0123456789abcdef";
pub(super) const NOW: &str = "2026-11-29T04:00:00.000Z";

pub(super) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(super) fn listed() -> Value {
    json!({ "at": NOW, "stages": {
        "deliver": {
            "letters": { "dead": 1_204, "quarantined": 12, "redriven": 40 }, "groups": 3,
            "oldest": "2026-11-26T03:00:00.000Z", "newest": "2026-11-29T03:55:00.000Z",
            "queued": 2, "waiting": 17,
        },
        "sink": { "letters": {}, "groups": 0, "oldest": null, "newest": null, "queued": 0, "waiting": null },
    } })
}

pub(super) fn group_digits() -> Value {
    json!({ "at": NOW, "state": "dead", "letters": 1_205, "groups": [
        {
            "group": "1-d7fbe72759a91ea3", "stage": "ingest", "code": "contract.violation", "at": "line 17, /legs/0/distance",
            "dataset": "flights", "contract_versions": [1, 2], "letters": 1_204, "came_back": 12,
            "first_failed_at": "2026-11-26T03:00:00.000Z", "last_failed_at": "2026-11-29T03:55:00.000Z",
            "example": "0123456789abcdef0123", "reason": "expected integer, found a string",
        },
        {
            "group": "1-0000000000000000", "stage": "deliver", "code": "record.abandoned", "at": null,
            "dataset": null, "contract_versions": [], "letters": 1, "came_back": 0,
            "first_failed_at": "2026-11-29T03:59:30.000Z", "last_failed_at": "2026-11-29T03:59:30.000Z",
            "example": "fedcba98765432100123", "reason": "received 3 times, and each receive ended without an answer, by a crash or a time-out of its function",
        },
    ] })
}

pub(super) fn listed_and_halted() -> Value {
    json!({
        "at": NOW,
        "stages": { "sink": {
            "letters": {}, "groups": 0, "oldest": null, "newest": null, "queued": 0, "waiting": null,
        } },
        "triage": { "halted": { "by": ARN, "why": "the fix was wrong", "since": "2026-11-29T03:58:00.000Z" } },
    })
}

/// The note of the larger group.
pub(super) fn note(state: &str) -> Value {
    json!({
        "note_format": 1, "group": "1-d7fbe72759a91ea3", "version": 2, "state": state,
        "until": "2026-11-29T08:00:00.000Z", "by": ARN, "why": "the airline mends it",
        "at": "2026-11-29T03:00:00.000Z", "letters": 1_000,
    })
}

pub(super) fn grouped_and_noted() -> Value {
    let mut answer = group_digits();
    let mut acknowledged = note("acknowledged");
    acknowledged["until"] = json!(null);
    for (at, note, is_muted, grown_by) in
        [(0, note("muted"), true, 204), (1, acknowledged, false, 0)]
    {
        answer["groups"][at]["note"] = note;
        answer["groups"][at]["is_muted"] = json!(is_muted);
        answer["groups"][at]["grown_by"] = json!(grown_by);
    }
    answer
}

pub(super) fn letter() -> Value {
    json!({
        "entry_format": 1, "id": "0123456789abcdef0123", "stage": "ingest", "code": "contract.violation",
        "kind": "permanent", "reason": "expected integer, found a string", "at": "line 17, /distance",
        "group": "1-d7fbe72759a91ea3", "dataset": "flights", "contract_version": 1, "tenant": "UA",
        "message_id": "9b2cf535f27731c974343645a3985328:17", "taken_in_at": "2026-11-29T02:59:00.000Z",
        "first_failed_at": "2026-11-29T03:00:00.000Z", "last_failed_at": "2026-11-29T03:55:00.000Z",
        "collected_at": "2026-11-29T03:01:00.000Z", "attempts": 1, "parks": 2, "redrives": 1,
        "collected_as": ["m-1"], "is_moved_by_sqs": false, "bytes": 1_500,
        "place": { "object": "letters/2026/11/29/a.ndjson", "offset": 100, "length": 1_700 },
        "state": "dead", "version": 3, "runs": [RUN],
    })
}

pub(super) fn message() -> Value {
    json!({
        "message_id": "m-1", "body": r#"{"distance":"229","carrier":"UA"}"#,
        "attributes": { "sluicegate.failure": { "type": "String", "value": r#"{"letter_format":2}"# } },
        "group": null, "sent_at": "2026-11-29T03:55:00.000Z", "receive_count": 1, "moved_from": null,
    })
}

pub(super) fn shown_letter() -> Value {
    let mut letter = letter();
    letter["message"] = message();
    json!({ "at": NOW, "letter": letter })
}

pub(super) fn page_of_letters() -> Value {
    let mut second = letter();
    second["id"] = json!("fedcba98765432100123");
    second["stage"] = json!("a-sink-of-one-s-own");
    second["state"] = json!("quarantined");
    second["redrives"] = json!(0);
    second["runs"] = json!([]);
    second["at"] = json!(null);
    let mut message = message();
    message["body"] = json!("\u{1b}[2Jnot JSON, and longer than the line is wide: ".repeat(9));
    second["message"] = message;
    json!({ "at": NOW, "letters": [shown_letter()["letter"], second], "next": "3:fedcba98765432100123:x" })
}

pub(super) fn planned() -> Value {
    json!({
        "plan": PLAN, "made_at": NOW, "letters": 1_204, "bytes": 3_456_789, "to": null,
        "stages": { "ingest": 1_200, "sink": 4 }, "datasets": { "flights": 1_204 }, "examples": [letter()],
        "changes": [
            {
                "letter": "0123456789abcdef0123", "to": "ingest",
                "before": r#"{"carrier":"UA","distance":"229"}"#, "after": r#"{"carrier":"UA","distance":229,"unit":"mi"}"#,
            },
            { "letter": "fedcba98765432100123", "to": "ingest", "before": "x", "after": "x" },
        ],
        "forecast": format_forecast(),
        "forecast_problem": null,
    })
}

fn format_forecast() -> Value {
    let counts = |written: u64, duplicate: u64, stale: u64| {
        json!({
            "written": written, "duplicate": duplicate, "stale": stale, "conflict": 1, "refused": 2,
            "not_known": 0,
        })
    };
    json!({
        "looked_at": 500, "letters": 1_204, "refused": { "contract.violation": 3 }, "not_known": 4,
        "sinks": { "deliver": counts(490, 0, 0), "lake": counts(480, 10, 0), "records": counts(470, 0, 20) },
        "estimate": {
            "letters": 1_204, "is_scaled": true, "writes": 4_701, "claims": 1_204, "write_units": 19_036,
            "sqs_requests": 1_450, "lambda_requests": 483, "s3_gets": 1_204, "duration_ms": 49_000,
            "cost_micro_usd": 13_058, "prices": "list prices of us-east-1, without Lambda's duration",
        },
    })
}

pub(super) fn run(state: &str) -> Value {
    json!({
        "run": RUN, "plan": PLAN, "state": state, "letters": 1_204, "position": 480, "sent": 470, "skipped": 10,
        "came_back": 3, "by": ARN, "why": "the contract is mended", "started_at": "2026-11-29T03:58:00.000Z",
        "ended_at": null, "note": null, "is_worked_on": true,
        "pace": { "canary": 10, "rates": [1, 5, 20, 100], "step_s": 15, "most_per_second": 100 },
        "progress": { "ramp": { "step": 2, "since": "2026-11-29T03:59:50.000Z", "position": 90 } },
    })
}

pub(super) fn status_of(run: Value) -> Value {
    json!({ "at": NOW, "run": run })
}

pub(super) fn audited(mut answer: Value) -> Value {
    answer["audit"] = json!({
        "intent": "audit/2026/11/29/031500.123Z-6f6a8f1f3ce1-intent.json",
        "outcome": "audit/2026/11/29/031500.123Z-6f6a8f1f3ce1-outcome.json",
    });
    answer
}

pub(super) fn begun_run() -> Value {
    audited(run("running"))
}
