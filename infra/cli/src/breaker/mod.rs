//! `sluicegate breaker`: shows and changes circuit breakers, through the operators' function.

pub(crate) mod args;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use self::args::{AnswerArgs, Breaker, Change, TimedChange};
use self::report::Report;
use crate::failure::Failure;
use crate::operators::{NoAnswer, OperatorsFunction, OperatorsTarget};
use crate::options::Format;
use crate::output::Output;

/// How long a change lasts by default. That is long enough to look into a problem.
const USUAL_TIME: Duration = Duration::from_secs(3_600);

pub(crate) async fn run(
    root: Option<&Path>,
    verb: Breaker,
    output: &Output,
) -> Result<ExitCode, Failure> {
    match verb {
        Breaker::List(args) => {
            let found = read(root, &args.at, "/v1/breakers", "list").await?;
            print_answer(output, &args.shown, &found, Report::list);
        }
        Breaker::Show(args) => {
            let path = format!("/v1/breakers/{}", args.breaker);
            let found = read(root, &args.at, &path, &format!("show {}", args.breaker)).await?;
            print_answer(output, &args.shown, &found, Report::show);
        }
        Breaker::ForceOpen(args) => change_for_time(root, "force-open", &args, output).await?,
        Breaker::ForceClose(args) => change_for_time(root, "force-close", &args, output).await?,
        Breaker::Disable(args) => change_for_time(root, "disable", &args, output).await?,
        Breaker::Reset(args) => change(root, "reset", &args, json!({}), output).await?,
        Breaker::Release(args) => change(root, "release", &args, json!({}), output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn change_for_time(
    root: Option<&Path>,
    verb: &str,
    args: &TimedChange,
    output: &Output,
) -> Result<(), Failure> {
    let body = match &args.until {
        _ if args.indefinitely => json!({ "indefinitely": true }),
        Some(until) => json!({ "until": until }),
        None => json!({ "for_s": args.time.unwrap_or(USUAL_TIME).as_secs() }),
    };
    change(root, verb, &args.once, body, output).await
}

async fn change(
    root: Option<&Path>,
    verb: &str,
    args: &Change,
    mut body: Value,
    output: &Output,
) -> Result<(), Failure> {
    body["why"] = json!(args.why);
    if args.new {
        body["new"] = json!(true);
    }
    let function = OperatorsFunction::find(root, &args.at).await?;
    let path = format!("/v1/breakers/{}/{verb}", args.breaker);
    let done = function.ask(Method::POST, &path, Some(&body)).await;
    let done = done.map_err(|error| failure(&format!("{verb} {}", args.breaker), error))?;
    print_answer(output, &args.shown, &done, Report::done);
    Ok(())
}

async fn read(
    root: Option<&Path>,
    at: &OperatorsTarget,
    path: &str,
    what: &str,
) -> Result<Value, Failure> {
    let function = OperatorsFunction::find(root, at).await?;
    let found = function.ask(Method::GET, path, None).await;
    found.map_err(|error| failure(what, error))
}

fn print_answer(
    output: &Output,
    shown: &AnswerArgs,
    answer: &Value,
    text: fn(&Report, &Value) -> String,
) {
    let report = Report::new(output.width(), shown.color);
    match shown.format {
        Format::Json => output.result(&answer.to_string()),
        Format::Text => output.result(&text(&report, answer)),
    }
}

/// The failure for a refusal, with what to do about it.
fn failure(what: &str, error: NoAnswer) -> Failure {
    let refusal = match error {
        NoAnswer::Failed(failure) => return failure,
        NoAnswer::Refused(refusal) => refusal,
    };
    let failure = Failure::new(format!("{what} was refused"));
    let failure = failure.because(std::io::Error::other(refusal.detail.clone()));
    let next = match refusal.code.as_str() {
        "operators.unknown-breaker" => {
            "`sluicegate breaker list` shows those that are known; if it is one of a sink of your own, \
             say so with --new"
        }
        "operators.illegal" | "operators.outcome-unknown" => {
            "`sluicegate breaker show NAME` says how it is now"
        }
        "operators.store-away" | "operators.contended" | "operators.audit-away" => {
            "run the same again in a moment"
        }
        "operators.malformed" | "operators.too-large" => {
            "`sluicegate breaker --help` says what each verb takes"
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
    fn check(status: u16, code: &str, next: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        let refusal = Refusal { status, code: code.to_owned(), detail: "why it is so".to_owned() };
        let told = failure("release weather", NoAnswer::Refused(refusal)).to_string();
        assert!(told.starts_with("error: release weather was refused"), "{told}");
        assert!(told.contains("because: why it is so"), "{told}");
        assert!(told.contains(next), "{told}");
    }

    #[test]
    fn a_refusal_says_what_to_do_next() {
        check(404, "operators.unknown-breaker", "--new");
        check(409, "operators.illegal", "breaker show");
        check(503, "operators.outcome-unknown", "breaker show");
        check(503, "operators.audit-away", "again");
        check(400, "operators.malformed", "--help");
        check(403, "", "lambda:InvokeFunctionUrl");
        check(502, "", "log group");
    }
}
