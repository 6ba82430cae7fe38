//! `sluicegate dlq`: inspects and redrives dead letters, through the operators' function.

pub(crate) mod args;
pub(crate) mod client;
mod edit_distance;
mod export;
mod follow;
mod progress;
mod reconcile;
mod report;
pub(crate) mod requests;
pub(crate) mod selection;
mod state;
mod suggest;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use event::Timestamp;
use runtime::{Clock as _, SystemClock};
use serde_json::Value;

use self::args::{AnswerArgs, AnswerFormat, Dlq, Export, Redrive, StatusArgs};
use self::client::Client;
use self::follow::{End, follow, interrupted_note, is_complete};
use self::requests::Request;
use self::selection::SelectionArgs;
use crate::failure::Failure;
use crate::interrupt::wait_for_interrupt;
use crate::output::Output;
use crate::output::escape::json_line;
use crate::output::members::text;
use crate::output::page::Page;
use crate::output::text::pluralize;

/// The time between two requests for the status of a run that is watched.
const TICK: Duration = Duration::from_secs(2);

pub(crate) async fn run(
    root: Option<&Path>,
    verb: Dlq,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let now = SystemClock.now();
    check_selection(&verb, now)?;
    let request = Request::of(&verb, now);
    match &verb {
        Dlq::Export(args) => return export(root, args, request, output).await,
        Dlq::Reconcile(args) => return reconcile::run(root, args, output).await,
        Dlq::Redrive(args) => return redrive(root, args, &request, output).await,
        Dlq::Status(args) if args.watch => return watch(root, args, &request, output).await,
        _ => {}
    }
    let args = answer_args(&verb);
    let client = Client::find(root, &args.at).await?;
    let answer = client.ask(&request).await?;
    print_answer(output, args, &answer, |page| format_answer(&verb, page, &answer, now));
    if let Some(selection) = selection(&verb)
        && args.format == AnswerFormat::Text
        && suggest::is_empty(&answer)
    {
        for line in suggest::suggestions(&client, selection).await {
            output.note(&line);
        }
    }
    // A script with a misspelled name must not continue as if it had a plan.
    let is_empty_plan = matches!(verb, Dlq::Plan(_)) && answer["letters"] == 0;
    Ok(if is_empty_plan { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Refuses a change of every letter that was not confirmed: an option may have been forgotten.
fn check_selection(verb: &Dlq, now: Timestamp) -> Result<(), Failure> {
    let (Dlq::Discard(args) | Dlq::Restore(args) | Dlq::Release(args)) = verb else {
        return Ok(());
    };
    if args.apply && !args.all && args.selection.is_everything(now) {
        return Err(Failure::new(
            "no letters are chosen: choose some, such as by --group, or say --all",
        ));
    }
    Ok(())
}

/// The selection of letters, if the verb has one.
fn selection(verb: &Dlq) -> Option<&SelectionArgs> {
    match verb {
        Dlq::Groups(args) => Some(&args.selection),
        Dlq::Peek(args) => Some(&args.selection),
        Dlq::Plan(args) => Some(&args.selection),
        Dlq::Discard(args) | Dlq::Restore(args) | Dlq::Release(args) => Some(&args.selection),
        _ => None,
    }
}

/// The arguments that say how to print the answer and which function to ask.
fn answer_args(verb: &Dlq) -> &AnswerArgs {
    match verb {
        Dlq::List(args) | Dlq::History(args) => args,
        Dlq::Groups(args) => &args.answer,
        Dlq::Peek(args) => &args.answer,
        Dlq::Export(args) => &args.answer,
        Dlq::Reconcile(args) => &args.answer,
        Dlq::Show(args) => &args.answer,
        Dlq::Plan(args) => &args.answer,
        Dlq::Redrive(args) => &args.answer,
        Dlq::Status(args) => &args.answer,
        Dlq::Pause(args) | Dlq::Resume(args) | Dlq::Cancel(args) => &args.answer,
        Dlq::Stop(args) => &args.answer,
        Dlq::StartTriage(args) => &args.answer,
        Dlq::Acknowledge(args) => &args.answer,
        Dlq::Mute(args) => &args.answer,
        Dlq::Unmute(args) => &args.answer,
        Dlq::Discard(args) | Dlq::Restore(args) | Dlq::Release(args) => &args.answer,
    }
}

/// An answer as text for people.
fn format_answer(verb: &Dlq, page: &Page, answer: &Value, now: Timestamp) -> String {
    match verb {
        Dlq::List(_) => report::format_stages(page, answer),
        Dlq::History(_) => report::format_history(page, answer),
        Dlq::Groups(_) => report::format_groups(page, answer),
        Dlq::Peek(_) | Dlq::Export(_) => report::format_peek(page, answer),
        Dlq::Show(_) => report::format_letter(page, answer),
        Dlq::Reconcile(_) => report::format_reconciliation(page, answer),
        Dlq::Plan(args) => report::format_plan(page, answer, args.change(), now),
        Dlq::Redrive(_) => report::format_started_run(page, answer),
        Dlq::Status(_) => report::format_status(page, answer),
        Dlq::Pause(_) | Dlq::Resume(_) | Dlq::Cancel(_) => {
            report::format_run_change(page, answer, now)
        }
        Dlq::Stop(_) => report::format_stop(page, answer),
        Dlq::StartTriage(_) => report::format_triage_start(page, answer),
        Dlq::Acknowledge(_) | Dlq::Mute(_) => report::format_note(page, answer, now),
        Dlq::Unmute(_) => report::format_unmute(page, answer),
        Dlq::Discard(_) => report::format_letter_change(page, "discard", answer),
        Dlq::Restore(_) => report::format_letter_change(page, "restore", answer),
        Dlq::Release(_) => report::format_letter_change(page, "release", answer),
    }
}

fn print_answer(
    output: &Output,
    plain: &AnswerArgs,
    answer: &Value,
    text: impl Fn(&Page) -> String,
) {
    match plain.format {
        AnswerFormat::Json => output.result(&json_line(answer)),
        AnswerFormat::Text => output.result(&text(&Page::new(output, plain.color))),
        AnswerFormat::Ids => ids_in(answer).iter().for_each(|id| output.result(id)),
    }
}

/// The ids of what an answer contains.
fn ids_in(answer: &Value) -> Vec<String> {
    for (list, id) in [("groups", "group"), ("letters", "id"), ("runs", "run")] {
        if let Some(each) = answer[list].as_array() {
            return each.iter().map(|it| text(&it[id])).collect();
        }
    }
    // A plan without letters cannot be started.
    if answer["plan"].is_string() && answer["letters"] == 0 {
        return Vec::new();
    }
    // The answer that starts a run has the plan's id, too.
    let run = &answer["run"];
    let named = [run, &run["run"], &answer["plan"], &answer["note"]["group"]];
    named.into_iter().find(|name| name.is_string()).map(text).into_iter().collect()
}

async fn export(
    root: Option<&Path>,
    args: &Export,
    first: Request,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let client = Client::find(root, &args.answer.at).await?;
    let count = export::export(
        first,
        args.output.as_deref(),
        async |request: &Request| client.ask(request).await,
        output,
    )
    .await?;
    let to = match &args.output {
        Some(path) => format!(" to {}", path.display()),
        None => String::new(),
    };
    output.note(&format!("{} exported{to}", pluralize(count, "letter")));
    Ok(ExitCode::SUCCESS)
}

/// Starts a run, and follows it.
async fn redrive(
    root: Option<&Path>,
    args: &Redrive,
    request: &Request,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let client = Client::find(root, &args.answer.at).await?;
    let begun = client.ask(request).await?;
    if args.detach {
        print_answer(output, &args.answer, &begun, |page| report::format_started_run(page, &begun));
        return Ok(ExitCode::SUCCESS);
    }
    let run = text(&begun["run"]);
    output.note(&format!("run {run} has begun; Ctrl-C stops following it, not the run"));
    match follow(&client, &run, output).await? {
        End::Interrupted => {
            let (note, code) = interrupted_note(&run);
            output.note(&note);
            Ok(code)
        }
        End::Stopped(last) => {
            print_answer(output, &args.answer, &last, |page| report::format_status(page, &last));
            Ok(if is_complete(&last["run"]) { ExitCode::SUCCESS } else { ExitCode::from(1) })
        }
    }
}

/// Shows the status of a run until it is over.
async fn watch(
    root: Option<&Path>,
    args: &StatusArgs,
    request: &Request,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let client = Client::find(root, &args.answer.at).await?;
    let page = Page::new(output, args.answer.color);
    let mut interrupted = std::pin::pin!(wait_for_interrupt());
    loop {
        let answer = tokio::select! {
            answer = client.ask(request) => answer?,
            () = &mut interrupted => return Ok(ExitCode::SUCCESS),
        };
        match args.answer.format {
            AnswerFormat::Json => output.result(&json_line(&answer)),
            AnswerFormat::Text => output.screen(&report::format_status(&page, &answer)),
            AnswerFormat::Ids => {}
        }
        if matches!(answer["run"]["state"].as_str(), Some("done" | "cancelled")) {
            return Ok(ExitCode::SUCCESS);
        }
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = &mut interrupted => return Ok(ExitCode::SUCCESS),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::options::parse_verb;

    #[test]
    fn every_letter_is_changed_only_by_who_says_so() {
        for act in ["discard", "restore", "release"] {
            for (words, is_refused) in [
                (vec![], false),
                (vec!["--apply"], true),
                (vec!["--apply", "--state", "dead"], true),
                (vec!["--apply", "--all"], false),
                (vec!["--apply", "--stage", "sink"], false),
            ] {
                let all = [&[act, "--reason", "x"], &words[..]].concat();
                let verb: Dlq = parse_verb(&all).unwrap();
                let checked =
                    check_selection(&verb, SystemClock.now()).map_err(|it| it.to_string());
                assert_eq!(checked.is_err(), is_refused, "{act} {words:?}: {checked:?}");
                if let Err(message) = checked {
                    assert!(message.contains("--all") && !message.contains('\n'), "{message}");
                }
            }
        }
    }

    #[test]
    fn a_script_gets_the_ids_that_an_answer_is_about() {
        for (answer, expected) in [
            (json!({ "groups": [{ "group": "1-a" }, { "group": "1-b" }] }), vec!["1-a", "1-b"]),
            (json!({ "letters": [{ "id": "a" }] }), vec!["a"]),
            (json!({ "plan": "p", "letters": 3 }), vec!["p"]),
            (json!({ "plan": "p", "letters": 0 }), vec![]),
            (json!({ "run": "r", "plan": "p", "letters": 3 }), vec!["r"]),
            (json!({ "run": { "run": "r", "plan": "p" } }), vec!["r"]),
            (json!({ "note": { "group": "1-a", "letters": 3 } }), vec!["1-a"]),
            (json!({ "halted": null }), vec![]),
        ] {
            assert_eq!(ids_in(&answer), expected, "{answer}");
        }
    }
}
