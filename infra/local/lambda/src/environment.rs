//! One execution environment: a process with its Runtime API, from its start to its end.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>. An environment runs
//! one invocation at a time. The pool decides which environment runs an invocation.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use nix::sys::signal::Signal;
use tokio::process::Command;
use tokio::sync::oneshot;

use super::logs::EnvironmentLogs;
use super::outcome::{InitFailure, Outcome, date};
use super::process::Process;
use super::report::Report;
use super::runtime_api::{NextInvocation, Phase, Reply, RuntimeApi};
use super::variables::{Instance, variables};
use super::{
    EnvironmentInfo, EnvironmentState, InvocationStart, Shared, binary_file, clock_offset, lock,
    memory,
};
use clock::Clock;
use faults::PlannedKill;
use template::Function;

/// An invocation to run.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) id: String,
    pub(super) payload: Bytes,
    pub(super) trace_id: String,
    /// The client context of the caller: JSON on one line.
    pub(super) client_context: Option<String>,
}

pub(super) struct Environment {
    number: u64,
    function: Arc<Function>,
    shared: Arc<Shared>,
    process: Process,
    api: RuntimeApi,
    logs: Arc<EnvironmentLogs>,
    token: String,
    /// How far its clock is wrong, on purpose.
    clock_skew_ms: i64,
    init_us: u64,
    invocations: AtomicU64,
    peak_kb: AtomicU64,
    current: Mutex<Option<String>>,
}

impl Environment {
    /// Starts the function's process and waits until it asks for an invocation.
    pub(super) async fn start(
        function: Arc<Function>,
        shared: Arc<Shared>,
        number: u64,
    ) -> Result<Self, InitFailure> {
        let clock = &shared.clock;
        let (started_ms, started_us) = (clock.now_ms(), clock.now_us());
        let stream = log_stream(started_ms);
        let sink = shared.sink.clone();
        let logs = Arc::new(EnvironmentLogs::new(function.name.clone(), stream.clone(), sink));
        let binary = shared.config.binary(&function);
        let start = EnvironmentStart { function: &function, binary: &binary, logs: &logs };

        let api = RuntimeApi::listen().await.map_err(|error| start.spawn_failure(&error))?;
        let task_root = binary.parent().unwrap_or(&shared.config.binaries);
        let adversary = shared.config.adversary.as_ref();
        let token = format!("environment-{}", uuid::Uuid::new_v4().simple());
        let clock_skew_ms =
            adversary.map_or(0, |adversary| adversary.clock_offset_ms(&function.name));
        let instance = Instance {
            port: api.port(),
            log_stream: &stream,
            token: &token,
            clock_offset_ms: clock_skew_ms.saturating_add_unsigned(clock.advanced_ms()),
            task_root,
        };
        let process = binary_file::retry_while_replaced(|| {
            let mut command = Command::new(&binary);
            command
                .env_clear()
                .envs(variables(&function, &shared.config, &instance))
                .current_dir(task_root);
            Process::spawn(command, logs.clone(), &shared.processes)
        })
        .await
        .map_err(|error| start.spawn_failure(&error))?;
        if adversary.is_some_and(|adversary| adversary.kill_at_start(&function.name)) {
            process.signal(Signal::SIGKILL);
        }

        let limit = shared.config.init_timeout;
        let deadline_ms = started_ms.saturating_add(millis(limit));
        let failed = tokio::select! {
            biased;
            phase = api.wait_until_ready() => match phase {
                Phase::InitFailed(document) => Some((
                    "Runtime.InitError", "it reported an init error".to_owned(), Some(document),
                )),
                Phase::Starting | Phase::Waiting | Phase::Running => None,
            },
            exit = process.exited() => Some((
                "Runtime.ExitError",
                format!("its process ended before it asked for an invocation: {exit}"),
                None,
            )),
            () = clock.sleep_until(deadline_ms) => Some((
                "Sandbox.Timedout",
                format!("it did not ask for an invocation within {:.2} seconds", limit.as_secs_f64()),
                None,
            )),
        };
        process.drain_output().await;
        if let Some((kind, what, reported)) = failed {
            let failure = InitFailure { reported, ..start.failure(kind, &what) };
            tracing::error!(function.name = function.name, "{failure}");
            return Err(failure);
        }
        let init_us = clock.now_us().saturating_sub(started_us);
        Ok(Self {
            number,
            shared: shared.clone(),
            function,
            process,
            api,
            logs,
            token,
            clock_skew_ms,
            init_us,
            invocations: AtomicU64::new(0),
            peak_kb: AtomicU64::new(0),
            current: Mutex::default(),
        })
    }

