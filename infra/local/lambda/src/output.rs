//! Reads the output of a process and logs it line by line.

use std::io;
use std::sync::Arc;

use tokio::net::unix::pipe;
use tokio::sync::watch;

use super::logs::{EnvironmentLogs, LineSplitter};

/// The maximum number of reads in one turn. It is enough to empty a full pipe, and it is bounded in case
/// the process keeps writing.
const READS_A_TURN: usize = 64;
const READ_SIZE: usize = 8 * 1024;

/// The output of one process, with both streams in the order of writing.
///
/// A drain is requested by a counter instead of a message. A message that is sent while the receiver is
/// being dropped may never be read, and its sender would wait for an answer forever
/// (<https://github.com/tokio-rs/tokio/issues/7714>).
#[derive(Debug)]
pub(super) struct Output {
    asked: watch::Sender<u64>,
    drained: watch::Receiver<u64>,
}

impl Output {
    /// Forwards everything from `pipe` to `logs` until the pipe ends.
    pub(super) fn forward(pipe: pipe::Receiver, logs: Arc<EnvironmentLogs>) -> Self {
        let (asked, asks) = watch::channel(0);
        let (drains, drained) = watch::channel(0);
        tokio::spawn(forward(pipe, logs, asks, drains));
        Self { asked, drained }
    }

    /// Waits until everything that was written so far has been logged.
    pub(super) async fn drain(&self) {
        let mut number = 0;
        self.asked.send_modify(|asked| {
            *asked += 1;
            number = *asked;
        });
        // An error means that the output has ended, and all of it has been logged.
        let _ = self.drained.clone().wait_for(|drained| *drained >= number).await;
    }
}

async fn forward(
    pipe: pipe::Receiver,
    logs: Arc<EnvironmentLogs>,
    mut asks: watch::Receiver<u64>,
    drains: watch::Sender<u64>,
) {
    let mut lines = LineSplitter::default();
    let mut open = true;
    let mut more = true;
    while more {
        tokio::select! {
            biased;
            asked = asks.changed(), if open => {
                open = asked.is_ok();
                let number = *asks.borrow_and_update();
                // This asks the system directly, because tokio may not have noticed the last write yet.
                more = read_available(
                    |buffer| Ok(nix::unistd::read(&pipe, buffer)?),
                    &mut lines,
                    &logs,
                );
                if more {
                    drains.send_replace(number);
                }
            }
            ready = pipe.readable() => {
                more = ready.is_ok()
                    && read_available(|buffer| pipe.try_read(buffer), &mut lines, &logs);
            }
        }
    }
    lines.finish(&mut |line| logs.function_line(line));
}

/// Logs what is in the pipe. Returns false at its end.
fn read_available(
    read: impl Fn(&mut [u8]) -> io::Result<usize>,
    lines: &mut LineSplitter,
    logs: &EnvironmentLogs,
) -> bool {
    let mut buffer = [0; READ_SIZE];
    for _ in 0..READS_A_TURN {
        match read(&mut buffer) {
            Ok(0) => return false,
            Ok(read) => lines.push(&buffer[..read], &mut |line| logs.function_line(line)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::OwnedFd;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::super::logs::LogLine;
    use super::*;

    /// Far beyond what a drain takes.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Whoever drains the output of a process that has just been killed does so while it ends.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_drain_ends_with_the_output_whenever_that_is() {
        for round in 0..20_000 {
            let lines = Arc::new(Mutex::new(Vec::new()));
            let sink = {
                let lines = lines.clone();
                move |line: &LogLine<'_>| lines.lock().unwrap().push(line.text.to_owned())
            };
            let logs = EnvironmentLogs::new("f".to_owned(), "s".to_owned(), Arc::new(sink));
            let (reader, mut writer) = io::pipe().unwrap();
            let pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).unwrap();
            let output = Output::forward(pipe, Arc::new(logs));
            let ending = tokio::spawn(async move {
                writer.write_all(b"written\n").unwrap();
            });
            ending.await.unwrap();
            let drained = tokio::time::timeout(PATIENCE, output.drain()).await;
            assert!(drained.is_ok(), "round {round}");
            let lines = lines.lock().unwrap();
            assert_eq!(*lines, ["written"], "round {round}");
        }
    }
}
