//! Asks a service over HTTP about one event.

use std::time::Duration;

use breaker::{Host, Store};
use bytes::Bytes;
use contracts::{AskMethod, CallFailure, Enricher, HttpEnricher};
use event::{Failure, FailureKind};
use http::{HeaderMap, HeaderValue, Method, header};
use outbound::{
    Answer, DependencyClient, DependencySignal, HeaderTemplates, HttpClient, JudgedAnswer, Message,
    Pause, Request, RequestError, SecretStore,
};

use crate::answer::{document, failure};
use crate::cache::Known;
use crate::question::{NoAnswer, Question, wait_for_next_attempt};

/// A service, with the template of its requests.
pub(crate) struct HttpSource {
    pub(crate) http: HttpEnricher,
    pub(crate) headers: HeaderTemplates,
}

impl HttpSource {
    /// The request about one event; `None` where the event lacks what its URL or a header needs.
    pub(crate) fn request(&self, question: &Question<'_>) -> Option<Request> {
        let url = self.http.url.render(question.payload).ok()?;
        let json = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::from_iter([(header::ACCEPT, json.clone())]);
        let (method, body) = match self.http.method {
            AskMethod::Get => (Method::GET, Bytes::new()),
            AskMethod::Post => {
                headers.insert(header::CONTENT_TYPE, json);
                (Method::POST, Bytes::from(question.text.to_owned()))
            }
        };
        self.headers.add_of_event(question.payload, &mut headers).ok()?;
        Some(Request { method, url, headers, body })
    }

    /// The service's answer, after as many attempts as the dependency's settings allow.
    pub(crate) async fn answer<A, K, B, W>(
        &self,
        client: &DependencyClient<A, K, B, W>,
        enricher: &Enricher,
        request: &Request,
        question: &Question<'_>,
    ) -> Result<Known, NoAnswer>
    where
        A: HttpClient,
        K: SecretStore,
        B: Store,
        W: Host + Pause + Clone,
    {
        let who = format!("enricher {}", enricher.name);
        let limit = Duration::from_millis(self.http.timeout_ms);
        let call = question.call(enricher, &who, limit);
        let message = Message { request, headers: &self.headers };
        let mut retrying = client.begin(&call);
        loop {
            let attempt = client.attempt_http(&call, message, |result| judge(result, enricher));
            match attempt.await.map_err(NoAnswer::NotSent)? {
                Ok(document) => return Ok(document),
                Err(failure) => {
                    wait_for_next_attempt(client, &call, &mut retrying, failure).await?;
                }
            }
        }
    }
}

/// The key of a request's answer in the cache. It has all parts of the request that depend on the event.
pub(crate) fn cache_key(request: &Request) -> String {
    let mut key = request.url.clone();
    for (name, value) in &request.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        key.push_str(&format!("\n{name}: {value}"));
    }
    key.push('\n');
    key.push_str(&String::from_utf8_lossy(&request.body));
    key
}

/// What an answer means for the event, and what it says about the service. A malformed answer counts as a failure of
/// the service.
fn judge(
    result: Result<Answer, RequestError>,
    enricher: &Enricher,
) -> JudgedAnswer<Result<Known, Failure>> {
    let mut signal = DependencySignal::of(&result);
    let value = match &result {
        Ok(answer) => document(answer, enricher),
        Err(error) => Err(failure(error, &enricher.name)),
    };
    if let (DependencySignal::Answered, Ok(answer)) = (signal, &result) {
        signal = match (&value, &answer.body) {
            (Ok(None), _) => DependencySignal::Absent,
            (Ok(Some(_)), _) => DependencySignal::Answered,
            // The service refused this event, which is an answer: the service works.
            (Err(failure), _) if failure.kind == FailureKind::Permanent => {
                DependencySignal::Answered
            }
            (Err(_), Err(error)) => DependencySignal::Failed(CallFailure::from(error)),
            (Err(_), Ok(_)) => DependencySignal::Failed(CallFailure::BadAnswer),
        };
    }
    JudgedAnswer { signal, value }
}