    /// Runs one invocation to its end, and returns the last 4 KB of its log.
    ///
    /// Afterwards either the environment [is usable](Self::is_usable), or its process has ended.
    pub(super) async fn run(&self, request: Request) -> (Outcome, String) {
        let clock = &self.shared.clock;
        let id = request.id.clone();
        if self.shared.config.freeze {
            self.process.signal(Signal::SIGCONT);
        }
        *lock(&self.current) = Some(id.clone());
        self.logs.begin(&id);
        self.logs.platform_line(&format!("START RequestId: {id} Version: $LATEST"));
        let (started_ms, started_us) = (clock.now_ms(), clock.now_us());
        let ordinal = self.invocations.fetch_add(1, Ordering::AcqRel) + 1;

        let ended = self.await_reply(request, ordinal, started_ms).await;
        let duration_us = clock.now_us().saturating_sub(started_us);
        self.process.drain_output().await;
        if let Some(text) = ended.log_line(&id) {
            text.lines().for_each(|line| self.logs.platform_line(line));
        }
        self.logs.platform_line(&format!("END RequestId: {id}"));
        let report = Report {
            request_id: &id,
            duration_us,
            init_us: (ordinal == 1).then_some(self.init_us),
            memory_mb: self.function.memory_mb,
            peak_mb: self.peak_mb(),
            ended: &ended,
        };
        self.logs.platform_line(&report.to_string());
        *lock(&self.current) = None;
        if self.shared.config.freeze && self.is_usable() {
            self.process.signal(Signal::SIGSTOP);
        }
        (ended, self.logs.end())
    }

    async fn await_reply(&self, request: Request, ordinal: u64, started_ms: u64) -> Outcome {
        let clock = &self.shared.clock;
        let limit = self.function.timeout;
        let deadline_ms = started_ms.saturating_add(millis(limit));
        let (reply, replied) = oneshot::channel();
        let planned_kill = self.plan_kill();
        // This is computed once, so that the deadline uses the same offset that the function receives.
        let clock_offset_ms = self.clock_offset_ms();
        let own_time_ms = Clock::system().now_ms().saturating_add_signed(clock_offset_ms);
        self.api
            .offer(NextInvocation {
                on_start: self.start_callback(&request.id, ordinal, planned_kill),
                request_id: request.id,
                deadline_ms: own_time_ms.saturating_add(millis(limit)),
                function_arn: self.function.arn.clone(),
                trace_id: request.trace_id,
                client_context: clock_offset::add_clock_offset(
                    request.client_context,
                    clock_offset_ms,
                ),
                payload: request.payload,
                reply,
            })
            .await;
        let mut ended = tokio::select! {
            biased;
            reply = replied => match reply {
                Ok(_) if planned_kill == Some(PlannedKill::OnResponse) => Outcome::Exited(self.kill().await),
                Ok(Reply::Response(payload)) => Outcome::Response(payload),
                Ok(Reply::Error(payload)) => Outcome::Error(payload),
                Err(_) => Outcome::Exited(self.kill().await),
            },
            exit = self.process.exited() => Outcome::Exited(exit),
            () = clock.sleep_until(deadline_ms) => {
                self.kill().await;
                Outcome::TimedOut { after: limit, at_ms: clock.now_ms() }
            }
            peak_kb = memory::exceeded(self.process.pid(), self.function.memory_mb) => {
                self.kill().await;
                self.out_of_memory(peak_kb)
            }
        };
        if let Some(adversary) = &self.shared.config.adversary {
            adversary.remove_call_limit(&self.token);
        }
        // An invocation ends when the function asks for the next one.
        if matches!(ended, Outcome::Response(_) | Outcome::Error(_)) {
            tokio::select! {
                biased;
                _ = self.api.wait_until_ready() => {}
                _ = self.process.exited() => {}
                () = clock.sleep_until(deadline_ms) => { self.kill().await; }
            }
            // This finds a peak that came between two of the regular checks.
            if let Some(peak_kb) = memory::peak_kb(self.process.pid()).await {
                self.peak_kb.fetch_max(peak_kb, Ordering::AcqRel);
                if peak_kb > u64::from(self.function.memory_mb) * 1024 {
                    self.kill().await;
                    ended = self.out_of_memory(peak_kb);
                }
            }
        }
        ended
    }

