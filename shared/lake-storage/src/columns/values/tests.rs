use contracts::TimestampUnit::{self, Microseconds, Milliseconds};

use super::*;

/// A column's value, and whether it holds the text exactly.
#[derive(Debug, PartialEq)]
enum Held {
    Exactly(i64),
    Nearly(i64),
    NotAtAll,
}

fn held(placed: Option<Placed>) -> Held {
    let value = |cell: Cell| match cell {
        Cell::Integer(value) => value,
        Cell::Days(days) => i64::from(days),
        other => panic!("{other:?}"),
    };
    match placed {
        Some(Placed::Exactly(cell)) => Held::Exactly(value(cell)),
        Some(Placed::Nearly(cell)) => Held::Nearly(value(cell)),
        None => Held::NotAtAll,
    }
}

#[track_caller]
fn check_date(text: &str, days: Option<i64>) {
    assert_eq!(held(date(text)), days.map_or(Held::NotAtAll, Held::Exactly), "{text}");
}

#[test]
fn a_date_is_a_full_date_of_the_calendar() {
    check_date("1970-01-01", Some(0));
    check_date("1969-12-31", Some(-1));
    check_date("2024-02-29", Some(19_782));
    check_date("0000-01-01", Some(-719_528));
    check_date("9999-12-31", Some(2_932_896));
    for text in [
        "",
        "2023-02-29",
        "0000-00-00",
        "2013-1-1",
        "13-01-01",
        "20130101",
        "2013-01-01Z",
        " 2013-01-01",
        "2013-01-01T00:00:00Z",
        "12013-01-01",
        "-013-01-01",
        "+013-01-01",
        "2013-13-01",
        "yesterday",
        "2013\u{2010}01-01",
        "２013-01-01",
    ] {
        check_date(text, None);
    }
}

#[track_caller]
fn check_time(text: &str, unit: TimestampUnit, expected: Held) {
    assert_eq!(held(time(text, unit)), expected, "{text}");
}

const TEN: i64 = 1_357_034_400;

#[test]
fn a_time_is_held_if_it_is_written_as_its_column_stands_for() {
    use Held::{Exactly, Nearly, NotAtAll};
    check_time("2013-01-01T10:00:00Z", Milliseconds, Exactly(TEN * 1_000));
    check_time("2013-01-01T10:00:00.250Z", Milliseconds, Exactly(TEN * 1_000 + 250));
    check_time("1969-12-31T23:59:59.999Z", Milliseconds, Exactly(-1));
    check_time("2013-01-01T10:00:00Z", Microseconds, Exactly(TEN * 1_000_000));
    check_time("2013-01-01T10:00:00.250Z", Microseconds, Exactly(TEN * 1_000_000 + 250_000));
    check_time("2013-01-01T10:00:00.000001Z", Microseconds, Exactly(TEN * 1_000_000 + 1));
    check_time("0000-01-01T00:00:00Z", Microseconds, Exactly(-62_167_219_200_000_000));
    check_time("9999-12-31T23:59:59.999999Z", Microseconds, Exactly(253_402_300_799_999_999));
    // A finer time than the unit.
    check_time("2013-01-01T10:00:00.000001Z", Milliseconds, Nearly(TEN * 1_000));
    check_time("2013-01-01T10:00:00.123456789Z", Microseconds, Nearly(TEN * 1_000_000 + 123_456));
    check_time("2013-01-01T10:00:00.1230000000001Z", Milliseconds, Nearly(TEN * 1_000 + 123));
    check_time("1969-12-31T23:59:59.9999Z", Milliseconds, Nearly(-1));
    // Another text of the same moment.
    check_time("2013-01-01T11:00:00+01:00", Milliseconds, Nearly(TEN * 1_000));
    check_time("2013-01-01T10:00:00+00:00", Milliseconds, Nearly(TEN * 1_000));
    check_time("2013-01-01T10:00:00-00:00", Milliseconds, Nearly(TEN * 1_000));
    check_time("2013-01-01t10:00:00z", Milliseconds, Nearly(TEN * 1_000));
    check_time("2013-01-01T10:00:00.000Z", Milliseconds, Nearly(TEN * 1_000));
    check_time("2013-01-01T10:00:00.25Z", Milliseconds, Nearly(TEN * 1_000 + 250));
    check_time("2013-01-01T10:00:00.250000Z", Microseconds, Nearly(TEN * 1_000_000 + 250_000));
    // A leap second is in the second before it.
    check_time("2016-12-31T23:59:60Z", Milliseconds, Nearly(1_483_228_799_999));
    check_time("2016-12-31T23:59:60Z", Microseconds, Nearly(1_483_228_799_999_999));
    // In UTC, these are in the years -1 and 10000.
    check_time("0000-01-01T00:00:00+00:01", Milliseconds, NotAtAll);
    check_time("9999-12-31T23:59:59-00:01", Microseconds, NotAtAll);
    for text in
        ["", "soon", "2013-01-01", "2013-01-01T10:00:00", "2013-02-30T10:00:00Z", "1357034400"]
    {
        check_time(text, Milliseconds, NotAtAll);
    }
}
