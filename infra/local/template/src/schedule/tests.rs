use time::format_description::well_known::Rfc3339;

use super::*;

fn ms(text: &str) -> u64 {
    let time = OffsetDateTime::parse(text, &Rfc3339).unwrap();
    u64::try_from(time.unix_timestamp()).unwrap() * 1_000
}

/// The times that follow `after`, one after the other; empty for never.
#[track_caller]
fn check(expression: &str, after: &str, expected: &[&str]) {
    let parsed = Expression::parse(expression).unwrap();
    let created_ms = ms(after);
    let mut now_ms = created_ms;
    for at in expected {
        let next = parsed.next_after(created_ms, now_ms);
        assert_eq!(next, Some(ms(at)), "{expression} after {now_ms}, expected {at}");
        now_ms = ms(at);
    }
    if expected.is_empty() {
        assert_eq!(parsed.next_after(created_ms, now_ms), None, "{expression}");
    }
}

#[track_caller]
fn check_refused(expression: &str, expected: &str) {
    let error = Expression::parse(expression).unwrap_err();
    assert!(error.contains(expected), "{expression}: {error}");
}

#[test]
fn a_rate_counts_from_when_the_rule_was_made() {
    check(
        "rate(5 minutes)",
        "2026-01-01T00:02:30Z",
        &["2026-01-01T00:07:30Z", "2026-01-01T00:12:30Z"],
    );
    check("rate(1 hour)", "2026-01-01T00:00:00Z", &["2026-01-01T01:00:00Z"]);
    check("rate(2 days)", "2026-02-27T00:00:00Z", &["2026-03-01T00:00:00Z"]);
    let rate = Expression::parse("rate(1 minute)").unwrap();
    assert_eq!(rate.next_after(0, 600_001), Some(660_000), "missed times are not made up for");
}

#[test]
fn fields_hold_values_ranges_lists_and_steps() {
    check("cron(0 10 * * ? *)", "2026-01-01T10:00:00Z", &["2026-01-02T10:00:00Z"]);
    check("cron(0 10 * * ? *)", "2026-01-01T09:59:59Z", &["2026-01-01T10:00:00Z"]);
    check(
        "cron(1/10 8 ? * * *)",
        "2026-01-01T08:41:00Z",
        &["2026-01-01T08:51:00Z", "2026-01-02T08:01:00Z"],
    );
    check(
        "cron(0/5 8-17 ? * MON-FRI *)",
        "2026-01-02T17:50:00Z",
        &["2026-01-02T17:55:00Z", "2026-01-05T08:00:00Z"],
    );
    check(
        "cron(0 0 1 jan,7 ? *)",
        "2026-01-01T00:00:00Z",
        &["2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"],
    );
    check("cron(0 18 ? * 2-6 2028-2030/2)", "2028-12-29T18:00:00Z", &["2030-01-01T18:00:00Z"]);
}

#[test]
fn the_last_day_the_nearest_weekday_and_the_nth_day_are_found() {
    check(
        "cron(0 0 L * ? *)",
        "2028-01-31T00:00:00Z",
        &["2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"],
    );
    // 3 January 2026 is a Saturday, 1 August 2026 too, 31 May 2026 a Sunday.
    check("cron(0 0 3W * ? *)", "2026-01-01T00:00:00Z", &["2026-01-02T00:00:00Z"]);
    check("cron(0 0 1W AUG ? 2026)", "2026-01-01T00:00:00Z", &["2026-08-03T00:00:00Z"]);
    check("cron(0 0 31W MAY ? 2026)", "2026-01-01T00:00:00Z", &["2026-05-29T00:00:00Z"]);
    check("cron(0 0 LW MAY ? 2026)", "2026-01-01T00:00:00Z", &["2026-05-29T00:00:00Z"]);
    check("cron(0 0 ? * 3#2 *)", "2026-01-01T00:00:00Z", &["2026-01-13T00:00:00Z"]);
    check("cron(0 0 ? * FRIL *)", "2026-01-01T00:00:00Z", &["2026-01-30T00:00:00Z"]);
    check("cron(0 0 ? * L *)", "2026-01-01T00:00:00Z", &["2026-01-03T00:00:00Z"]);
}

#[test]
fn what_no_calendar_has_is_never_due() {
    check("cron(0 0 30 2 ? *)", "2026-01-01T00:00:00Z", &[]);
    check("cron(0 0 31W 2 ? *)", "2026-01-01T00:00:00Z", &[]);
    check("cron(0 0 * * ? 2025)", "2026-01-01T00:00:00Z", &[]);
    let cron = Expression::parse("cron(* * * * ? *)").unwrap();
    assert_eq!(cron.next_after(0, u64::MAX), None);
    let rate = Expression::parse("rate(4294967295 days)").unwrap();
    assert_eq!(rate.next_after(u64::MAX, u64::MAX), None);
}

#[test]
fn what_eventbridge_would_refuse_is_refused() {
    check_refused("every day", "expected rate(…) or cron(…)");
    check_refused("rate(5 minutes", "expected rate(…) or cron(…)");
    check_refused("rate(5)", "expected rate(value unit)");
    check_refused("rate(0 minutes)", "positive integer");
    check_refused("rate(-1 minutes)", "positive integer");
    check_refused("rate(1 minutes)", "its unit");
    check_refused("rate(5 minute)", "its unit");
    check_refused("rate(5 weeks)", "its unit");
    check_refused("cron(0 10 * * ?)", "has 5 fields");
    check_refused("cron(0 10 * * * *)", "must be ?");
    check_refused("cron(0 10 ? * ? *)", "must be ?");
    check_refused("cron(60 10 * * ? *)", "minutes has \"60\", expected 0 to 59");
    check_refused("cron(0 24 * * ? *)", "hours has");
    check_refused("cron(0 0 0 * ? *)", "day-of-month has");
    check_refused("cron(0 0 * FOO ? *)", "month has");
    check_refused("cron(0 0 ? * 8 *)", "day-of-week has");
    check_refused("cron(0 0 ? * 3#6 *)", "after #");
    check_refused("cron(0 0 ? * 3#1,6#3 *)", "after #");
    check_refused("cron(0 0 * * ? 1969)", "year has");
    check_refused("cron(0/0 0 * * ? *)", "its step");
    check_refused("cron(9-5 0 * * ? *)", "ends before it begins");
    check_refused(&format!("cron({} 0 * * ? *)", "1,".repeat(200)), "longer than");
}
