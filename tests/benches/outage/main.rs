//! The outage as a plot: calls, breaker, backlog and dead letters over time, with breaker and parking and
//! without.
//!
//! ```sh
//! cargo bench --workspace --bench outage -- --flights 3000 --plot docs/outage.svg
//! ```

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod plot;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use sluicegate_tests::outage::{FAILING, Story, WITHOUT_BREAKER, happen};
use sluicegate_tests::{Edit, Flight, Settings, World, flights, root};

/// As before there were breakers and parked copies: five receives within half a minute.
const FIVE_RECEIVES: Edit = Edit { old: "    Default: 15\n", new: "    Default: 5\n" };

#[derive(Parser)]
#[command(about = "A service away in the middle of a stream of events", long_about = None)]
struct Command {
    /// From the sample's beginning
    #[arg(long, value_name = "COUNT", default_value_t = 3_000)]
    flights: usize,
    /// Where the plot goes, as SVG, from the repository's root
    #[arg(long, value_name = "FILE", default_value = "target/outage.svg")]
    plot: PathBuf,
    /// As cargo calls a benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let command = Command::parse();
    let sample = flights(0, command.flights);
    let with = run(Settings::default(), &sample).await;
    let contract_edits = vec![WITHOUT_BREAKER];
    let without = Settings { contract_edits, edits: vec![FIVE_RECEIVES], ..Settings::default() };
    let without = run(without, &sample).await;
    tell("with breaker and parking", &with);
    tell("without", &without);
    let path = root().join(&command.plot);
    plot::draw(&path, &with, &without);
    say(&format!("plot: {}", path.display()));
}

async fn run(settings: Settings, sample: &[Flight]) -> Story {
    let patience = Some(Duration::from_secs(3_600));
    let world = World::start_with(Settings { patience, ..settings }).await;
    let story = happen(&world, sample, FAILING).await;
    world.end().await;
    story
}

fn tell(name: &str, story: &Story) {
    let calls = story.calls(story.away.clone());
    let waiting = story.seconds.values().map(|second| second.waiting).max().unwrap_or(0);
    let letters = story.most_letters();
    say(&format!(
        "{name}: {calls} calls while away, {waiting} waiting at most, {letters} dead letters"
    ));
}

#[expect(clippy::print_stdout, reason = "a benchmark's results are its output")]
fn say(line: &str) {
    println!("{line}");
}
