//! Functions as processes, from the first invocation to the shutdown.
//!
//! Time stands still unless a test advances it: what is waited for happens, or the test hangs.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod api;
mod environments;
#[path = "../probe/mod.rs"]
mod probe;
mod reload;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use clock::Clock;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use sluicegate_local_lambda::{Config, Invocation, InvokeError, Lambda, LogLine, Origin};
use template::{Function, RecursiveLoop};

use self::probe::binaries;

const START_MS: u64 = 1_584_000_000_000;
const ENDPOINT: &str = "http://127.0.0.1:4566";

type Lines = Arc<Mutex<Vec<(Option<String>, Origin, String)>>>;

struct World {
    clock: Clock,
    lambda: Lambda,
    lines: Lines,
}

impl World {
    fn new(configure: impl FnOnce(&mut Config)) -> Self {
        let clock = Clock::manual(START_MS);
        let mut config = Config::new("eu-west-1", ENDPOINT, binaries());
        configure(&mut config);
        let lines = Lines::default();
        let sink = {
            let lines = lines.clone();
            move |line: &LogLine<'_>| {
                let id = line.request_id.map(ToOwned::to_owned);
                lines.lock().unwrap().push((id, line.origin, line.text.to_owned()));
            }
        };
        let lambda = Lambda::new(clock.clone(), config, Arc::new(sink));
        Self { clock, lambda, lines }
    }

    /// A world with the function `probe`.
    fn with_probe(change: impl FnOnce(&mut Function)) -> Self {
        let world = Self::new(|_| {});
        world.lambda.add(probe(change)).unwrap();
        world
    }

    async fn invoke(&self, payload: Value) -> Result<Invocation, InvokeError> {
        self.lambda.invoke("probe", Bytes::from(payload.to_string())).await
    }

    /// Starts an invocation and returns when the function has it.
    async fn begin(
        &self,
        payload: Value,
    ) -> tokio::task::JoinHandle<Result<Invocation, InvokeError>> {
        let (started, start) = tokio::sync::oneshot::channel();
        let started = Mutex::new(Some(started));
        self.lambda.on_invocation_start(move |_| {
            if let Some(started) = started.lock().unwrap().take() {
                started.send(()).unwrap();
            }
        });
        let lambda = self.lambda.clone();
        let invoking =
            tokio::spawn(
                async move { lambda.invoke("probe", Bytes::from(payload.to_string())).await },
            );
        start.await.unwrap();
        invoking
    }

    async fn http(&self, request: Request<Body>) -> (StatusCode, http::HeaderMap, Bytes) {
        let (parts, body) = self.lambda.handle(request).await.into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes())
    }

    fn pids(&self) -> Vec<u32> {
        self.lambda.environments("probe").iter().map(|environment| environment.pid).collect()
    }

    fn lines(&self, origin: Origin) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|line| line.1 == origin).map(|line| line.2.clone()).collect()
    }
}

fn probe(change: impl FnOnce(&mut Function)) -> Function {
    let mut function = Function {
        logical_id: "Probe".to_owned(),
        name: "probe".to_owned(),
        arn: "arn:aws:lambda:eu-west-1:123456789012:function:probe".to_owned(),
        role: "arn:aws:iam::123456789012:role/probe".to_owned(),
        log_group: None,
        binary: "probe".to_owned(),
        timeout: Duration::from_secs(30),
        memory_mb: 512,
        environment: BTreeMap::new(),
        layers: Vec::new(),
        reserved_concurrency: None,
        url: Some(template::UrlAuth::None),
        recursive_loop: RecursiveLoop::Terminate,
    };
    change(&mut function);
    function
}

fn document(invocation: &Invocation) -> Value {
    serde_json::from_slice(&invocation.payload).unwrap()
}

fn post(path: &str) -> http::request::Builder {
    Request::builder().method("POST").uri(path)
}

/// What the system says of a process: `None` when there is none.
fn process_state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    let limit = Duration::from_secs(60);
    assert!(tokio::time::timeout(limit, waiting).await.is_ok(), "never: {what}");
}
