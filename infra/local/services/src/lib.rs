#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod answer;
mod calls;
mod upstream;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub use self::calls::SecondCalls;

use self::calls::Calls;
use self::upstream::Forward;
use clock::Clock;
use faults::{Adversary, HostFault};

/// A service that functions call over HTTP.
#[derive(Clone, Debug)]
pub struct Service {
    /// The name in fault plans and in [`Services::url`].
    pub name: String,
    /// The port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// What answers its requests.
    pub upstream: Upstream,
}

/// What answers the requests of a service.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// A router within the emulation.
    Router(Router),
    /// The server at this `http://host:port`. Requests keep their path.
    Url(String),
}

/// A service that has its address and does not answer yet.
pub struct Listening {
    service: Service,
    listener: TcpListener,
    url: String,
}

/// All services that are running. Clones share them.
#[derive(Clone, Default)]
pub struct Services {
    by_name: Arc<BTreeMap<String, Arc<Running>>>,
}

struct Running {
    name: String,
    url: String,
    upstream: Answering,
    adversary: Adversary,
    clock: Clock,
    calls: Calls,
}

enum Answering {
    Router(Router),
    Forward(Box<Forward>),
}

/// Closes the connection instead of answering.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
struct Broken;

impl Listening {
    /// Binds the port of a service.
    ///
    /// # Errors
    /// If it cannot be bound.
    pub async fn start(service: Service) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", service.port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { service, listener, url })
    }

    /// The address, such as `http://127.0.0.1:45671`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Services {
    /// Lets services answer until `background` ends. If two have the same name, the later one
    /// counts.
    pub fn start(
        listening: Vec<Listening>,
        adversary: &Adversary,
        clock: &Clock,
        background: &mut JoinSet<()>,
    ) -> Self {
        let mut by_name = BTreeMap::new();
        for Listening { service, listener, url } in listening {
            let running = Arc::new(Running {
                name: service.name.clone(),
                url,
                upstream: match service.upstream {
                    Upstream::Router(router) => Answering::Router(router),
                    Upstream::Url(url) => Answering::Forward(Box::new(Forward::to(&url))),
                },
                adversary: adversary.clone(),
                clock: clock.clone(),
                calls: Calls::default(),
            });
            background.spawn(serve(listener, Arc::clone(&running)));
            by_name.insert(service.name, running);
        }
        Self { by_name: Arc::new(by_name) }
    }

    /// The address at which functions reach a service, such as `http://127.0.0.1:45671`. `None`
    /// if there is no service of this name.
    #[must_use]
    pub fn url(&self, name: &str) -> Option<&str> {
        self.by_name.get(name).map(|running| running.url.as_str())
    }

    /// The calls to a service in each second, in ascending order. Seconds without a call are not
    /// listed.
    #[must_use]
    pub fn calls(&self, name: &str) -> Vec<SecondCalls> {
        self.by_name.get(name).map(|running| running.calls.since(0)).unwrap_or_default()
    }

    /// All services with their calls from the second `since_s` on, as `/_sluicegate/services`
    /// answers them.
    pub fn to_json(&self, since_s: u64) -> Value {
        let mut services = Vec::new();
        for running in self.by_name.values() {
            let calls = running.calls.since(since_s);
            services.push(json!({ "name": running.name, "url": running.url, "calls": calls }));
        }
        json!({ "services": services })
    }
}

async fn serve(listener: TcpListener, running: Arc<Running>) {
    // All connections end when this task is dropped.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, Arc::clone(&running)));
            }
            Err(error) => {
                tracing::warn!(service = running.name, %error, "a connection was not accepted");
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, running: Arc<Running>) {
    // Without `TCP_NODELAY`, answers wait for acknowledgements. If it cannot be set, answers are
    // only slower.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let running = Arc::clone(&running);
        async move { running.answer(request.map(Body::new)).await }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await
    {
        tracing::debug!(%error, "a connection broke");
    }
}

impl Running {
    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, Broken> {
        let faults = self.adversary.host_faults(&self.name);
        self.calls.count(self.clock.now_ms() / 1_000, faults.fault.is_some());
        if !faults.delay.is_zero() {
            tokio::time::sleep(faults.delay).await;
        }
        match faults.fault {
            Some(HostFault::Away) => Err(Broken),
            Some(HostFault::Failing { status, retry_after_s }) => {
                Ok(answer::failing(status, retry_after_s))
            }
            Some(HostFault::Nonsense(kind)) => {
                Ok(answer::nonsense(kind, self.upstream.call(request).await).await)
            }
            None => Ok(self.upstream.call(request).await),
        }
    }
}

impl Answering {
    async fn call(&self, request: Request<Body>) -> Response<Body> {
        match self {
            Self::Router(router) => upstream::call_router(router, request).await,
            Self::Forward(forward) => forward.send(request).await,
        }
    }
}

#[cfg(test)]
mod tests;
