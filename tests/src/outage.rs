//! A service goes away in the middle of a stream of events, and comes back: what is called, waits and is lost
//! meanwhile, second by second of the emulation's clock.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use emulation::Emulation;
use emulation::faults::Plan;
use serde_json::Value;

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
    /// How long it stays open, where it is open: in seconds, rounded up.
    pub wait_s: Option<u64>,
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

    /// The wait that was in force when the service came back, in seconds: that of the last time that the breaker
    /// opened before.
    #[must_use]
    pub fn wait_at_recovery(&self) -> Option<u64> {
        self.seconds.range(..=self.away.end).rev().find_map(|(_, second)| second.wait_s)
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
    happen_with(world, flights, rules, || ()).await
}

/// As [`happen`], and does something more when half of the outage is over.
///
/// # Panics
/// When the rules are none, or the world does not settle.
pub async fn happen_with(
    world: &World,
    flights: &[Flight],
    rules: &str,
    at_half: impl FnOnce(),
) -> Story {
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
        let away = began..began + THIRD.as_secs();
        let half = async {
            wait_until(emulation, began + THIRD.as_secs() / 2).await;
            at_half();
        };
        tokio::join!(world.settle(), half);
        away
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

/// Until a second of the emulation's clock, since the Unix epoch.
async fn wait_until(emulation: &Emulation, second: u64) {
    while emulation.now_ms() / 1_000 < second {
        tokio::time::sleep(LOOK).await;
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
        let record = breaker_record(world);
        {
            let mut seconds = seconds.lock().unwrap();
            let seen = seconds.entry(second).or_default();
            seen.waiting = seen.waiting.max(waiting);
            seen.letters = seen.letters.max(letters);
            seen.state = record["breaker_state"]["S"].as_str().unwrap_or("closed").to_owned();
            seen.wait_s = wait_s(&record);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn depth(emulation: &Emulation, queue: &str) -> usize {
    let depth = emulation.sqs().depth(queue);
    depth.map_or(0, |depth| depth.visible + depth.in_flight + depth.delayed)
}

/// The item of the table of breakers; null where no call has failed yet.
fn breaker_record(world: &World) -> Value {
    let items = world.emulation().dynamodb().scan_all(world.name("BreakersTable")).unwrap();
    let record = items.into_iter().find(|item| item["sk"]["S"] == "record#weather");
    record.unwrap_or_default()
}

/// How long an open breaker stays open, in seconds, rounded up.
fn wait_s(record: &Value) -> Option<u64> {
    let time_ms = |name: &str| record[name]["N"].as_str()?.parse::<u64>().ok();
    let (since_ms, until_ms) = (time_ms("since")?, time_ms("open_until")?);
    Some(until_ms.saturating_sub(since_ms).div_ceil(1_000))
}
