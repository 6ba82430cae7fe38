//! REPORT, the last log line of the platform about an invocation.
//!
//! Its fields are described in
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html>.

use std::fmt;

use super::outcome::Outcome;

/// The content of the line. Durations are in microseconds.
pub(super) struct Report<'a> {
    pub(super) request_id: &'a str,
    pub(super) duration_us: u64,
    /// The duration of the start, if the invocation had to wait for it.
    pub(super) init_us: Option<u64>,
    pub(super) memory_mb: u32,
    pub(super) peak_mb: u64,
    pub(super) ended: &'a Outcome,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request_id, duration_us, init_us, memory_mb, peak_mb, ended } = self;
        // On an OS-only runtime, the start is billed as well.
        let billed_ms = duration_us.saturating_add(init_us.unwrap_or(0)).div_ceil(1_000);
        let duration = Milliseconds(*duration_us);
        write!(
            f,
            "REPORT RequestId: {request_id}\tDuration: {duration} ms\t\
             Billed Duration: {billed_ms} ms\tMemory Size: {memory_mb} MB\t\
             Max Memory Used: {peak_mb} MB",
        )?;
        if let Some(init_us) = init_us {
            write!(f, "\tInit Duration: {} ms", Milliseconds(*init_us))?;
        }
        f.write_str(ended.report_status())
    }
}

/// Microseconds as milliseconds with two decimals.
struct Milliseconds(u64);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.0.saturating_add(5) / 10;
        write!(f, "{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    #[track_caller]
    fn check(duration_us: u64, init_us: Option<u64>, ended: &Outcome, expected: &str) {
        let report =
            Report { request_id: "id-1", duration_us, init_us, memory_mb: 128, peak_mb: 19, ended };
        assert_eq!(report.to_string(), format!("REPORT RequestId: id-1\t{expected}"));
    }

    #[test]
    fn durations_have_two_decimals_and_what_is_billed_is_rounded_up() {
        let ended = Outcome::Response(Bytes::new());
        let memory = "Memory Size: 128 MB\tMax Memory Used: 19 MB";
        for (duration_us, duration, billed) in [
            (0, "0.00", 0),
            (4, "0.00", 1),
            (5, "0.01", 1),
            (1_000, "1.00", 1),
            (1_001, "1.00", 2),
            (12_346, "12.35", 13),
            (1_999_999, "2000.00", 2000),
        ] {
            let expected =
                format!("Duration: {duration} ms\tBilled Duration: {billed} ms\t{memory}");
            check(duration_us, None, &ended, &expected);
        }
    }

    #[test]
    fn a_start_is_reported_and_billed_with_the_invocation_that_waited_for_it() {
        check(
            1_049_630,
            Some(1_293_830),
            &Outcome::Response(Bytes::new()),
            "Duration: 1049.63 ms\tBilled Duration: 2344 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 19 MB\tInit Duration: 1293.83 ms",
        );
    }

    #[test]
    fn an_invocation_that_did_not_end_in_order_says_so() {
        check(
            3_000_000,
            None,
            &Outcome::TimedOut { after: Duration::from_secs(3), at_ms: 0 },
            "Duration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 19 MB\tStatus: timeout",
        );
    }
}
