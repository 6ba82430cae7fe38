//! The log lines of functions, and those that the platform adds (START, END, REPORT).
//!
//! Both outputs of a process are logged in the order in which they were written, as Lambda does. A
//! [`LogSink`] receives the lines.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::lock;

/// The maximum length of a line, in bytes. Longer lines are split. This is CloudWatch's limit for an event:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
const LINE_LIMIT: usize = 256 * 1024;
/// The maximum size of `X-Amz-Log-Result`, in bytes before base64:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
const TAIL_LIMIT: usize = 4 * 1024;
const RECENT_LINES: usize = 20;
const RECENT_LINE_LIMIT: usize = 1_000;

/// The writer of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The function's process.
    Function,
    /// Lambda itself.
    Platform,
}

/// One line, without its line break.
#[derive(Clone, Copy, Debug)]
pub struct LogLine<'a> {
    /// The name of the function.
    pub function: &'a str,
    /// The log stream of the environment.
    pub stream: &'a str,
    /// The invocation during which the line was written; `None` while the function starts.
    pub request_id: Option<&'a str>,
    /// Who wrote the line.
    pub origin: Origin,
    /// The line.
    pub text: &'a str,
}

/// Receives the log lines of all functions. The calls for one environment are in order and never
/// concurrent. They should return quickly, because the function is blocked while its output is.
pub trait LogSink: Send + Sync + 'static {
    /// Receives one line.
    fn line(&self, line: &LogLine<'_>);
}

impl<F: Fn(&LogLine<'_>) + Send + Sync + 'static> LogSink for F {
    fn line(&self, line: &LogLine<'_>) {
        self(line);
    }
}

/// The log stream of one environment.
pub(super) struct EnvironmentLogs {
    function: String,
    stream: String,
    sink: Arc<dyn LogSink>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    request_id: Option<String>,
    tail: String,
    recent: VecDeque<String>,
}

impl EnvironmentLogs {
    pub(super) fn new(function: String, stream: String, sink: Arc<dyn LogSink>) -> Self {
        Self { function, stream, sink, state: Mutex::default() }
    }

    /// Begins an invocation. The lines that follow belong to it.
    pub(super) fn begin(&self, request_id: &str) {
        let mut state = lock(&self.state);
        state.request_id = Some(request_id.to_owned());
        state.tail.clear();
    }

    /// Ends the invocation and returns the last 4 KB of its lines.
    pub(super) fn end(&self) -> String {
        let mut state = lock(&self.state);
        state.request_id = None;
        std::mem::take(&mut state.tail)
    }

    pub(super) fn function_line(&self, text: &str) {
        self.line(Origin::Function, text);
    }

    pub(super) fn platform_line(&self, text: &str) {
        self.line(Origin::Platform, text);
    }

    /// The last lines that the function wrote, each shortened to a readable length.
    pub(super) fn recent(&self) -> Vec<String> {
        lock(&self.state).recent.iter().cloned().collect()
    }

    fn line(&self, origin: Origin, text: &str) {
        let mut state = lock(&self.state);
        if origin == Origin::Function {
            if state.recent.len() == RECENT_LINES {
                state.recent.pop_front();
            }
            state.recent.push_back(text.chars().take(RECENT_LINE_LIMIT).collect());
        }
        if state.request_id.is_some() {
            state.tail.push_str(text);
            state.tail.push('\n');
            keep_last(&mut state.tail, TAIL_LIMIT);
        }
        self.sink.line(&LogLine {
            function: &self.function,
            stream: &self.stream,
            request_id: state.request_id.as_deref(),
            origin,
            text,
        });
    }
}

/// Splits bytes into lines. It buffers at most one line.
#[derive(Default)]
pub(super) struct LineSplitter {
    held: Vec<u8>,
}

impl LineSplitter {
    pub(super) fn push(&mut self, mut bytes: &[u8], emit: &mut impl FnMut(&str)) {
        while !bytes.is_empty() {
            let room = LINE_LIMIT - self.held.len();
            let window = &bytes[..bytes.len().min(room)];
            if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
                self.held.extend_from_slice(&window[..end]);
                bytes = &bytes[end + 1..];
                self.flush_held(emit);
            } else {
                self.held.extend_from_slice(window);
                bytes = &bytes[window.len()..];
                if self.held.len() == LINE_LIMIT {
                    self.flush_held(emit);
                }
            }
        }
    }

    /// Emits the last line if it has no line break.
    pub(super) fn finish(&mut self, emit: &mut impl FnMut(&str)) {
        if !self.held.is_empty() {
            self.flush_held(emit);
        }
    }

    fn flush_held(&mut self, emit: &mut impl FnMut(&str)) {
        let line = String::from_utf8_lossy(&self.held);
        emit(line.strip_suffix('\r').unwrap_or(&line));
        self.held.clear();
    }
}

fn keep_last(text: &mut String, limit: usize) {
    if text.len() > limit {
        let mut from = text.len() - limit;
        while !text.is_char_boundary(from) {
            from += 1;
        }
        text.drain(..from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_split(chunks: &[&[u8]], expected: &[&str]) {
        let mut lines = Vec::new();
        let mut splitter = LineSplitter::default();
        for chunk in chunks {
            splitter.push(chunk, &mut |line| lines.push(line.to_owned()));
        }
        splitter.finish(&mut |line| lines.push(line.to_owned()));
        assert_eq!(lines, expected);
    }

    #[test]
    fn output_is_cut_at_line_breaks_wherever_the_chunks_end() {
        check_split(&[b"one\ntwo\n"], &["one", "two"]);
        check_split(&[b"on", b"e\r\nt", b"wo"], &["one", "two"]);
        check_split(&[b"\n\n"], &["", ""]);
        check_split(&[b"\xff\n"], &["\u{fffd}"]);
        check_split(&[], &[]);
    }

    #[test]
    fn a_line_without_end_is_split_and_nothing_of_it_is_lost() {
        let mut lengths = Vec::new();
        let mut splitter = LineSplitter::default();
        for _ in 0..65 {
            splitter.push(&[b'x'; 8 * 1024], &mut |line| lengths.push(line.len()));
            assert!(splitter.held.len() < LINE_LIMIT);
        }
        splitter.finish(&mut |line| lengths.push(line.len()));
        assert_eq!(lengths, [LINE_LIMIT, LINE_LIMIT, 8 * 1024]);
    }

    #[test]
    fn the_tail_holds_the_last_four_kilobytes_of_one_invocation() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = {
            let seen = seen.clone();
            move |line: &LogLine<'_>| {
                let id = line.request_id.map(ToOwned::to_owned);
                seen.lock().unwrap().push((id, line.origin, line.text.to_owned()));
            }
        };
        let logs = EnvironmentLogs::new("f".to_owned(), "s".to_owned(), Arc::new(sink));
        logs.function_line("starting");
        logs.begin("a");
        logs.function_line(&"é".repeat(3_000));
        logs.platform_line("END");
        let tail = logs.end();
        assert!(tail.len() <= TAIL_LIMIT && tail.len() > TAIL_LIMIT - 4);
        assert!(tail.ends_with("é\nEND\n"));
        logs.begin("b");
        assert_eq!(logs.end(), "", "another invocation starts with an empty tail");

        assert_eq!(logs.recent().len(), 2, "only what the function wrote itself");
        let seen = seen.lock().unwrap();
        assert_eq!(seen[0], (None, Origin::Function, "starting".to_owned()));
        assert_eq!(seen[2], (Some("a".to_owned()), Origin::Platform, "END".to_owned()));
    }
}
