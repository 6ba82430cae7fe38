//! Requests to the redrive function, through the operators' function.

use std::io;
use std::path::Path;

use http::Method;
use serde_json::Value;

use super::requests::Request;
use crate::failure::Failure;
use crate::operators::{NoAnswer, OperatorsFunction, OperatorsTarget};
use crate::output::escape::escape;

pub(crate) struct Client {
    function: OperatorsFunction,
}

impl Client {
    pub(crate) async fn find(root: Option<&Path>, at: &OperatorsTarget) -> Result<Self, Failure> {
        Ok(Self { function: OperatorsFunction::find(root, at).await? })
    }

    /// Sends a request, and returns the JSON of the answer.
    ///
    /// # Errors
    /// Why there is no answer, and what to do about it.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Value, Failure> {
        let path = format!("/v1/dlq/{}", request.verb);
        let answer = self.function.ask(Method::POST, &path, Some(&request.body)).await;
        answer.map_err(|error| failure(request.verb, error))
    }
}

/// The failure for a refusal, with what to do about it.
fn failure(verb: &str, error: NoAnswer) -> Failure {
    let refusal = match error {
        NoAnswer::Failed(failure) => return failure,
        NoAnswer::Refused(refusal) => refusal,
    };
    let failure = Failure::new(format!("{verb} was refused"));
    let failure = failure.because(io::Error::other(escape(&refusal.detail)));
    let next = match (refusal.code.as_str(), verb) {
        ("operators.unknown-letters", "reconcile") => {
            "give one of the deployed datasets with --dataset"
        }
        ("operators.unknown-letters", "redrive") => {
            "`sluicegate dlq plan` makes a plan, and prints its id"
        }
        ("operators.unknown-letters", "status" | "pause" | "resume" | "cancel") => {
            "`sluicegate dlq history` shows which runs there are; a plan has an id of its own"
        }
        ("operators.unknown-letters", _) => {
            "`sluicegate dlq groups` shows which groups there are, and `dlq peek` letters"
        }
        ("operators.illegal-redrive", "redrive" | "plan") => {
            "`sluicegate dlq plan` makes a plan of what is dead now"
        }
        ("operators.illegal-redrive", "pause" | "resume" | "cancel") => {
            "`sluicegate dlq status RUN` says how it is now"
        }
        ("operators.illegal-redrive", "unmute") => {
            "`sluicegate dlq groups` shows what is said of each group"
        }
        ("operators.illegal-redrive", "start-triage") => {
            "`sluicegate dlq list` says whether it is halted"
        }
        ("operators.illegal-redrive", _) => "`sluicegate dlq list` shows which states there are",
        ("operators.redrive-away", "redrive" | "pause" | "resume" | "cancel" | "stop") => {
            "it may have been done: see `sluicegate dlq history`"
        }
        ("operators.redrive-away", "acknowledge" | "mute" | "unmute") => {
            "it may have been done: see `sluicegate dlq groups`"
        }
        ("operators.redrive-away", "start-triage") => {
            "it may have been done: see `sluicegate dlq list`"
        }
        ("operators.redrive-away", "discard" | "restore" | "release") => {
            "some of it may have been done: see `sluicegate dlq list`, and run the same again"
        }
        ("operators.redrive-away", _) => "run the same again in a moment",
        // An older function does not know these requests, or accepts only smaller ones.
        ("operators.too-large" | "operators.malformed", "reconcile" | "events") => {
            "the deployed functions are of an earlier version: deploy this one"
        }
        ("operators.too-large", _) => {
            "choose by --group, --code or --since instead of by many letters, or a smaller patch"
        }
        ("operators.malformed", _) => "`sluicegate dlq --help` says what each verb takes",
        ("operators.unknown-route", _) => {
            "the deployed functions are of an earlier version: deploy this one"
        }
        _ => match refusal.advice() {
            Some(next) => next,
            None => return failure,
        },
    };
    failure.next(next)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::operators::Refusal;

    #[track_caller]
    fn check(status: u16, code: &str, verb: &str, next: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        let detail = "why it is so\u{1b}[2J".to_owned();
        let refusal = Refusal { status, code: code.to_owned(), detail };
        let message = failure(verb, NoAnswer::Refused(refusal)).to_string();
        assert!(message.starts_with(&format!("error: {verb} was refused")), "{message}");
        assert!(message.contains("because: why it is so\\u{1b}[2J"), "{message}");
        assert!(message.contains(next), "{message}");
    }

    #[test]
    fn a_refusal_says_what_to_do_next() {
        check(404, "operators.unknown-letters", "show", "dlq groups");
        check(409, "operators.illegal-redrive", "redrive", "dlq plan");
        check(409, "operators.illegal-redrive", "resume", "dlq status");
        check(503, "operators.redrive-away", "redrive", "dlq history");
        check(409, "operators.illegal-redrive", "unmute", "dlq groups");
        check(409, "operators.illegal-redrive", "start-triage", "dlq list");
        check(503, "operators.redrive-away", "mute", "dlq groups");
        check(503, "operators.redrive-away", "start-triage", "dlq list");
        check(503, "operators.redrive-away", "discard", "some of it");
        check(503, "operators.redrive-away", "groups", "in a moment");
        check(400, "operators.malformed", "plan", "--help");
        check(404, "operators.unknown-route", "list", "earlier version");
        check(400, "operators.malformed", "reconcile", "earlier version");
        check(413, "operators.too-large", "reconcile", "earlier version");
        check(404, "operators.unknown-letters", "reconcile", "--dataset");
        check(413, "operators.too-large", "plan", "--group");
        check(403, "", "list", "lambda:InvokeFunctionUrl");
        check(502, "", "list", "log group");
    }
}
