//! Runs the suite against a service that is already running, and reports the differences.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures_util::StreamExt as _;
use libtest_mimic::Arguments;
use tokio::net::TcpStream;

use crate::rig::{Case, Outcome, Place, There};

/// How many cases run at once. They mostly wait.
const AT_ONCE: usize = 8;
const COULD_NOT_RUN: u8 = 2;

thread_local! {
    /// The place of the thread's last panic.
    static PANICKED_AT: RefCell<String> = const { RefCell::new(String::new()) };
}

#[derive(clap::Args)]
#[group(id = "elsewhere")]
pub(crate) struct Args {
    /// Run against this service, in real time, instead of against ours
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    endpoint: Option<String>,
    /// Skip cases that must wait for longer than this, in all
    #[arg(long, value_name = "SECONDS", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(..=86_400))]
    patience: u64,
    #[arg(long, env = "AWS_REGION", hide_env_values = true, default_value = "us-east-1")]
    region: String,
    #[arg(long, env = "AWS_ACCESS_KEY_ID", hide_env_values = true, default_value = "test")]
    access_key_id: String,
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true, default_value = "test")]
    secret_access_key: String,
    #[arg(long, env = "AWS_SESSION_TOKEN", hide_env_values = true)]
    session_token: Option<String>,
}

fn endpoint(text: &str) -> Result<String, String> {
    let uri: http::Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(_)) => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err("expected a URL such as http://127.0.0.1:4566".to_owned()),
    }
}

impl Args {
    pub(crate) fn there(self) -> Option<There> {
        Some(There {
            endpoint: self.endpoint?,
            region: self.region,
            key: self.access_key_id,
            secret: self.secret_access_key,
            token: self.session_token,
            patience: Duration::from_secs(self.patience),
            run: uuid::Uuid::new_v4().simple().to_string()[..8].to_owned(),
            named: AtomicU64::new(0),
        })
    }
}

#[derive(Default)]
struct Tally {
    holds: usize,
    differs: usize,
    skipped: usize,
}

impl Tally {
    fn total(&self) -> usize {
        self.holds + self.differs + self.skipped
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let total = self.total();
        write!(f, "holds {} of {total}", self.holds)?;
        write!(f, ", differs {}, skipped {}", self.differs, self.skipped)
    }
}

/// Runs the cases that the harness's filters select, and reports on them.
pub(crate) fn run(there: There, harness: &Arguments, cases: Vec<Case>) -> ExitCode {
    let chosen: Vec<Case> = cases.into_iter().filter(|case| is_chosen(harness, case)).collect();
    if chosen.is_empty() {
        return could_not_run("no case has such a name");
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return could_not_run("no runtime could be started");
    };
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        PANICKED_AT.with_borrow_mut(|last| *last = at);
    }));
    let there = Arc::new(there);
    runtime.block_on(async {
        if let Err(why) = reach(&there.endpoint).await {
            return could_not_run(&format!("{} does not answer: {why}", there.endpoint));
        }
        say(&format!("conformance of {}\n", there.endpoint));
        let tallies = all(&there, chosen).await;
        if let Err(why) = reach(&there.endpoint).await {
            return could_not_run(&format!("{} answers no more: {why}", there.endpoint));
        }
        say("");
        for (service, tally) in &tallies {
            say(&format!("{service:<8}  {tally}"));
        }
        let sum = |part: fn(&Tally) -> usize| tallies.values().map(part).sum();
        let all = Tally {
            holds: sum(|tally| tally.holds),
            differs: sum(|tally| tally.differs),
            skipped: sum(|tally| tally.skipped),
        };
        say(&format!("{:<8}  {all}", "in all"));
        if all.differs == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    })
}

async fn all(there: &Arc<There>, cases: Vec<Case>) -> BTreeMap<String, Tally> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let outcomes = futures_util::stream::iter(cases).map(|case| {
        let done = (case.run)(Place::There(Arc::clone(there)));
        // The place of a panic is read before another case runs on this thread.
        async move { (case.name(), located(done).await) }
    });
    let mut outcomes = outcomes.buffered(AT_ONCE);
    while let Some((name, outcome)) = outcomes.next().await {
        let service = name.split("::").next().unwrap_or(name);
        let tally = tallies.entry(service.to_owned()).or_default();
        match outcome {
            Outcome::Holds => {
                tally.holds += 1;
                say(&format!("  holds    {name}"));
            }
            Outcome::Differs(why) => {
                tally.differs += 1;
                say(&format!(
                    "  differs  {name}\n           {}",
                    why.replace('\n', "\n           ")
                ));
            }
            Outcome::Skipped(why) => {
                tally.skipped += 1;
                say(&format!("  skipped  {name}: {why}"));
            }
        }
    }
    tallies
}

async fn located(done: impl Future<Output = Outcome>) -> Outcome {
    let mut done = std::pin::pin!(done);
    let mut at = String::new();
    let outcome = std::future::poll_fn(|context| {
        PANICKED_AT.with_borrow_mut(String::clear);
        let polled = done.as_mut().poll(context);
        PANICKED_AT.with_borrow(|last| {
            if !last.is_empty() {
                at.clone_from(last);
            }
        });
        polled
    })
    .await;
    match outcome {
        Outcome::Differs(why) if !at.is_empty() => Outcome::Differs(format!("{why}\nat {at}")),
        other => other,
    }
}

fn is_chosen(harness: &Arguments, case: &Case) -> bool {
    let name = case.name();
    let matches = |filter: &String| match harness.exact {
        true => name == filter,
        false => name.contains(filter.as_str()),
    };
    harness.filter.as_ref().is_none_or(matches) && !harness.skip.iter().any(matches)
}

async fn reach(endpoint: &str) -> Result<(), String> {
    let uri: http::Uri = endpoint.parse().map_err(|error| format!("{error}"))?;
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let connecting = TcpStream::connect((host.trim_matches(['[', ']']), port));
    match tokio::time::timeout(Duration::from_secs(5), connecting).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no connection in 5 s".to_owned()),
    }
}

/// Prints a line. The run continues if the reader of the output has gone.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn could_not_run(why: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "error: the suite could not be run: {why}");
    ExitCode::from(COULD_NOT_RUN)
}
