//! Answers a request, and writes one log line about it.

use aws_lambda_events::lambda_function_urls::{
    LambdaFunctionUrlRequest, LambdaFunctionUrlResponse,
};
use breaker::Store;
use breaker::polling::PollingStore;
use http::HeaderValue;
use http::header::{ALLOW, CONTENT_TYPE};
use runtime::{Audit, Clock};
use serde_json::Value;

use crate::breakers::Breakers;
use crate::letters::{self, RedriveFunction};
use crate::parked::Depths;
use crate::problem::{Problem, ProblemKind};
use crate::request::{Asked, Verb};

pub(crate) async fn answer<S: Store + PollingStore, A: Audit, D: Depths, C: Clock>(
    breakers: &Breakers<S, A, D, C>,
    redrive: &impl RedriveFunction,
    request: &LambdaFunctionUrlRequest,
) -> LambdaFunctionUrlResponse {
    let asked = match Asked::read(request, breakers.clock.now()) {
        Ok(asked) => asked,
        Err(problem) => {
            tracing::warn!(
                failure.code = problem.kind.code(),
                failure.reason = problem.detail,
                http.status = problem.kind.status(),
                "refused"
            );
            return refused(&problem);
        }
    };
    let (verb, breaker) = match &asked.verb {
        Verb::List => ("list", ""),
        Verb::Show { breaker } => ("show", breaker.as_str()),
        Verb::Act { breaker, act } => (act.kind.as_str(), breaker.as_str()),
        Verb::Letters { verb, .. } => (verb.as_str(), ""),
    };
    let operator = asked.operator.arn.as_str();
    let answered = match &asked.verb {
        Verb::List => breakers.list().await,
        Verb::Show { breaker } => breakers.show(breaker).await,
        Verb::Act { breaker, act } => breakers.act(&asked, breaker, act).await,
        Verb::Letters { verb, body } => letters::ask(redrive, &asked, verb, body).await,
    };
    match answered {
        Ok(body) => {
            tracing::info!(operator, verb, breaker, http.status = 200, "answered");
            response(200, "application/json", &body)
        }
        Err(problem) => {
            tracing::warn!(
                operator,
                verb,
                breaker,
                failure.code = problem.kind.code(),
                failure.reason = problem.detail,
                http.status = problem.kind.status(),
                "refused"
            );
            refused(&problem)
        }
    }
}

/// The response to a refused request. With 405, the header `Allow` says which method is accepted (RFC 9110,
/// section 15.5.6).
fn refused(problem: &Problem) -> LambdaFunctionUrlResponse {
    let kind = problem.kind;
    let mut response = response(kind.status(), "application/problem+json", &problem.body());
    if let ProblemKind::Method(expected) = kind {
        response.headers.insert(ALLOW, HeaderValue::from_static(expected));
    }
    response
}

fn response(status: u16, content_type: &'static str, body: &Value) -> LambdaFunctionUrlResponse {
    let mut response = LambdaFunctionUrlResponse::default();
    response.status_code = status.into();
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.body = Some(body.to_string());
    response
}
