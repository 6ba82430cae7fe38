//! Reads the verb and the operator from a request to the function's URL.
//!
//! | route | what it is for |
//! | --- | --- |
//! | `GET /v1/breakers` | shows all breakers |
//! | `GET /v1/breakers/{name}` | shows one breaker |
//! | `POST /v1/breakers/{name}/force-open`, `force-close`, `disable` | an act that lasts; body `{"why": …, "until": …}`, and in place of `until` also `"for_s": 3600` or `"indefinitely": true` |
//! | `POST /v1/breakers/{name}/reset`, `release` | an act that does not last; body `{"why": …}` |
//! | `POST /v1/dlq/{verb}` | a verb of redrive, with redrive's own body |
//!
//! The operator is the one that the authorizer of `AWS_IAM` names. The body is never believed in this.

use std::time::Duration;

use aws_lambda_events::lambda_function_urls::LambdaFunctionUrlRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::Timestamp;
use runtime::{Operator, check_reason};
use serde::Deserialize;
use serde_json::Value;

use crate::act::{Act, ActKind};
use crate::problem::{Problem, ProblemKind};

/// A request that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) operator: Operator,
    /// The id of the request to the function's URL, which its caller also gets in the response's header.
    pub(crate) request_id: String,
    pub(crate) verb: Verb,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    List,
    Show {
        breaker: String,
    },
    Act {
        breaker: String,
        act: Act,
    },
    /// A verb on dead letters. It is passed on to redrive, which alone knows what its verbs are.
    Letters {
        verb: String,
        body: Value,
    },
}

/// The body of an act.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    why: String,
    until: Option<String>,
    /// In place of `until`: seconds from now, by the function's clock.
    for_s: Option<u64>,
    /// In place of `until`: true if the act lasts until it is released.
    #[serde(default)]
    indefinitely: bool,
    /// Confirms the name of a breaker that is not known yet.
    #[serde(default)]
    new: bool,
}

/// The most bytes of an act's body. The longest reason fits in it, even if each of its characters is escaped.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// The most bytes of a body for redrive. A selection of letters by their ids fits in it, and so does a patch.
const MAX_LETTERS_BYTES: usize = 256 * 1024;

/// The most bytes of a body with events to reconcile. Lambda takes an input of 6 MB, and each quotation mark of the
/// body takes one more byte in it.
const MAX_EVENTS_BYTES: usize = 3 * 1024 * 1024;

/// The most characters of a breaker's name.
const MAX_NAME: usize = 64;

/// How far ahead an act may end. An act that is to last longer has to be given no end.
const MAX_TIME: Duration = Duration::from_secs(7 * 86_400);

const ROUTES: &str = "there are GET /v1/breakers, GET /v1/breakers/{name} and \
                      POST /v1/breakers/{name}/{force-open, force-close, disable, reset or release}, and \
                      POST /v1/dlq/{verb}";

impl Asked {
    /// Reads a request.
    ///
    /// # Errors
    /// The problem that tells the operator what is wrong with the request.
    pub(crate) fn read(
        request: &LambdaFunctionUrlRequest,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let operator = operator(request)?;
        let path = request.raw_path.as_deref().unwrap_or_default();
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let verb = match segments[..] {
            ["v1", "breakers"] => {
                method_is(request, "GET")?;
                Verb::List
            }
            ["v1", "breakers", breaker] => {
                let breaker = name(breaker)?;
                method_is(request, "GET")?;
                Verb::Show { breaker }
            }
            ["v1", "breakers", breaker, act] => {
                let breaker = name(breaker)?;
                let kind = ActKind::ALL.into_iter().find(|kind| kind.as_str() == act);
                let kind = kind.ok_or_else(|| Problem::new(ProblemKind::UnknownRoute, ROUTES))?;
                method_is(request, "POST")?;
                Verb::Act { breaker, act: read_act(kind, &body(request, MAX_BODY_BYTES)?, now)? }
            }
            ["v1", "dlq", verb] => {
                let verb = name(verb)?;
                method_is(request, "POST")?;
                let most_bytes = match verb.as_str() {
                    "reconcile" => MAX_EVENTS_BYTES,
                    _ => MAX_LETTERS_BYTES,
                };
                Verb::Letters { verb, body: read_object(&body(request, most_bytes)?)? }
            }
            _ => return Err(Problem::new(ProblemKind::UnknownRoute, ROUTES)),
        };
        let request_id = request.request_context.request_id.clone().unwrap_or_default();
        Ok(Self { operator, request_id, verb })
    }
}

