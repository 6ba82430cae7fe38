//! `rate(…)` and `cron(…)`: when a rule of EventBridge is due next. Pure, in UTC.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html> and
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rate-expressions.html>.

use time::{Date, OffsetDateTime, Time, Weekday};

/// Longest expression, in bytes:
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>
const MAX_LENGTH: usize = 256;
const MINUTE_MS: u64 = 60_000;

/// When a rule of EventBridge invokes its target. All times are in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// `rate(…)`: a fixed interval after the rule was made. The shortest is a minute.
    Rate {
        /// The interval in milliseconds.
        interval_ms: u64,
    },
    /// `cron(…)`: the minutes that all six fields match.
    Cron(Box<Cron>),
}

/// The fields of a `cron(…)` expression. Each list is in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: Vec<u32>,
    hours: Vec<u32>,
    days: Days,
    months: Vec<u32>,
    years: Vec<u32>,
}

/// The one field of day-of-month and day-of-week that is not `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    OfMonth(Vec<MonthDay>),
    OfWeek(Vec<WeekDay>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum MonthDay {
    On(u32),
    Last,
    /// The weekday (Monday to Friday) that is closest to this day, within the same month.
    NearestWeekday(u32),
    LastWeekday,
}

/// A day of the week as a number; 1 is Sunday.
#[derive(Clone, Debug, PartialEq, Eq)]
enum WeekDay {
    On(u32),
    LastOfMonth(u32),
    /// The day of the week, and its occurrence in the month: `(2, 3)` is the third Monday.
    Nth(u32, u32),
}

/// The name of a field, and the values that it can have.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names of the values, starting with the least; empty if it has none.
    names: &'static [&'static str],
}

const MINUTES: Field = Field { name: "minutes", least: 0, most: 59, names: &[] };
const HOURS: Field = Field { name: "hours", least: 0, most: 23, names: &[] };
const MONTH_DAYS: Field = Field { name: "day-of-month", least: 1, most: 31, names: &[] };
const MONTHS: Field = Field {
    name: "month",
    least: 1,
    most: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const WEEK_DAYS: Field = Field {
    name: "day-of-week",
    least: 1,
    most: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};
const YEARS: Field = Field { name: "year", least: 1970, most: 2199, names: &[] };

impl Expression {
    /// Reads a `ScheduleExpression`.
    ///
    /// # Errors
    /// The message says what is wrong with the text. It continues a sentence that names the
    /// expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LENGTH {
            return Err(format!("it is longer than {MAX_LENGTH} bytes"));
        }
        let Some((kind, rest)) = text.split_once('(') else {
            return Err("expected rate(…) or cron(…)".to_owned());
        };
        match (kind, rest.strip_suffix(')')) {
            ("rate", Some(inner)) => rate(inner),
            ("cron", Some(inner)) => Ok(Self::Cron(Box::new(cron(inner)?))),
            _ => Err("expected rate(…) or cron(…)".to_owned()),
        }
    }

    /// The first time after `now_ms` at which a rule that was made at `created_ms` is due. `None`
    /// means never. All times are milliseconds since the Unix epoch.
    pub fn next_after(&self, created_ms: u64, now_ms: u64) -> Option<u64> {
        match self {
            Self::Rate { interval_ms } => {
                let passed = now_ms.saturating_sub(created_ms) / interval_ms;
                created_ms.checked_add(interval_ms.checked_mul(passed + 1)?)
            }
            Self::Cron(cron) => cron.next_after(now_ms),
        }
    }
}

fn rate(text: &str) -> Result<Expression, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [value, unit] = words.as_slice() else {
        return Err("expected rate(value unit)".to_owned());
    };
    let value: u64 = value.parse::<u32>().unwrap_or(0).into();
    let minutes = match (*unit, value) {
        (_, 0) => return Err("its value must be a positive integer".to_owned()),
        ("minute", 1) => 1,
        ("hour", 1) => 60,
        ("day", 1) => 1_440,
        ("minutes", 2..) => value,
        ("hours", 2..) => value * 60,
        ("days", 2..) => value * 1_440,
        _ => {
            let rule =
                "its unit must be minute, hour or day after 1, and else minutes, hours or days";
            return Err(rule.to_owned());
        }
    };
    Ok(Expression::Rate { interval_ms: minutes * MINUTE_MS })
}

fn cron(text: &str) -> Result<Cron, String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minutes, hours, month_days, months, week_days, years] = fields.as_slice() else {
        return Err(format!("it has {} fields, and must have six", fields.len()));
    };
    let days = match (*month_days, *week_days) {
        (text, "?") if text != "?" => Days::OfMonth(parse_month_days(text)?),
        ("?", text) if text != "?" => Days::OfWeek(parse_week_days(text)?),
        _ => return Err("one of day-of-month and day-of-week must be ?, and not both".to_owned()),
    };
    Ok(Cron {
        minutes: MINUTES.all(minutes)?,
        hours: HOURS.all(hours)?,
        days,
        months: MONTHS.all(months)?,
        years: YEARS.all(years)?,
    })
}

fn parse_month_days(text: &str) -> Result<Vec<MonthDay>, String> {
    let mut days = Vec::new();
    for item in text.split(',') {
        match (item, item.strip_suffix('W')) {
            ("L", _) => days.push(MonthDay::Last),
            ("LW", _) => days.push(MonthDay::LastWeekday),
            (_, Some(day)) => days.push(MonthDay::NearestWeekday(MONTH_DAYS.number(day)?)),
            (_, None) => days.extend(MONTH_DAYS.values(item)?.into_iter().map(MonthDay::On)),
        }
    }
    Ok(days)
}

