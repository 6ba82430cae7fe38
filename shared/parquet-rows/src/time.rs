//! Dates and times as RFC 3339 writes them.

use crate::element::TimeUnit;
use crate::json::write_display;

const NANOS_OF_DAY: i64 = 86_400 * 1_000_000_000;
/// The days of the years 0000 to 9999, counted from 1970-01-01. RFC 3339 has no others.
const DAYS: std::ops::RangeInclusive<i64> = -719_528..=2_932_896;
/// 1970-01-01 as a Julian day.
const JULIAN_EPOCH: i64 = 2_440_588;

/// The value is no time, or of a year that RFC 3339 cannot write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfRange;

impl TimeUnit {
    fn in_day(self) -> i64 {
        NANOS_OF_DAY / self.nanos()
    }

    fn nanos(self) -> i64 {
        match self {
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }
}

/// Writes `YYYY-MM-DD` for a count of days from 1970-01-01.
pub(crate) fn write_date(out: &mut Vec<u8>, days: i64) -> Result<(), OutOfRange> {
    if !DAYS.contains(&days) {
        return Err(OutOfRange);
    }
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    write_display(out, format_args!("{year:04}-{month:02}-{day:02}"));
    Ok(())
}

/// Writes `HH:MM:SS`, and the fraction without zeros at its end, if there is one.
fn write_time_of_day(out: &mut Vec<u8>, nanos: i64) {
    let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    write_display(out, format_args!("{hour:02}:{minute:02}:{second:02}"));
    if fraction > 0 {
        write_display(out, format_args!(".{fraction:09}"));
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Writes the time of day that is so many units after midnight.
pub(crate) fn write_time(
    out: &mut Vec<u8>,
    units: i64,
    unit: TimeUnit,
    is_utc: bool,
) -> Result<(), OutOfRange> {
    if !(0..unit.in_day()).contains(&units) {
        return Err(OutOfRange);
    }
    write_time_of_day(out, units * unit.nanos());
    if is_utc {
        out.push(b'Z');
    }
    Ok(())
}

/// Writes the time that is so many units after 1970-01-01T00:00:00.
pub(crate) fn write_timestamp(
    out: &mut Vec<u8>,
    units: i64,
    unit: TimeUnit,
    is_utc: bool,
) -> Result<(), OutOfRange> {
    let (days, rest) = (units.div_euclid(unit.in_day()), units.rem_euclid(unit.in_day()));
    write_date(out, days)?;
    out.push(b'T');
    write_time(out, rest, unit, is_utc)
}

/// Writes the time of an INT96: eight bytes for the nanoseconds of the day, and four for the Julian day, each with its
/// lowest byte first. Spark and Hive write instants, in UTC.
pub(crate) fn write_int96(out: &mut Vec<u8>, bytes: [u8; 12]) -> Result<(), OutOfRange> {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
    let nanos = i64::from_le_bytes([a, b, c, d, e, f, g, h]);
    let day = i64::from(u32::from_le_bytes([i, j, k, l]));
    if !(0..NANOS_OF_DAY).contains(&nanos) {
        return Err(OutOfRange);
    }
    write_date(out, day - JULIAN_EPOCH)?;
    out.push(b'T');
    write_time(out, nanos, TimeUnit::Nanos, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(units: i64, unit: TimeUnit, is_utc: bool, expected: Result<&str, OutOfRange>) {
        let mut out = Vec::new();
        let written = write_timestamp(&mut out, units, unit, is_utc);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(written.map(|()| text.as_str()), expected);
    }

    #[test]
    fn no_digit_of_a_time_is_lost() {
        check(0, TimeUnit::Millis, true, Ok("1970-01-01T00:00:00Z"));
        check(-1, TimeUnit::Nanos, false, Ok("1969-12-31T23:59:59.999999999"));
        check(1_356_998_400_123_450, TimeUnit::Micros, true, Ok("2013-01-01T00:00:00.12345Z"));
        check(951_782_400_000, TimeUnit::Millis, false, Ok("2000-02-29T00:00:00"));
        check(-62_167_219_200_000, TimeUnit::Millis, true, Ok("0000-01-01T00:00:00Z"));
        check(253_402_300_799_999, TimeUnit::Millis, true, Ok("9999-12-31T23:59:59.999Z"));
        check(253_402_300_800_000, TimeUnit::Millis, true, Err(OutOfRange));
        check(-62_167_219_200_001, TimeUnit::Millis, true, Err(OutOfRange));
        check(i64::MIN, TimeUnit::Millis, true, Err(OutOfRange));
        check(i64::MAX, TimeUnit::Nanos, true, Ok("2262-04-11T23:47:16.854775807Z"));
    }

    #[test]
    fn a_time_of_day_is_within_a_day() {
        let mut out = Vec::new();
        write_time(&mut out, 86_399_999, TimeUnit::Millis, false).unwrap();
        assert_eq!(out, b"23:59:59.999");
        let late = write_time(&mut out, 86_400_000, TimeUnit::Millis, false);
        assert_eq!(late, Err(OutOfRange));
        assert_eq!(write_time(&mut out, -1, TimeUnit::Nanos, true), Err(OutOfRange));
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut before = Vec::new();
        write_date(&mut before, -152_672).unwrap();
        for day in -152_671..=146_097 {
            let mut date = Vec::new();
            write_date(&mut date, day).unwrap();
            assert!(date > before, "{day}");
            before = date;
        }
        assert_eq!(before, b"2370-01-01");
    }
}
