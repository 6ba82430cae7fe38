//! What the kernel says of CPU and memory: <https://man7.org/linux/man-pages/man5/proc.5.html>.

use std::fs;
use std::time::Duration;

use crate::client::THREAD;

/// Of a clock tick, in which a process's times are told: `USER_HZ` is 100 wherever Linux runs.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of a process so far, user and system, threads that have ended included.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Its name is in brackets and may hold anything; after it come the fields from the third on.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |field: usize| fields[field - 3].parse::<u32>().unwrap();
    TICK * (ticks(14) + ticks(15))
}

/// CPU time of this process so far, without its clients'.
pub(crate) fn own_cpu() -> Duration {
    cpu(std::process::id()).saturating_sub(clients_cpu())
}

fn clients_cpu() -> Duration {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let mut paths = threads.map(|thread| thread.unwrap().path());
    // A thread that has just ended has no files any more.
    let name =
        |path: &std::path::PathBuf| fs::read_to_string(path.join("comm")).unwrap_or_default();
    let clients = paths.find(|path| name(path).trim() == THREAD).unwrap();
    let text = fs::read_to_string(clients.join("schedstat")).unwrap();
    // "Time spent on the CPU", in nanoseconds: the first of three numbers.
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Resident memory of this process, in bytes.
pub(crate) fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
