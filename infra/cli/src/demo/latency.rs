//! The latency of events, from the two times that each row has.

use verify::{Instant, Json};

/// Percentiles of durations, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Latency {
    pub(super) p50_ms: u64,
    pub(super) p99_ms: u64,
    pub(super) max_ms: u64,
}

impl Latency {
    /// Percentiles by nearest rank, each of which is one of the durations. `None` without
    /// durations.
    pub(super) fn of(mut durations_ms: Vec<u64>) -> Option<Self> {
        durations_ms.sort_unstable();
        let max_ms = *durations_ms.last()?;
        Some(Self {
            p50_ms: percentile(&durations_ms, 50)?,
            p99_ms: percentile(&durations_ms, 99)?,
            max_ms,
        })
    }
}

/// The percentile of sorted durations by nearest rank. `None` without durations.
fn percentile(sorted_ms: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted_ms.len() * percent).div_ceil(100).max(1);
    sorted_ms.get(rank - 1).copied()
}

/// The time from a row's `ingest_time` to its `written_at`, in milliseconds.
pub(super) fn duration_ms(row: &Json) -> Option<u64> {
    instant(row, "written_at")?.ms_since(instant(row, "ingest_time")?)
}

fn instant(row: &Json, name: &str) -> Option<Instant> {
    Instant::parse(row.member(name)?.as_text()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(durations_ms: impl IntoIterator<Item = u64>, expected: Option<(u64, u64, u64)>) {
        let latency = Latency::of(durations_ms.into_iter().collect());
        assert_eq!(latency.map(|each| (each.p50_ms, each.p99_ms, each.max_ms)), expected);
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        check([], None);
        check([7], Some((7, 7, 7)));
        check([2, 1], Some((1, 2, 2)));
        check((1..=100).rev(), Some((50, 99, 100)));
        check(1..=1_000, Some((500, 990, 1_000)));
    }

    #[test]
    fn a_duration_needs_both_times() {
        let row =
            r#"{"ingest_time":"2026-01-01T00:00:00.250Z","written_at":"2026-01-01T00:00:01.5Z"}"#;
        let without_time = row.replace("2026-01-01T00:00:01.5Z", "soon");
        for (row, expected) in [(row, Some(1_250)), (&without_time, None), ("{}", None)] {
            assert_eq!(duration_ms(&Json::parse(row).unwrap()), expected, "{row}");
        }
    }
}