    /// Asks the adversary whether this invocation is killed, and when.
    fn plan_kill(&self) -> Option<PlannedKill> {
        let adversary = self.shared.config.adversary.as_ref()?;
        let planned_kill = adversary.plan_kill(&self.function.name);
        if let Some(PlannedKill::OnCall(calls)) = planned_kill {
            adversary.limit_calls(&self.token, calls);
        }
        planned_kill
    }

    /// How far the function's clock is currently ahead of the system's clock.
    fn clock_offset_ms(&self) -> i64 {
        self.clock_skew_ms.saturating_add_unsigned(self.shared.clock.advanced_ms())
    }

    fn start_callback(
        &self,
        id: &str,
        ordinal: u64,
        planned_kill: Option<PlannedKill>,
    ) -> Box<dyn FnOnce() + Send> {
        let hook = lock(&self.shared.hook).clone();
        let killer = (planned_kill == Some(PlannedKill::OnReceipt)).then(|| self.process.killer());
        let (function, id) = (self.function.name.clone(), id.to_owned());
        let pid = self.process.pid();
        Box::new(move || {
            if let Some(hook) = hook {
                hook(&InvocationStart { function: &function, request_id: &id, pid, ordinal });
            }
            if let Some(kill) = killer {
                kill();
            }
        })
    }

    fn out_of_memory(&self, peak_kb: u64) -> Outcome {
        self.peak_kb.fetch_max(peak_kb, Ordering::AcqRel);
        let limit_mb = self.function.memory_mb;
        Outcome::OutOfMemory { limit_mb, peak_mb: memory::megabytes(peak_kb) }
    }

    /// Kills the process group and waits until it has ended.
    pub(super) async fn kill(&self) -> super::process::Exit {
        self.process.signal(Signal::SIGKILL);
        self.process.exited().await
    }

    /// Kills the process group without waiting.
    pub(super) fn start_kill(&self) {
        self.process.signal(Signal::SIGKILL);
    }

    /// Whether it can take another invocation.
    pub(super) fn is_usable(&self) -> bool {
        self.process.is_alive() && self.api.phase() == Phase::Waiting
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The session token, which is part of the credentials that its calls are signed with.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(super) fn invocations(&self) -> u64 {
        self.invocations.load(Ordering::Acquire)
    }

    pub(super) fn peak_mb(&self) -> u64 {
        memory::megabytes(self.peak_kb.load(Ordering::Acquire))
    }

    pub(super) fn info(&self, state: EnvironmentState) -> EnvironmentInfo {
        EnvironmentInfo {
            pid: self.pid(),
            state,
            invocations: self.invocations(),
            peak_memory_mb: self.peak_mb(),
        }
    }

    /// The request id of the current invocation.
    pub(super) fn current_request_id(&self) -> Option<String> {
        lock(&self.current).clone()
    }
}

pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// `2026/11/23/[$LATEST]<32 hexadecimal digits>`
fn log_stream(now_ms: u64) -> String {
    let date = date(now_ms);
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    format!("{year:04}/{month:02}/{day:02}/[$LATEST]{}", uuid::Uuid::new_v4().simple())
}

/// Describes failures of an environment that is starting.
struct EnvironmentStart<'a> {
    function: &'a Function,
    binary: &'a Path,
    logs: &'a EnvironmentLogs,
}

impl EnvironmentStart<'_> {
    fn failure(&self, kind: &'static str, what: &str) -> InitFailure {
        InitFailure {
            kind,
            what: format!("{} did not start: {what}", self.function.name),
            binary: self.binary.display().to_string(),
            next: startup_hint(&self.logs.recent()),
            reported: None,
        }
    }

    fn spawn_failure(&self, error: &std::io::Error) -> InitFailure {
        let what = format!("its process cannot be started: {error}");
        self.failure("Runtime.InvalidEntrypoint", &what)
    }
}

fn startup_hint(recent: &[String]) -> String {
    if recent.is_empty() {
        return "it wrote nothing: run the binary by itself, or check that it is built".to_owned();
    }
    format!("its last output was:\n{}", recent.join("\n"))
}
