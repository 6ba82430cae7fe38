//! A process's resident memory, from `/proc`.
//!
//! Only the process itself is counted, not children it may start. Where there is no `/proc`,
//! nothing is known and nothing is enforced.

use std::time::Duration;

/// How often a running process is looked at: real time, since real memory is looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// The largest resident size that a process has had so far, in kilobytes (`VmHWM`).
pub(super) async fn peak_kb(pid: u32) -> Option<u64> {
    let status = tokio::fs::read_to_string(format!("/proc/{pid}/status")).await.ok()?;
    field(&status, "VmHWM:")
}

/// Returns the peak, in kilobytes, once it is above `limit_mb`; never where it cannot be known.
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

/// Kilobytes to megabytes as Lambda reports them: rounded up.
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
