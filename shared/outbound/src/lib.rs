#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

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

/// An HTTP request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, such as `POST`.
    pub method: Method,
    /// The absolute URL, percent-encoded.
    pub url: String,
    /// The headers. `host` and `content-length` are added when the request is sent.
    pub headers: HeaderMap,
    /// The body; empty if there is none.
    pub body: Bytes,
}

/// The answer to a request, with any status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// How long the service asks to be left alone, by its header `Retry-After`; `None` without that header.
    pub retry_after: Option<Duration>,
    /// The decoded body, or why it cannot be read.
    pub body: Result<Bytes, BodyError>,
}

/// Why a body cannot be read. The status, which came before it, is valid all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body is longer than the limit, as it was sent or after it was decoded.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection ended before the body.
    #[error("the answer broke off")]
    BrokenOff,
    /// The body did not end within the request's time limit.
    #[error("the answer did not end within {limit_ms} ms")]
    TimedOut {
        /// The limit for the whole answer.
        limit_ms: u128,
    },
    /// The body is malformed gzip, or has a content coding that the request did not accept.
    #[error("the answer cannot be decoded as {coding}; it may be as it is, or gzip")]
    Coding {
        /// The content codings, as the answer names them, in lowercase and at most 64 characters.
        coding: String,
    },
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nothing was sent: the URL is malformed.
    #[error("the URL is not one that can be asked")]
    Url,
    /// Nothing was sent: the URL's host is an address of this machine, its link or its metadata, or resolves to one.
    #[error("{address} is an address to which no request may go")]
    Forbidden {
        /// The address that the connection would have been made to.
        address: IpAddr,
    },
    /// Nothing was sent: the URL needs TLS, and the system has no root certificates.
    #[error("no root certificates: {problem}")]
    Certificates {
        /// The cause.
        problem: String,
    },
    /// Nothing was sent: there is no connection.
    #[error("no connection")]
    Connection,
    /// The connection broke off. The request may have arrived.
    #[error("the connection broke off")]
    BrokenOff,
    /// There was no status in time. The request may have arrived.
    #[error("no answer within {limit_ms} ms")]
    TimedOut {
        /// The limit for the whole answer.
        limit_ms: u128,
    },
}

/// The port to services that are not AWS's.
pub trait HttpClient: Send + Sync {
    /// Sends a request, and waits up to `limit` for the whole answer. An answer with any status is `Ok`.
    fn ask(
        &self,
        request: Request,
        limit: Duration,
    ) -> impl Future<Output = Result<Answer, RequestError>> + Send;
}

impl Answer {
    /// The failure of an answer whose status says nothing about the event: the service is unavailable (408, 425, 5xx)
    /// or overloaded (429, 503 with `Retry-After`); `None` for any other status. `who` is the caller as failures name
    /// it.
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
