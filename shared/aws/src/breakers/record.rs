//! A breaker's record as an item.
//!
//! Times are in milliseconds since the epoch. A record that a later version wrote is not read. Until that version
//! is rolled back, or the last environment of this version has ended, each environment of this version decides
//! by its own calls.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use breaker::{Cause, Counts, Forced, ForcedState, Lease, Record, State};
use event::Timestamp;

use super::{Item, number, read_time, whole};

/// The version in which a record is written.
const RECORD_FORMAT: u64 = 1;

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn time(at: Timestamp) -> AttributeValue {
    number(at.unix_ms())
}

fn map<const N: usize>(members: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(members.map(|(name, value)| (name.to_owned(), value)).into())
}

fn counts(counts: &Counts) -> AttributeValue {
    map([
        ("calls", number(counts.calls)),
        ("failures", number(counts.failures)),
        ("slow", number(counts.slow)),
        ("absent", number(counts.absent)),
    ])
}

fn lease(lease: &Lease) -> AttributeValue {
    map([("permits", number(lease.permits)), ("ends_at", time(lease.ends_at))])
}

fn set(item: &mut Item, name: &str, value: AttributeValue) {
    item.insert(name.to_owned(), value);
}

/// The attributes of a record's item, without its key.
pub(super) fn attributes(record: &Record) -> Item {
    let mut item = Item::new();
    set(&mut item, "record_format", number(RECORD_FORMAT));
    set(&mut item, "version", number(record.version));
    set(&mut item, "generation", number(record.generation));
    set(&mut item, "opens", number(record.opens));
    set(&mut item, "breaker_state", text(record.state.name().as_str()));
    if let Some(since) = record.unavailable_since {
        set(&mut item, "unavailable_since", time(since));
    }
    match &record.state {
        State::Closed { since, ramp_ends_at } => {
            set(&mut item, "since", time(*since));
            set(&mut item, "ramp_ends_at", time(*ramp_ends_at));
        }
        State::Open { since, until, cause } => {
            set(&mut item, "since", time(*since));
            set(&mut item, "open_until", time(*until));
            set(&mut item, "cause", text(cause.as_str()));
        }
        State::HalfOpen { since, permitted, leases, results } => {
            let leases = leases.iter().map(|(holder, it)| (holder.clone(), lease(it))).collect();
            set(&mut item, "since", time(*since));
            set(&mut item, "permitted", number(*permitted));
            set(&mut item, "leases", AttributeValue::M(leases));
            set(&mut item, "results", counts(results));
        }
    }
    if let Some(Forced { to, by, why, since, until }) = &record.forced {
        let mut forced = Item::from([
            ("to".to_owned(), text(to.as_str())),
            ("by".to_owned(), text(by)),
            ("why".to_owned(), text(why)),
            ("since".to_owned(), time(*since)),
        ]);
        forced.extend(until.map(|until| ("until".to_owned(), time(until))));
        set(&mut item, "forced", AttributeValue::M(forced));
    }
    item
}

/// The record that an item holds; `None` if a later version wrote it, or it is incomplete.
pub(super) fn read(item: &Item) -> Option<Record> {
    if whole(item, "record_format")? > RECORD_FORMAT {
        return None;
    }
    let forced = match item.get("forced") {
        Some(forced) => Some(read_forced(forced.as_m().ok()?)?),
        None => None,
    };
    Some(Record {
        version: whole(item, "version")?,
        state: read_state(item)?,
        generation: whole(item, "generation")?,
        opens: small(item, "opens")?,
        unavailable_since: read_time(item, "unavailable_since"),
        forced,
    })
}

fn read_state(item: &Item) -> Option<State> {
    let since = read_time(item, "since")?;
    match string(item, "breaker_state")? {
        "closed" => Some(State::Closed { since, ramp_ends_at: read_time(item, "ramp_ends_at")? }),
        "open" => {
            let name = string(item, "cause")?;
            let cause = Cause::ALL.into_iter().find(|cause| cause.as_str() == name)?;
            Some(State::Open { since, until: read_time(item, "open_until")?, cause })
        }
        "half-open" => {
            let mut leases = BTreeMap::new();
            for (holder, lease) in item.get("leases")?.as_m().ok()? {
                let lease = lease.as_m().ok()?;
                let permits = small(lease, "permits")?;
                leases.insert(
                    holder.clone(),
                    Lease { permits, ends_at: read_time(lease, "ends_at")? },
                );
            }
            let results = item.get("results")?.as_m().ok()?;
            let results = Counts {
                calls: small(results, "calls")?,
                failures: small(results, "failures")?,
                slow: small(results, "slow")?,
                absent: small(results, "absent")?,
            };
            Some(State::HalfOpen { since, permitted: small(item, "permitted")?, leases, results })
        }
        _ => None,
    }
}

fn read_forced(item: &Item) -> Option<Forced> {
    let name = string(item, "to")?;
    Some(Forced {
        to: ForcedState::ALL.into_iter().find(|to| to.as_str() == name)?,
        by: string(item, "by")?.to_owned(),
        why: string(item, "why")?.to_owned(),
        since: read_time(item, "since")?,
        until: read_time(item, "until"),
    })
}

fn string<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn small(item: &Item, name: &str) -> Option<u32> {
    u32::try_from(whole(item, name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables hold records of this form. A deployment that reads them differently would forget an open breaker.
    #[test]
    fn a_record_is_written_in_the_form_that_is_pinned() {
        let at = Timestamp::from_unix_ms;
        let lease = Lease { permits: 2, ends_at: at(1_796_000_009_000) };
        let record = Record {
            version: 7,
            state: State::HalfOpen {
                since: at(1_796_000_000_000),
                permitted: 3,
                leases: BTreeMap::from([("e1".to_owned(), lease)]),
                results: Counts { calls: 1, failures: 1, slow: 0, absent: 0 },
            },
            generation: 4,
            opens: 2,
            unavailable_since: Some(at(1_795_999_000_000)),
            forced: None,
        };
        let pinned = Item::from([
            ("record_format".to_owned(), number(1)),
            ("version".to_owned(), number(7)),
            ("generation".to_owned(), number(4)),
            ("opens".to_owned(), number(2)),
            ("breaker_state".to_owned(), text("half-open")),
            ("unavailable_since".to_owned(), number(1_795_999_000_000_i64)),
            ("since".to_owned(), number(1_796_000_000_000_i64)),
            ("permitted".to_owned(), number(3)),
            (
                "leases".to_owned(),
                map([(
                    "e1",
                    map([("permits", number(2)), ("ends_at", number(1_796_000_009_000_i64))]),
                )]),
            ),
            (
                "results".to_owned(),
                map([
                    ("calls", number(1)),
                    ("failures", number(1)),
                    ("slow", number(0)),
                    ("absent", number(0)),
                ]),
            ),
        ]);
        assert_eq!(attributes(&record), pinned);
        assert_eq!(read(&pinned), Some(record));
        let mut later = pinned;
        later.insert("record_format".to_owned(), number(2));
        assert_eq!(read(&later), None);
    }
}
