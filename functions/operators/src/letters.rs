//! Passes the verbs on dead letters to the redrive function, together with the operator's identity.
//!
//! Redrive does the work under a role of its own, and writes the audit log. An operator needs the permission to use
//! this function's URL, and none to invoke redrive.

use aws::{Functions, Invoked};
use event::Failure;
use serde_json::{Value, json};

use crate::problem::{Problem, ProblemKind};
use crate::request::Asked;

/// The port to the redrive function.
pub(crate) trait RedriveFunction {
    /// Invokes redrive, and waits for its answer.
    ///
    /// # Errors
    /// When redrive did not run, or when its outcome is not known.
    async fn invoke(&self, payload: Vec<u8>) -> Result<Invoked, Failure>;
}

/// A Lambda function, by its name.
pub(crate) struct NamedFunction {
    pub(crate) functions: Functions,
    pub(crate) name: String,
}

impl RedriveFunction for NamedFunction {
    async fn invoke(&self, payload: Vec<u8>) -> Result<Invoked, Failure> {
        self.functions.invoke(&self.name, payload).await
    }
}

/// Passes a verb on to redrive, and returns its answer.
///
/// # Errors
/// Redrive's refusal, with redrive's own text; or that redrive did not answer.
pub(crate) async fn ask(
    redrive: &impl RedriveFunction,
    asked: &Asked,
    verb: &str,
    body: &Value,
) -> Result<Value, Problem> {
    let request = json!({
        "do": { verb: body },
        "operator": asked.operator,
        "request_id": asked.request_id,
    });
    let invoked = redrive.invoke(request.to_string().into_bytes()).await.map_err(|failure| {
        let detail = format!(
            "redrive did not answer: {}; `dlq history` tells what was begun",
            failure.reason
        );
        Problem::new(ProblemKind::RedriveAway, detail)
    })?;
    match invoked {
        Invoked::Answered(payload) => serde_json::from_slice(&payload)
            .map_err(|_| Problem::new(ProblemKind::RedriveAway, "redrive's answer is no JSON")),
        Invoked::Failed(payload) => {
            Err(refusal(&serde_json::from_slice(&payload).unwrap_or_default()))
        }
    }
}

fn refusal(error: &Value) -> Problem {
    let kind = match error["errorType"].as_str().unwrap_or_default() {
        "Redrive.Malformed" => ProblemKind::Malformed,
        "Redrive.Unknown" => ProblemKind::UnknownLetters,
        "Redrive.Illegal" => ProblemKind::IllegalRedrive,
        _ => ProblemKind::RedriveAway,
    };
    let detail = match error["errorMessage"].as_str().unwrap_or_default() {
        "" => "redrive ended without a reason",
        message => message,
    };
    Problem::new(kind, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redrive_s_refusals_are_told_in_its_words() {
        for (kind, status) in [
            ("Malformed", 400),
            ("Unknown", 404),
            ("Illegal", 409),
            ("Away", 503),
            ("Contended", 503),
        ] {
            let error = json!({ "errorType": format!("Redrive.{kind}"), "errorMessage": "no" });
            let problem = refusal(&error);
            assert_eq!((problem.kind.status(), problem.detail.as_str()), (status, "no"), "{kind}");
        }
        // Lambda reports a crash or a time-out with a text of its own.
        let error = json!({ "errorMessage": "Task timed out after 300.00 seconds" });
        let problem = refusal(&error);
        assert_eq!(problem.kind.status(), 503);
        assert!(problem.detail.contains("timed out"), "{problem}");
    }
}
