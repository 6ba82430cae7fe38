//! One function process: starting, signalling and reaping it.
//!
//! Signals and reaping exclude each other, so that a signal never reaches another process that the
//! system gave the same id. Dropping the handle kills the process group. The Runtime API is served
//! elsewhere.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::lock;
use super::logs::EnvironmentLogs;
use super::output::Output;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Code(i32),
    Signal(i32),
    /// The system did not report how.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(0) => f.write_str("Runtime exited without providing a reason"),
            Self::Code(code) => write!(f, "Runtime exited with error: exit status {code}"),
            Self::Signal(9) => f.write_str("Runtime exited with error: signal: killed"),
            Self::Signal(signal) => match Signal::try_from(signal) {
                Ok(signal) => write!(f, "Runtime exited with error: signal: {signal}"),
                Err(_) => write!(f, "Runtime exited with error: signal: {signal}"),
            },
            Self::Unknown => f.write_str("Runtime exited with error: unknown status"),
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Unknown,
        }
    }
}

/// Counts the processes that have not been reaped.
#[derive(Clone, Debug)]
pub(super) struct ProcessCount {
    alive: watch::Sender<usize>,
}

impl ProcessCount {
    pub(super) fn new() -> Self {
        Self { alive: watch::Sender::new(0) }
    }

    /// Returns once every process has been reaped.
    pub(super) async fn wait_until_zero(&self) {
        // This cannot fail, because `self` holds the sender.
        let _ = self.alive.subscribe().wait_for(|alive| *alive == 0).await;
    }

    fn add(&self) -> CountedProcess {
        self.alive.send_modify(|alive| *alive += 1);
        CountedProcess(self.alive.clone())
    }
}

struct CountedProcess(watch::Sender<usize>);

impl Drop for CountedProcess {
    fn drop(&mut self) {
        self.0.send_modify(|alive| *alive -= 1);
    }
}

/// A running process; dropping it kills its whole process group.
#[derive(Debug)]
pub(super) struct Process {
    pid: u32,
    group: Arc<Group>,
    exit: watch::Receiver<Option<Exit>>,
    output: Output,
}

/// A process group whose leader may have been reaped.
#[derive(Debug)]
struct Group {
    leader: Pid,
    reaped: Mutex<bool>,
}

impl Group {
    fn signal(&self, signal: Signal) {
        let reaped = lock(&self.reaped);
        if !*reaped {
            // A failure means that the leader has just ended, and all others with it.
            let _ = killpg(self.leader, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.group.signal(Signal::SIGKILL);
    }
}

impl Process {
    /// Starts `command` in a process group of its own, with both outputs going to `logs`.
    pub(super) fn spawn(
        mut command: Command,
        logs: Arc<EnvironmentLogs>,
        processes: &ProcessCount,
    ) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::from(writer.try_clone()?))
            .stderr(Stdio::from(writer))
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn()?;
        // The command holds the writing end of the pipe. The output would not end while it is open.
        drop(command);
        let counted = processes.add();
        let pid = child.id().ok_or_else(|| io::Error::other("the process ended at once"))?;
        let leader = Pid::from_raw(i32::try_from(pid).map_err(io::Error::other)?);
        let group = Arc::new(Group { leader, reaped: Mutex::new(false) });
        let (ended, exit) = watch::channel(None);
        tokio::spawn(reap(child, group.clone(), ended, counted));
        Ok(Self { pid, group, exit, output: Output::forward(pipe, logs) })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn is_alive(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Signals the process group. After SIGKILL, the process does nothing more once this returns. A
    /// process that has ended is not signalled.
    pub(super) fn signal(&self, signal: Signal) {
        self.group.signal(signal);
    }

    /// Returns a function that kills the process group.
    pub(super) fn killer(&self) -> impl FnOnce() + Send + use<> {
        let group = Arc::clone(&self.group);
        move || group.signal(Signal::SIGKILL)
    }

    pub(super) async fn exited(&self) -> Exit {
        match self.exit.clone().wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::Unknown),
            Err(_) => Exit::Unknown,
        }
    }

    /// Returns once everything written so far has been logged.
    pub(super) async fn drain_output(&self) {
        self.output.drain().await;
    }
}

async fn reap(
    mut child: Child,
    group: Arc<Group>,
    ended: watch::Sender<Option<Exit>>,
    _counted: CountedProcess,
) {
    let mut waiting = std::pin::pin!(child.wait());
    let status = poll_fn(|context| {
        let mut reaped = lock(&group.reaped);
        let status = waiting.as_mut().poll(context);
        *reaped = status.is_ready();
        status
    });
    let status = status.await;
    ended.send_replace(Some(status.map_or(Exit::Unknown, Exit::from)));
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::super::logs::LogLine;
    use super::*;

    struct Shell {
        process: Process,
        processes: ProcessCount,
        lines: Arc<Mutex<Vec<String>>>,
        /// Gone when the output has ended.
        logs: Weak<EnvironmentLogs>,
    }

    fn shell(script: &str) -> Shell {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = {
            let lines = lines.clone();
            move |line: &LogLine<'_>| lines.lock().unwrap().push(line.text.to_owned())
        };
        let sink = Arc::new(sink);
        let logs = Arc::new(EnvironmentLogs::new("f".to_owned(), "s".to_owned(), sink));
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(script);
        let processes = ProcessCount::new();
        let process = Process::spawn(command, logs.clone(), &processes).unwrap();
        Shell { process, processes, lines, logs: Arc::downgrade(&logs) }
    }

    #[track_caller]
    fn check(exit: Exit, expected: &str) {
        assert_eq!(exit.to_string(), expected);
    }

    #[test]
    fn an_exit_is_told_in_lambdas_words() {
        check(Exit::Code(0), "Runtime exited without providing a reason");
        check(Exit::Code(101), "Runtime exited with error: exit status 101");
        check(Exit::Signal(9), "Runtime exited with error: signal: killed");
        check(Exit::Signal(11), "Runtime exited with error: signal: SIGSEGV");
    }

    #[tokio::test]
    async fn both_outputs_are_logged_in_the_order_of_writing() {
        let shell = shell("echo a; echo b >&2; echo c; echo d >&2; exit 3");
        assert_eq!(shell.process.exited().await, Exit::Code(3));
        shell.process.drain_output().await;
        assert_eq!(*shell.lines.lock().unwrap(), ["a", "b", "c", "d"]);
    }

    #[tokio::test]
    async fn a_dropped_process_takes_its_children_along() {
        let Shell { process, processes, lines, logs } = shell("sleep 1000 & echo started; wait");
        while lines.lock().unwrap().is_empty() {
            process.drain_output().await;
            tokio::task::yield_now().await;
        }
        drop(process);
        processes.wait_until_zero().await;
        // The child holds the output open as long as it lives.
        let ended = async {
            while logs.strong_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        let ended = tokio::time::timeout(std::time::Duration::from_secs(60), ended).await;
        assert!(ended.is_ok(), "the child is still alive");
    }
}