/// The caller that Lambda has authorized:
/// <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>.
fn operator(request: &LambdaFunctionUrlRequest) -> Result<Operator, Problem> {
    let context = &request.request_context;
    let iam = context.authorizer.as_ref().and_then(|authorizer| authorizer.iam.as_ref());
    let arn = iam.and_then(|iam| iam.user_arn.clone()).filter(|arn| !arn.is_empty());
    let arn = arn.ok_or_else(|| {
        let detail = "the function's URL tells who asks, to requests that are signed with SigV4; \
                      nobody is known to have sent this one";
        Problem::new(ProblemKind::UnknownOperator, detail)
    })?;
    let http = &context.http;
    Ok(Operator {
        arn,
        source_ip: http.source_ip.clone().unwrap_or_default(),
        user_agent: http.user_agent.clone().unwrap_or_default(),
    })
}

fn method_is(request: &LambdaFunctionUrlRequest, expected: &'static str) -> Result<(), Problem> {
    if request.request_context.http.method.as_deref() == Some(expected) {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::Method(expected), format!("expected {expected}")))
}

/// A name in a path. It has the characters that contracts allow in names, none of which is encoded in a URL.
fn name(text: &str) -> Result<String, Problem> {
    if (1..=MAX_NAME).contains(&text.len()) && text.chars().all(is_allowed_in_name) {
        return Ok(text.to_owned());
    }
    let detail = format!(
        "a breaker's name has 1 to {MAX_NAME} letters, digits, hyphens, underscores and periods"
    );
    Err(malformed(detail))
}

fn is_allowed_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn body(request: &LambdaFunctionUrlRequest, most_bytes: usize) -> Result<Vec<u8>, Problem> {
    let text = request.body.as_deref().unwrap_or_default();
    let is_large = text.len() > most_bytes * 4 / 3 + 4;
    let bytes = match request.is_base64_encoded && !is_large {
        true => STANDARD.decode(text).map_err(|_| malformed("the body is not base64"))?,
        false => text.as_bytes().to_vec(),
    };
    if bytes.len() > most_bytes {
        let detail = format!("a body has at most {most_bytes} bytes");
        return Err(Problem::new(ProblemKind::TooLarge, detail));
    }
    Ok(bytes)
}

fn read_object(body: &[u8]) -> Result<Value, Problem> {
    let value: Value = match body {
        [] => Value::Object(serde_json::Map::new()),
        body => serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?,
    };
    if value.is_object() { Ok(value) } else { Err(malformed("expected a JSON object")) }
}

fn read_act(kind: ActKind, body: &[u8], now: Timestamp) -> Result<Act, Problem> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| malformed(format!("expected {{\"why\": …}}: {error}")))?;
    let until = read_end(kind, &body, now)?;
    let why = check_reason(&body.why).map_err(malformed)?;
    Ok(Act { kind, why: why.to_owned(), until, is_new: body.new })
}

/// When an act ends; `None` for an act that has no end or does not last.
fn read_end(kind: ActKind, body: &Body, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let act = kind.as_str();
    let lasts = kind.forces().is_some();
    let end = match (lasts, &body.until, body.for_s, body.indefinitely) {
        (true, None, None, true) | (false, None, None, false) => return Ok(None),
        (true, Some(until), None, false) => {
            until.parse().map_err(|error| malformed(format!("`until`: {error}")))?
        }
        (true, None, Some(seconds), false) => now.plus(Duration::from_secs(seconds)),
        (true, ..) => {
            return Err(malformed(format!(
                "{act} lasts: give one of `until`, `for_s`, and `indefinitely` as true"
            )));
        }
        (false, ..) => return Err(malformed(format!("{act} does not last: it has no end"))),
    };
    check_end(end, now).map(Some)
}

fn check_end(end: Timestamp, now: Timestamp) -> Result<Timestamp, Problem> {
    if end <= now {
        return Err(malformed(format!("it would end at {end}, which has passed: it is {now}")));
    }
    if end.since(now) > MAX_TIME {
        let days = MAX_TIME.as_secs() / 86_400;
        return Err(malformed(format!(
            "it would end in more than {days} days; give a nearer time, or `indefinitely` as true"
        )));
    }
    Ok(end)
}

fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::Malformed, detail)
}

#[cfg(test)]
mod tests;
