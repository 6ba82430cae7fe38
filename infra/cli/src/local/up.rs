//! `sluicegate local up`: runs the emulation until Ctrl-C.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use emulation::Emulation;
use runtime::env::Process;

use super::args::Up;
use super::view::View;
use crate::failure::Failure;
use crate::interrupt::{INTERRUPTED, wait_for_interrupt};
use crate::output::Output;
use crate::startup::{self, StartOptions};

/// Runs the emulation until it is interrupted.
pub(crate) async fn run(root: &Path, args: &Up, output: &Output) -> Result<ExitCode, Failure> {
    let stack = emulation::stack(root, &BTreeMap::new())
        .map_err(|error| Failure::new("the template cannot be used").because(error))?;
    let log = Arc::new(View::new(&args.shown, &stack.functions, &Process)?);
    let faults = args.faults.plan()?;
    let weather = startup::weather(root)?;
    let options = StartOptions {
        root,
        release: args.release,
        port: args.port,
        log,
        weather: &weather,
        faults,
        skip_idle: false,
        state: args.state.clone(),
    };
    let emulation = tokio::select! {
        emulation = startup::start(options, output) => emulation?,
        () = wait_for_interrupt() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    output.result(&addresses(&emulation, args.shown.verbose));
    if !emulation.leftovers().is_empty() {
        let names = emulation.leftovers().join(", ");
        output.note(&format!("kept, although the template no longer has them: {names}"));
    }
    output.note("running until Ctrl-C; what functions log follows");
    wait_for_interrupt().await;
    output.note("stopping; Ctrl-C again ends it at once");
    let kept = emulation.state_folder().map(|folder| folder.display().to_string());
    // A second Ctrl-C drops the emulation, which kills everything. The state is then the one that
    // was written last.
    tokio::select! {
        closed = emulation.close() => {
            closed.map_err(|error| Failure::new("the state was not kept").because(error).next(
                "make room or give rights there; what was written before is still there",
            ))?;
            match kept {
                Some(folder) => output.note(&format!("stopped: its state is kept in {folder}")),
                None => output.note("stopped: what was in memory is gone"),
            }
            Ok(ExitCode::SUCCESS)
        }
        () = wait_for_interrupt() => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// The addresses of everything, and the settings for AWS clients.
///
/// The template's settings without effect are listed if `is_verbose` is set, and only counted
/// otherwise.
fn addresses(emulation: &Emulation, is_verbose: bool) -> String {
    let (endpoint, stack) = (emulation.endpoint(), emulation.stack());
    let mut text = format!(
        "export AWS_ENDPOINT_URL={endpoint} \\\n       \
         AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1 \\\n       \
         AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local\n"
    );
    add_section(&mut text, "queues", stack.queues.iter().map(|queue| queue.url.clone()).collect());
    let buckets = stack.buckets.iter().map(|bucket| format!("s3://{}", bucket.name));
    add_section(&mut text, "buckets", buckets.collect());
    add_section(&mut text, "tables", stack.tables.iter().map(|table| table.name.clone()).collect());
    let functions = stack.functions.iter();
    add_section(&mut text, "functions", functions.map(|function| function.name.clone()).collect());
    let with_url = stack.functions.iter().filter(|function| function.url.is_some());
    let urls = with_url.map(|function| format!("{endpoint}/function-urls/{}/", function.name));
    add_section(&mut text, "function urls", urls.collect());
    let routes = stack.http_apis.iter().flat_map(|api| {
        let url = format!("{endpoint}/http-apis/{}", api.logical_id);
        api.routes.iter().map(move |route| format!("{url}  {}  {}", route.key(), route.function))
    });
    add_section(&mut text, "http apis", routes.collect());
    let kept = emulation.state_folder().map(|folder| folder.display().to_string());
    add_section(&mut text, "state", kept.into_iter().collect());
    if is_verbose {
        add_section(&mut text, "settings without effect here", stack.warnings.clone());
    } else if let Some(line) = startup::settings_without_effect(stack) {
        text.push_str(&format!("\n{line}\n"));
    }
    text.trim_end().to_owned()
}

fn add_section(text: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    text.push_str(&format!("\n{title}\n"));
    for line in lines {
        text.push_str(&format!("  {line}\n"));
    }
}
