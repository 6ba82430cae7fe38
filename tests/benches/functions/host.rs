//! A Runtime API of the benchmark's own: one function process, and nothing that it could wait for.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::{get, post};
use emulation::clock::Clock;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// No invocation takes longer.
const DEADLINE_MS: u64 = 120_000;

/// A function that waits for its next invocation; killed when dropped.
pub(crate) struct Host {
    child: Child,
    work: mpsc::Sender<Bytes>,
    answers: mpsc::Receiver<Bytes>,
    server: AbortHandle,
    /// From its spawn to its first request for work.
    pub(crate) start: Duration,
}

struct Desk {
    work: Mutex<mpsc::Receiver<Bytes>>,
    answers: mpsc::Sender<Bytes>,
    first: StdMutex<Option<oneshot::Sender<Instant>>>,
}

impl Host {
    pub(crate) async fn start(binary: &Path, variables: &BTreeMap<String, String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (work, taken) = mpsc::channel(1);
        let (answered, answers) = mpsc::channel(1);
        let (first, asked) = oneshot::channel();
        let first = StdMutex::new(Some(first));
        let desk = Arc::new(Desk { work: Mutex::new(taken), answers: answered, first });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(answer))
            .with_state(desk);
        let served = axum::serve(listener, router);
        let server = tokio::spawn(async move { served.await.unwrap() }).abort_handle();
        let mut command = Command::new(binary);
        command.env_clear().envs(variables).env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let spawned = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{}: {e}", binary.display()));
        // Its log lines go to a pipe, as on Lambda, and nobody looks at them.
        let mut output = child.stdout.take().unwrap();
        tokio::spawn(async move { tokio::io::copy(&mut output, &mut tokio::io::sink()).await });
        let asked = tokio::select! {
            asked = asked => asked.unwrap(),
            status = child.wait() => panic!("{} ended: {status:?}", binary.display()),
        };
        Self { child, work, answers, server, start: asked - spawned }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Its answer to one event; null for an error.
    pub(crate) async fn invoke(&mut self, event: Bytes) -> Value {
        self.work.send(event).await.unwrap();
        tokio::select! {
            answer = self.answers.recv() => serde_json::from_slice(&answer.unwrap()).unwrap(),
            status = self.child.wait() => panic!("ended in an invocation: {status:?}"),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(desk): State<Arc<Desk>>) -> Result<(HeaderMap, Bytes), StatusCode> {
    if let Some(first) = desk.first.lock().unwrap().take() {
        first.send(Instant::now()).unwrap();
    }
    let event = desk.work.lock().await.recv().await.ok_or(StatusCode::GONE)?;
    let deadline = (Clock::system().now_ms() + DEADLINE_MS).to_string();
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", &deadline),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:1:function:measured"),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0"),
    ];
    let headers = headers.into_iter().map(|(name, value)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    });
    Ok((headers.collect(), event))
}

async fn answer(State(desk): State<Arc<Desk>>, uri: axum::http::Uri, body: Bytes) -> StatusCode {
    let is_response = uri.path().ends_with("/response");
    let answer = if is_response { body } else { Bytes::from_static(b"null") };
    desk.answers.send(answer).await.unwrap();
    StatusCode::ACCEPTED
}
