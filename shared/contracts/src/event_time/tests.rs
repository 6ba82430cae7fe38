//! Times in every format. Those with a zone are what the zoneinfo of CPython says of them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn event_time(yaml: &str) -> Result<EventTime, String> {
    serde_saphyr::from_str(yaml).map_err(|error| error.to_string())
}

/// What is read of this value, or why it is not a time.
fn read(yaml: &str, value: &Value) -> Result<String, String> {
    let payload = json!({ "t": value });
    let time = event_time(yaml).unwrap();
    time.read(&payload).map(|time| time.to_string()).map_err(|failure| {
        assert_eq!((failure.code, failure.at.as_deref()), (Code::TimeInvalid, Some("/t")));
        failure.reason.to_string()
    })
}

#[track_caller]
fn check(yaml: &str, value: Value, expected: &str) {
    assert_eq!(read(yaml, &value).unwrap(), expected);
}

#[track_caller]
fn check_refused(yaml: &str, value: Value, expected: &str) {
    assert_eq!(read(yaml, &value).unwrap_err(), expected);
}

#[test]
fn a_pointer_alone_is_of_an_rfc_3339_time() {
    check("/t", json!("2013-01-01T05:00:00-05:00"), "2013-01-01T10:00:00.000Z");
    check("{at: /t, format: rfc3339}", json!("2013-01-01T10:00:00Z"), "2013-01-01T10:00:00.000Z");
    check_refused("/t", json!("yesterday"), "not an RFC 3339 time");
    check_refused("/t", json!(7), "expected an RFC 3339 time, found an integer");
}

#[test]
fn a_number_of_units_since_1970_is_exact() {
    let at = |unit: &str| format!("{{at: /t, format: unix-{unit}}}");
    check(&at("seconds"), json!(1_357_034_400), "2013-01-01T10:00:00.000Z");
    check(&at("seconds"), json!("1357034400.5"), "2013-01-01T10:00:00.500Z");
    let exact: Value = serde_json::from_str("1357034400.123456789").unwrap();
    check(&at("seconds"), exact, "2013-01-01T10:00:00.123456789Z");
    check(&at("milliseconds"), json!(1_357_034_400_123_u64), "2013-01-01T10:00:00.123Z");
    check(&at("microseconds"), json!(-1), "1969-12-31T23:59:59.999999Z");
    check(&at("nanoseconds"), json!("1357034400123456789"), "2013-01-01T10:00:00.123456789Z");
    let too_fine: Value = serde_json::from_str("0.0000000001").unwrap();
    let problem = "a time as unix-seconds with a fraction of a nanosecond";
    check_refused(&at("seconds"), too_fine, problem);
    check_refused(&at("seconds"), json!("1357034400 "), "not a time as unix-seconds");
    check_refused(&at("seconds"), json!(null), "expected a time as unix-seconds, found null");
    // Milliseconds that are taken for seconds are tens of thousands of years away.
    let problem = "a time that is, in UTC, not within the years 0 to 9999";
    check_refused(&at("seconds"), json!(1_357_034_400_000_u64), problem);
}

#[test]
fn a_pattern_is_read_in_its_zone() {
    let berlin = "{at: /t, format: '%d.%m.%Y %H:%M', zone: Europe/Berlin}";
    check(berlin, json!("01.07.2013 12:00"), "2013-07-01T10:00:00.000Z");
    check(berlin, json!("01.01.2013 12:00"), "2013-01-01T11:00:00.000Z");
    // The clock shows half past two twice on this day, and on that day never.
    check(berlin, json!("27.10.2013 02:30"), "2013-10-27T00:30:00.000Z");
    check(berlin, json!("31.03.2013 02:30"), "2013-03-31T01:30:00.000Z");
    check("{at: /t, format: '%Y-%m-%d'}", json!("2013-01-31"), "2013-01-31T00:00:00.000Z");
    let offset = "{at: /t, format: '%b %d %Y %I:%M %p', zone: '-05:00'}";
    check(offset, json!("Jan 31 2013 11:30 PM"), "2013-02-01T04:30:00.000Z");
    let own = "{at: /t, format: '%Y%m%dT%H%M%S%.f%z'}";
    check(own, json!("20130131T100000.25+0100"), "2013-01-31T09:00:00.250Z");
    check_refused(berlin, json!("31.02.2013 12:00"), "not a time written as `%d.%m.%Y %H:%M`");
    check_refused(berlin, json!("1.7.13"), "not a time written as `%d.%m.%Y %H:%M`");
    let problem = "expected a time written as `%d.%m.%Y %H:%M`, found nothing";
    let missing = event_time(&berlin.replace("/t", "/none")).unwrap();
    assert_eq!(missing.read(&json!({})).unwrap_err().reason, problem);
}

#[test]
fn what_is_no_format_is_refused_with_those_that_there_are() {
    for (yaml, expected) in [
        ("{at: /t, format: unix}", "`unix` is no format; expected rfc3339, unix-seconds"),
        ("{at: /t, format: '%Q%Q%!'}", "is no pattern of a time with its date"),
        ("{at: /t, format: '%H:%M'}", "is no pattern of a time with its date"),
        ("{at: /t, zone: UTC}", "only a pattern of a time without an offset has a `zone`"),
        ("{at: /t, format: '%F %T %z', zone: UTC}", "only a pattern of a time without an offset"),
        ("{at: /t, form: rfc3339}", "form"),
        ("[/t]", "a JSON Pointer, or an object with `at`, `format` and `zone`"),
    ] {
        let error = event_time(yaml).unwrap_err();
        assert!(error.contains(expected), "{yaml}: {error}");
    }
    for zone in ["Europe/Atlantis", "+26:00", ""] {
        let time = event_time(&format!("{{at: /t, format: '%Y-%m-%d', zone: '{zone}'}}")).unwrap();
        let problem = time.check_zone().unwrap_err().to_string();
        assert!(problem.contains(&format!("there is no time zone `{zone}`")), "{problem}");
        let failure = time.read(&json!({ "t": "2013-01-31" })).unwrap_err();
        assert_eq!(failure.code, Code::ContractBroken);
    }
    event_time("{at: /t, format: '%Y-%m-%d', zone: Asia/Kolkata}").unwrap().check_zone().unwrap();
}

proptest! {
    /// A number of a unit is that many units after the epoch, whatever its notation.
    #[test]
    fn units_agree(nanos in 0..253_402_300_799_999_999_999_i128) {
        let of = |unit: &str, value: Value| read(&format!("{{at: /t, format: unix-{unit}}}"), &value);
        let decimal = |scale: usize| {
            let digits = format!("{nanos:0width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            json!(format!("{whole}.{fraction}"))
        };
        let whole = of("nanoseconds", json!(nanos.to_string())).unwrap();
        prop_assert_eq!(&of("microseconds", decimal(3)).unwrap(), &whole);
        prop_assert_eq!(&of("milliseconds", decimal(6)).unwrap(), &whole);
        prop_assert_eq!(&of("seconds", decimal(9)).unwrap(), &whole);
    }

    /// No text of a producer makes it panic, and no text is a time by two patterns at different times.
    #[test]
    fn any_text_is_a_time_or_is_refused(text in "\\PC{0,40}") {
        let _ = read("{at: /t, format: '%d/%m/%Y %H:%M:%S%.f', zone: America/New_York}", &json!(text));
        let _ = read("{at: /t, format: unix-seconds}", &json!(text));
    }
}
