//! Logs: one JSON object a line, for CloudWatch and for the local emulation.

use std::process::ExitCode;

use tracing::level_filters::LevelFilter;

use crate::env::{self, EnvError, Lookup};
use crate::panics::note_place;

/// Starts logging to standard output, from the level in `LOG_LEVEL` on (`info` if it is not set).
///
/// A panic becomes one line with its place. Its message is left out, because it could quote a payload.
///
/// # Errors
/// If `LOG_LEVEL` is set and is not a level.
pub fn init_logs(lookup: &dyn Lookup) -> Result<(), EnvError> {
    let level = level(lookup);
    let shown = level.as_ref().copied().unwrap_or(LevelFilter::INFO);
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(shown)
        .finish();
    // Only tests start it twice in one process. The first subscriber then stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
    std::panic::set_hook(Box::new(|panic| {
        let place = note_place(panic);
        tracing::error!(panic.place = place, "panicked");
    }));
    level.map(|_| ())
}

/// The exit code of a function's process. An error is logged in one line, with its causes.
#[must_use]
pub fn exit_code(result: Result<(), lambda_runtime::Error>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let mut reason = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let cause = cause.to_string();
        // Some errors already contain the text of their cause.
        if !reason.contains(&cause) {
            reason = format!("{reason}; {cause}");
        }
    }
    tracing::error!(failure.reason = reason, "the function cannot start");
    ExitCode::FAILURE
}

fn level(lookup: &dyn Lookup) -> Result<LevelFilter, EnvError> {
    if lookup.get("LOG_LEVEL").is_none() {
        return Ok(LevelFilter::INFO);
    }
    env::parsed(lookup, "LOG_LEVEL", "trace, debug, info, warn or error", |text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_level_that_is_none_stops_the_start() {
        assert_eq!(level(&BTreeMap::new()).unwrap(), LevelFilter::INFO);
        assert_eq!(level(&BTreeMap::from([("LOG_LEVEL", "debug")])).unwrap(), LevelFilter::DEBUG);
        let error = level(&BTreeMap::from([("LOG_LEVEL", "loud")])).unwrap_err().to_string();
        assert!(error.contains("LOG_LEVEL is `loud`; expected trace"), "{error}");
    }
}
