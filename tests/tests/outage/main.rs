//! A service goes away for five minutes in the middle of a quarter of an hour of events, in each way that it
//! can: no healthy event becomes a dead letter, none is lost, the service is left alone, and soon after it
//! is back everything is as fast as before.
//!
//! `cargo test` has one outage of each kind, and three seeds in which everything else goes wrong too. For
//! more of both:
//!
//! ```sh
//! cargo test --release --workspace --test outage -- --seeds 0..50 --flights 1000
//! cargo test --release --workspace --test outage -- --flights 20000 outage
//! ```

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod kinds;

use std::io::Write as _;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use libtest_mimic::{Arguments, Trial};
use sluicegate_tests::{Flight, flights, seeds};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

/// Worlds at a time: most of one is waiting.
const AT_ONCE: usize = 3;

#[derive(Parser)]
#[command(about = "The pipeline while a service is away", long_about = None)]
struct Command {
    /// Of outages in a storm; from the first up to the last, which is not among them
    #[arg(long, value_name = "FROM..TO", default_value = "0..3", value_parser = seeds)]
    seeds: Range<u64>,
    /// Of each outage, from the sample's beginning
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    flights: usize,
    #[command(flatten)]
    harness: Arguments,
}

fn main() -> ExitCode {
    let Command { seeds, flights: count, mut harness } = Command::parse();
    harness.test_threads.get_or_insert(AT_ONCE);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (runtime, sample) = (Arc::new(runtime), Arc::new(flights(0, count)));
    let mut trials = vec![
        trial("outage_failing", &runtime, &sample, kinds::failing),
        trial("outage_degraded", &runtime, &sample, kinds::degraded),
        trial("outage_half_slow", &runtime, &sample, kinds::half_slow),
        trial("outage_of_both", &runtime, &sample, kinds::with_a_throttled_table),
        trial("outage_with_rotation", &runtime, &sample, kinds::with_a_rotated_secret),
    ];
    for seed in seeds {
        let storm = async move |sample: Arc<Vec<Flight>>| kinds::in_a_storm(seed, sample).await;
        trials.push(trial(&format!("seed_{seed}"), &runtime, &sample, storm));
    }
    libtest_mimic::run(&harness, trials).exit_code()
}

fn trial<Check>(
    name: &str,
    runtime: &Arc<Runtime>,
    sample: &Arc<Vec<Flight>>,
    check: Check,
) -> Trial
where
    Check: AsyncFnOnce(Arc<Vec<Flight>>) -> String + Send + 'static,
{
    let (runtime, sample, own) = (Arc::clone(runtime), Arc::clone(sample), name.to_owned());
    Trial::test(name, move || {
        let started = Instant::now();
        let told = runtime.block_on(check(sample));
        let line = format!("{own}: {told}, {:.1} s", started.elapsed().as_secs_f64());
        let _ = writeln!(std::io::stdout().lock(), "{line}");
        Ok(())
    })
}
