//! `demo --outage`: makes a service unavailable halfway, and prints a line every two seconds with what happens to
//! calls, events and dead letters.

use std::collections::BTreeSet;
use std::time::Duration;

use emulation::Emulation;
use emulation::faults::{Fault, Plan, Rule, Span};
use sample::{WEATHER as SERVICE, WEATHER_FILE};
use tokio::time::Instant;

use super::stages::StageLog;
use super::{Task, observe};
use crate::failure::Failure;
use crate::output::Output;
use crate::output::text::group_digits;

/// The time over which events are sent evenly.
pub(super) const FEED: Duration = Duration::from_secs(30);
/// When the service becomes unavailable.
const GOES_AT: Duration = Duration::from_secs(8);
const AWAY_FOR: Duration = Duration::from_secs(12);
/// The time between two lines.
const TICK: Duration = Duration::from_secs(2);
/// The longest time that the demo watches.
const LONGEST: Duration = Duration::from_secs(180);

/// Makes the service unavailable and prints lines, until the last event is written and the
/// service is available again.
pub(super) async fn watch(
    emulation: &Emulation,
    log: &StageLog,
    task: &Task,
    output: &Output,
) -> Result<(), Failure> {
    if emulation.services().url(SERVICE).is_none() {
        return Err(Failure::new(format!(
            "there is no service {SERVICE} here that could become unavailable"
        ))
        .next(format!("the sample's contracts and {WEATHER_FILE} bring it along")));
    }
    output.note(&format!(
        "{} events in {} s; after {} s the service {SERVICE} is away for {} s",
        group_digits(u64::try_from(task.input.wanted).unwrap_or(u64::MAX)),
        FEED.as_secs(),
        GOES_AT.as_secs(),
        AWAY_FOR.as_secs()
    ));
    output.note("  time  service  breaker    calls/s  waiting  written  dead letters");
    let stages = observe::last_stages(emulation, &task.dataset);
    let started = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    let mut has_gone = false;
    loop {
        ticks.tick().await;
        let elapsed = started.elapsed();
        if !has_gone && elapsed >= GOES_AT {
            has_gone = true;
            go_away(emulation);
        }
        let moment = Moment::of(emulation, log, &stages);
        let is_away = has_gone && elapsed < GOES_AT + AWAY_FOR;
        output.note(&moment.line(elapsed, is_away));
        let is_done = moment.waiting == 0 && moment.breaker == "closed";
        if (elapsed > GOES_AT + AWAY_FOR && elapsed > FEED && is_done) || elapsed > LONGEST {
            return Ok(());
        }
    }
}

fn go_away(emulation: &Emulation) {
    let away = Rule {
        on: SERVICE.to_owned(),
        lasts: Some(Span(AWAY_FOR)),
        ..Rule::new(Fault::HostFailing)
    };
    emulation.adversary().add(&Plan { seed: 0, rules: vec![away] });
}

/// The numbers of one line.
struct Moment {
    breaker: String,
    calls_a_second: u64,
    waiting: usize,
    written: u64,
    letters: usize,
}

impl Moment {
    fn of(emulation: &Emulation, log: &StageLog, stages: &BTreeSet<String>) -> Self {
        let now = emulation.now_ms() / 1_000;
        let seconds = TICK.as_secs();
        let calls = emulation.services().calls(SERVICE);
        let recent = calls.iter().filter(|calls| (now - seconds..now).contains(&calls.second));
        let (mut waiting, mut letters) = (0, 0);
        for queue in emulation.progress().queues {
            let held = queue.depth.visible + queue.depth.in_flight + queue.depth.delayed;
            match queue.logical_id.as_str() {
                "EnrichQueue" => waiting = held,
                _ if !queue.is_consumed => letters += held,
                _ => {}
            }
        }
        Self {
            breaker: breaker_state(emulation),
            calls_a_second: recent.map(|calls| calls.calls).sum::<u64>() / seconds,
            waiting,
            written: log.written(stages),
            letters,
        }
    }

    fn line(&self, elapsed: Duration, is_away: bool) -> String {
        let service = if is_away { "away" } else { "there" };
        let (waiting, letters) = (count(self.waiting), count(self.letters));
        format!(
            "{:>4} s  {service:<7}  {:<9}  {:>7}  {waiting:>7}  {:>7}  {letters:>12}",
            elapsed.as_secs(),
            self.breaker,
            group_digits(self.calls_a_second),
            group_digits(self.written),
        )
    }
}

fn count(count: usize) -> String {
    group_digits(u64::try_from(count).unwrap_or(u64::MAX))
}

/// The state in the table of breakers. A breaker without a record is closed.
fn breaker_state(emulation: &Emulation) -> String {
    let table = emulation.stack().tables.iter().find(|table| table.logical_id == "BreakersTable");
    let items = table.and_then(|table| emulation.dynamodb().scan_all(&table.name).ok());
    let key = format!("record#{SERVICE}");
    let record = items.unwrap_or_default().into_iter().find(|item| item["sk"]["S"] == key.as_str());
    let state = record.and_then(|record| Some(record["breaker_state"]["S"].as_str()?.to_owned()));
    state.unwrap_or_else(|| "closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_eighty_columns_and_its_heading() {
        let moment = Moment {
            breaker: "half-open".to_owned(),
            calls_a_second: 1_234,
            waiting: 12_345,
            written: 1_000_000,
            letters: 0,
        };
        let line = moment.line(Duration::from_secs(12), true);
        assert_eq!(line, "  12 s  away     half-open    1,234   12,345  1,000,000             0");
    }
}