fn parse_week_days(text: &str) -> Result<Vec<WeekDay>, String> {
    if let Some((day, nth)) = text.split_once('#') {
        let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth));
        let nth = nth.ok_or("after # comes one number from 1 to 5, and nothing else")?;
        return Ok(vec![WeekDay::Nth(WEEK_DAYS.number(day)?, nth)]);
    }
    let mut days = Vec::new();
    for item in text.split(',') {
        match (item, item.strip_suffix('L')) {
            ("L", _) => days.push(WeekDay::On(WEEK_DAYS.most)),
            (_, Some(day)) => days.push(WeekDay::LastOfMonth(WEEK_DAYS.number(day)?)),
            (_, None) => days.extend(WEEK_DAYS.values(item)?.into_iter().map(WeekDay::On)),
        }
    }
    Ok(days)
}

impl Field {
    fn number(&self, text: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|at| u32::try_from(at).ok()).map(|at| at + self.least);
        let number = named.or_else(|| text.parse().ok());
        number.filter(|number| (self.least..=self.most).contains(number)).ok_or_else(|| {
            format!("{} has {text:?}, expected {} to {}", self.name, self.least, self.most)
        })
    }

    /// The values of one item of a list: `7`, `1-5` or `*`, each optionally with `/step`.
    fn values(&self, item: &str) -> Result<Vec<u32>, String> {
        let (base, step) =
            item.split_once('/').map_or((item, None), |(base, step)| (base, Some(step)));
        let every = step.map_or(Some(1), |step| step.parse::<usize>().ok());
        let Some(every) = every.filter(|every| *every > 0) else {
            return Err(format!("{} has {item:?}: its step must be a positive integer", self.name));
        };
        let (from, to) = match base.split_once('-') {
            _ if base == "*" => (self.least, self.most),
            Some((from, to)) => (self.number(from)?, self.number(to)?),
            None => {
                let from = self.number(base)?;
                (from, if step.is_some() { self.most } else { from })
            }
        };
        if from > to {
            return Err(format!("{} has {item:?}, a range that ends before it begins", self.name));
        }
        Ok((from..=to).step_by(every).collect())
    }

    fn all(&self, text: &str) -> Result<Vec<u32>, String> {
        let mut all = Vec::new();
        for item in text.split(',') {
            all.extend(self.values(item)?);
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }
}

impl Cron {
    /// Looks at one day after the other, up to the last of its years.
    fn next_after(&self, now_ms: u64) -> Option<u64> {
        let start_s = i64::try_from((now_ms / MINUTE_MS + 1) * 60).ok()?;
        let start = OffsetDateTime::from_unix_timestamp(start_s).ok()?;
        let last_year = i32::try_from(*self.years.last()?).ok()?;
        let mut date = start.date();
        let mut earliest = (u32::from(start.hour()), u32::from(start.minute()));
        while date.year() <= last_year {
            if self.is_on(date)
                && let Some((hour, minute)) = self.time_from(earliest)
            {
                let time = Time::from_hms(u8::try_from(hour).ok()?, u8::try_from(minute).ok()?, 0);
                let due = date.with_time(time.ok()?).assume_utc();
                return u64::try_from(due.unix_timestamp()).ok()?.checked_mul(1_000);
            }
            date = date.next_day()?;
            earliest = (0, 0);
        }
        None
    }

    fn time_from(&self, earliest: (u32, u32)) -> Option<(u32, u32)> {
        let hours = self.hours.iter();
        let mut times =
            hours.flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
        times.find(|time| *time >= earliest)
    }

    fn is_on(&self, date: Date) -> bool {
        let year = u32::try_from(date.year()).unwrap_or(0);
        self.years.binary_search(&year).is_ok()
            && self.months.contains(&u32::from(u8::from(date.month())))
            && match &self.days {
                Days::OfMonth(days) => days.iter().any(|day| day.is_on(date)),
                Days::OfWeek(days) => days.iter().any(|day| day.is_on(date)),
            }
    }
}

/// The number of days of a date's month.
fn length(date: Date) -> u32 {
    u32::from(date.month().length(date.year()))
}

impl MonthDay {
    fn is_on(&self, date: Date) -> bool {
        let wanted = match self {
            Self::On(day) => Some(*day),
            Self::Last => Some(length(date)),
            Self::NearestWeekday(day) => nearest_weekday(date, *day),
            Self::LastWeekday => nearest_weekday(date, length(date)),
        };
        wanted == Some(u32::from(date.day()))
    }
}

/// The weekday closest to a day of the date's month, which it does not leave.
fn nearest_weekday(date: Date, day: u32) -> Option<u32> {
    let weekday = date.replace_day(u8::try_from(day).ok()?).ok()?.weekday();
    Some(match weekday {
        Weekday::Saturday if day == 1 => 3,
        Weekday::Saturday => day - 1,
        Weekday::Sunday if day == length(date) => day - 2,
        Weekday::Sunday => day + 1,
        _ => day,
    })
}

impl WeekDay {
    fn is_on(&self, date: Date) -> bool {
        let weekday = u32::from(date.weekday().number_days_from_sunday()) + 1;
        let day = u32::from(date.day());
        match self {
            Self::On(wanted) => *wanted == weekday,
            Self::LastOfMonth(wanted) => *wanted == weekday && day + 7 > length(date),
            Self::Nth(wanted, nth) => *wanted == weekday && day.div_ceil(7) == *nth,
        }
    }
}

#[cfg(test)]
mod tests;
