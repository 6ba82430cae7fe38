//! Reads the resident memory of a process from `/proc`.
//!
//! Only the process itself is counted, not its children. On systems without `/proc`, memory is unknown and
//! the limit is not enforced.

use std::time::Duration;

/// The time between two checks of a process. It is real time, because memory is used in real time.
const INTERVAL: Duration = Duration::from_millis(50);

/// The peak resident size of a process so far, in kilobytes (`VmHWM`).
pub(super) async fn peak_kb(pid: u32) -> Option<u64> {
    let status = tokio::fs::read_to_string(format!("/proc/{pid}/status")).await.ok()?;
    field(&status, "VmHWM:")
}

/// Waits until the peak is above `limit_mb`, and returns it in kilobytes. Never returns if the peak is
/// unknown.
pub(super) async fn exceeded(pid: u32, limit_mb: u32) -> u64 {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        match peak_kb(pid).await {
            Some(peak) if peak > u64::from(limit_mb) * 1024 => return peak,
            Some(_) => {}
            None => return std::future::pending().await,
        }
    }
}

/// Converts kilobytes to megabytes, rounded up as Lambda reports them.
pub(super) fn megabytes(kb: u64) -> u64 {
    kb.div_ceil(1024)
}

fn field(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: &str, expected: Option<u64>) {
        assert_eq!(field(status, "VmHWM:"), expected, "{status:?}");
    }

    #[test]
    fn the_peak_is_read_in_kilobytes() {
        check("Name:\tsink\nVmHWM:\t    9400 kB\nVmRSS:\t 100 kB\n", Some(9_400));
        check("Name:\tsink\nVmRSS:\t 100 kB\n", None);
        check("VmHWM:\t many kB\n", None);
        check("", None);
    }

    #[test]
    fn megabytes_are_rounded_up() {
        assert_eq!((megabytes(0), megabytes(1), megabytes(1024), megabytes(1025)), (0, 1, 1, 2));
    }
}
