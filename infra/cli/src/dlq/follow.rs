//! Follows a run until it is over or paused, or until Ctrl-C.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use super::client::Client;
use super::progress::RunProgress;
use super::requests::Request;
use crate::failure::Failure;
use crate::interrupt::{INTERRUPTED, wait_for_interrupt};
use crate::output::Output;
use crate::output::members::{number, text};

/// The time between two requests for the run's status.
const TICK: Duration = Duration::from_secs(1);
/// How many requests in a row may fail. The run itself does not depend on them.
const MOST_FAILED: u32 = 5;

/// How following a run ended.
pub(super) enum End {
    /// The run is over or paused. This is its last status.
    Stopped(Value),
    Interrupted,
}

/// Requests the status of a run at intervals, and shows its progress.
///
/// # Errors
/// If the status can no longer be read.
pub(super) async fn follow(client: &Client, run: &str, output: &Output) -> Result<End, Failure> {
    let request = Request::status(run);
    let mut interrupted = std::pin::pin!(wait_for_interrupt());
    let (mut followed, mut failed) = (RunProgress::default(), 0);
    loop {
        let answer = tokio::select! {
            answer = client.ask(&request) => answer,
            () = &mut interrupted => return Ok(End::Interrupted),
        };
        match answer {
            Ok(answer) => {
                failed = 0;
                output.status(&followed.line(&answer, output.width()));
                if has_stopped(&answer["run"]) {
                    return Ok(End::Stopped(answer));
                }
            }
            Err(failure) => {
                failed += 1;
                if failed >= MOST_FAILED {
                    let next =
                        format!("the run continues; `sluicegate dlq status {run}` shows its state");
                    return Err(failure.next(next));
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = &mut interrupted => return Ok(End::Interrupted),
        }
    }
}

/// The message and exit status after Ctrl-C.
pub(super) fn interrupted_note(run: &str) -> (String, ExitCode) {
    let note = format!(
        "the run goes on, but is no longer followed\n  \
         sluicegate dlq status {run} --watch\n  \
         sluicegate dlq pause {run} --reason …"
    );
    (note, ExitCode::from(INTERRUPTED))
}

/// Whether the run sends nothing more unless an operator acts.
fn has_stopped(run: &Value) -> bool {
    matches!(text(&run["state"]).as_str(), "done" | "cancelled" | "paused")
}

/// Whether a run has done everything it was started for, as far as is known now.
pub(super) fn is_complete(run: &Value) -> bool {
    run["state"] == "done" && number(&run["came_back"]) == 0 && number(&run["skipped"]) == 0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_is_well_once_all_of_it_is_sent_and_nothing_has_come_back() {
        for (state, came_back, skipped, stopped, well) in [
            ("running", 0, 0, false, false),
            ("cancelling", 0, 0, false, false),
            ("paused", 0, 0, true, false),
            ("cancelled", 0, 0, true, false),
            ("done", 1, 0, true, false),
            ("done", 0, 5, true, false),
            ("done", 0, 0, true, true),
        ] {
            let run = json!({ "state": state, "came_back": came_back, "skipped": skipped });
            assert_eq!((has_stopped(&run), is_complete(&run)), (stopped, well), "{run}");
        }
    }

    #[test]
    fn whoever_stops_following_is_told_that_the_run_goes_on() {
        let (note, code) = interrupted_note("r-1");
        assert!(note.starts_with("the run goes on"), "{note}");
        assert!(note.contains("dlq status r-1") && note.contains("dlq pause r-1"), "{note}");
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(130)));
    }
}
