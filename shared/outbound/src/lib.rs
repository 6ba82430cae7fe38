#![doc = include_str!("../README.md")]

mod body;
mod client;
mod connect;
mod dependency;
mod headers;
mod reach;
mod retry_after;
mod secrets;

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use event::{Code, Failure, FailureKind};
use http::{HeaderMap, Method};

pub use client::{Client, Response};
pub use dependency::{
    BreakerParts, Call, DependencyClient, DependencySignal, JudgedAnswer, Message, NotSent, Pause,
    RetryState, TokioPause,
};
pub use headers::{FilledHeaders, HeaderError, HeaderTemplates, Unbound};
pub use reach::Reach;
pub use secrets::{SecretStore, SecretText, Secrets};

#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub url: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// How long the service asks to be left alone.
    pub retry_after: Option<Duration>,
    pub body: Result<Bytes, BodyError>,
}

/// A body cannot be read. The status that came before it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the answer is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("the answer broke off")]
    BrokenOff,
    #[error("the answer did not end within {limit_ms} ms")]
    TimedOut { limit_ms: u128 },
    #[error("the answer cannot be decoded as {coding}; it may be as it is, or gzip")]
    Coding { coding: String },
}

/// There is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("the URL is not one that can be asked")]
    Url,
    /// Nothing was sent: the URL's host is this machine, its link or its metadata.
    #[error("{address} is an address to which no request may go")]
    Forbidden { address: IpAddr },
    /// Nothing was sent.
    #[error("no connection")]
    Connection,
    /// It may have arrived.
    #[error("the connection broke off")]
    BrokenOff,
    /// It may have arrived.
    #[error("no answer within {limit_ms} ms")]
    TimedOut { limit_ms: u128 },
}

/// The port to such services.
pub trait HttpClient: Send + Sync {
    /// Sends a request, and waits no longer than this for the whole of its answer.
    fn ask(
        &self,
        request: Request,
        limit: Duration,
    ) -> impl Future<Output = Result<Answer, RequestError>> + Send;
}

impl Answer {
    /// What an answer means that says nothing of the event: the service is away, or busy. `who` is the
    /// service, as a person knows it.
    #[must_use]
    pub fn outage(&self, who: &str) -> Option<Failure> {
        let reason = format!("{who}: HTTP {}", self.status);
        match self.status {
            429 => Some(Failure::throttled(self.retry_after, reason)),
            503 if self.retry_after.is_some() => {
                let kind = FailureKind::Throttled { retry_after: self.retry_after };
                let failure = Failure::transient(Code::DependencyUnavailable, reason);
                Some(Failure { kind, ..failure })
            }
            408 | 425 | 500.. => Some(Failure::transient(Code::DependencyUnavailable, reason)),
            _ => None,
        }
    }
}
