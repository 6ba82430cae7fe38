//! A service goes away in the middle of a stream of events, and comes back: what is called, waits and is lost
//! meanwhile, second by second of the emulation's clock.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use local::Emulation;
use local::adversary::Plan;

use crate::{Edit, Flight, World};

/// Events come evenly over so long before the outage, as long during it, and as long after it.
pub const THIRD: Duration = Duration::from_secs(300);

/// Every call fails.
pub const FAILING: &str = "faults: [{fault: host-failing, on: weather, for: the-outage}]";

/// Of `dependencies.yaml`: the breaker counts nothing and holds no call back.
pub const WITHOUT_BREAKER: (&str, Edit) = (
    "dependencies.yaml",
    Edit { old: "    breaker:\n", new: "    breaker:\n      mode: disabled\n" },
);

/// Between two looks at the queues, in real time.
const LOOK: Duration = Duration::from_millis(4);

/// What one second was like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Of the service, and those of them that it did not answer as it should.
    pub calls: u64,
    pub faults: u64,
    /// Events in the queue of the stage that calls it, however they wait.
    pub waiting: usize,
    /// In all dead-letter queues.
    pub letters: usize,
    /// The breaker's, as the table has it.
    pub state: String,
}

/// What happened, by the second since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub struct Story {
    pub seconds: BTreeMap<u64, Second>,
    /// While the service was away.
    pub away: Range<u64>,
}

impl Story {
    /// The calls of these seconds.
    #[must_use]
    pub fn calls(&self, during: Range<u64>) -> u64 {
        self.seconds.range(during).map(|(_, second)| second.calls).sum()
    }

    /// The most letters that there were at once.
    #[must_use]
    pub fn most_letters(&self) -> usize {
        self.seconds.values().map(|second| second.letters).max().unwrap_or(0)
    }

    /// The first second after the outage from which on calls come as fast as before it, over ten seconds.
    #[must_use]
    pub fn full_speed_at(&self, events_before: usize) -> Option<u64> {
        let usual = u64::try_from(events_before).unwrap_or(u64::MAX) * 10 / THIRD.as_secs();
        let after = self.seconds.range(self.away.end..).map(|(second, _)| *second);
        after.into_iter().find(|second| self.calls(*second..*second + 10) >= usual * 9 / 10)
    }
}

/// Lets the outage happen: its rules are in force for a [`THIRD`].
///
/// # Panics
/// When the rules are none, or the world does not settle.
pub async fn happen(world: &World, flights: &[Flight], rules: &str) -> Story {
    let (before, rest) = flights.split_at(flights.len() / 3);
    let emulation = world.emulation();
    let seconds = Arc::new(Mutex::new(BTreeMap::new()));
    let watching = watch(world, Arc::clone(&seconds));
    let outage = async {
        feed(world, before, THIRD);
        world.settle().await;
        let began = emulation.now_ms() / 1_000;
        let lasts = format!("for: {}s", THIRD.as_secs());
        let plan = Plan::parse(&rules.replace("for: the-outage", &lasts)).unwrap();
        emulation.adversary().add(&plan);
        feed(world, rest, THIRD * 2);
        world.settle().await;
        began..began + THIRD.as_secs()
    };
    let away = tokio::select! {
        away = outage => away,
        () = watching => unreachable!("it watches for ever"),
    };
    let mut seconds = std::mem::take(&mut *seconds.lock().unwrap());
    for calls in emulation.services().calls("weather") {
        let second: &mut Second = seconds.entry(calls.second).or_default();
        (second.calls, second.faults) = (calls.calls, calls.faults);
    }
    Story { seconds, away }
}

/// A producer's events, evenly over so long: each waits in the inbox until its time.
fn feed(world: &World, flights: &[Flight], over: Duration) {
    let count = u32::try_from(flights.len()).unwrap_or(u32::MAX).max(1);
    for (flight, place) in flights.iter().zip(0_u32..) {
        let due = Duration::from_secs((over * place / count).as_secs());
        world.send_after(due, "Inbox", &flight.line, &[("dataset", "flights")]);
    }
}

/// Looks again and again, until it is dropped.
async fn watch(world: &World, seconds: Arc<Mutex<BTreeMap<u64, Second>>>) {
    loop {
        let second = world.emulation().now_ms() / 1_000;
        let waiting = depth(world.emulation(), world.name("EnrichQueue"));
        let letters = world.emulation().stack().queues.iter();
        let letters = letters.filter(|queue| queue.logical_id.ends_with("Dlq"));
        let letters = letters.map(|queue| depth(world.emulation(), &queue.name)).sum();
        let state = breaker_state(world);
        {
            let mut seconds = seconds.lock().unwrap();
            let seen = seconds.entry(second).or_default();
            seen.waiting = seen.waiting.max(waiting);
            seen.letters = seen.letters.max(letters);
            seen.state = state;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn depth(emulation: &Emulation, queue: &str) -> usize {
    let depth = emulation.sqs().depth(queue);
    depth.map_or(0, |depth| depth.visible + depth.in_flight + depth.delayed)
}

fn breaker_state(world: &World) -> String {
    let items = world.emulation().dynamodb().scan_all(world.name("BreakersTable")).unwrap();
    let record = items.iter().find(|item| item["sk"]["S"] == "record#weather");
    let state = record.and_then(|record| record["breaker_state"]["S"].as_str());
    state.unwrap_or("closed").to_owned()
}
